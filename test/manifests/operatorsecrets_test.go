// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// ownerLabel marks a Secret as the operator's.
var ownerLabel = map[string]string{v1alpha1.LabelOwnerUID: "2f1c"}

func secretOf(namespace, name, kind string, labels map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Type:       corev1.SecretType(kind), Data: map[string][]byte{"client-id": []byte("x")},
	}
}

// guarded is deployed, with the admission policy of the operator's account in force: the API server takes a moment to learn it.
func guarded(t *testing.T) (env *testenv.Env, operator client.Client) {
	t.Helper()
	env = deployed(t)
	operator = serviceAccount("gatehouse-operator").client(t, env)
	eventually(t, "the policy is in force", func(ctx context.Context) (bool, error) {
		err := operator.Create(ctx, secretOf("default", "probe", "Opaque", nil), client.DryRunAll)
		return apierrors.IsInvalid(err) || apierrors.IsForbidden(err), nil
	})
	return env, operator
}

// accountToken asks for a token of a powerful account in the way that needs no right but to write Secrets.
func accountToken(name string, labels map[string]string) *corev1.Secret {
	secret := secretOf("kube-system", name, string(corev1.SecretTypeServiceAccountToken), labels)
	secret.Annotations = map[string]string{corev1.ServiceAccountNameKey: "clusterrole-aggregation-controller"}
	return secret
}

// N110: the token of an account that may escalate roles is that of the cluster's administrator.
func TestN110AStolenOperatorTokenGetsNoTokenOfAnotherAccount(t *testing.T) {
	env, operator := guarded(t)
	for _, labels := range []map[string]string{nil, ownerLabel} {
		err := operator.Create(t.Context(), accountToken("stolen", labels))
		wantDenied(t, err, "must not write a Secret of type kubernetes.io/service-account-token")
	}

	// The roles alone would allow it: another account with the same role gets the token.
	twin := serviceAccount("twin")
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "twin"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "gatehouse-operator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: "twin"}},
	}
	if err := env.Client.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, env, binding, accountToken("twin", nil)) })
	await(t, env, []row{{twin, "create", "secrets", "kube-system", allowed}})
	if err := twin.client(t, env).Create(t.Context(), accountToken("twin", nil)); err != nil {
		t.Fatalf("without the policy the Secret is made: %v", err)
	}
	eventually(t, "Kubernetes puts a token into it", func(ctx context.Context) (bool, error) {
		made := accountToken("twin", nil)
		err := twin.client(t, env).Get(ctx, client.ObjectKeyFromObject(made), made)
		return len(made.Data[corev1.ServiceAccountTokenKey]) > 0, err
	})
}

func remove(t *testing.T, env *testenv.Env, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := env.Client.Delete(context.WithoutCancel(t.Context()), object); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	}
}

// wantDenied demands that the admission policy of the operator's account refused, in these words.
func wantDenied(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "gatehouse-operator-secrets") || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want it denied with %q", err, words)
	}
}

// N110: types first, in every place where a Secret could be made.
func TestN110TheOperatorMakesNoSecretThatOthersObey(t *testing.T) {
	env, operator := guarded(t)
	namespace := env.Namespace(t)
	for _, kind := range []string{
		"Opaque", "kubernetes.io/service-account-token", "kubernetes.io/tls", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth",
		"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg", "bootstrap.kubernetes.io/token", "helm.sh/release.v1",
		"gatehouse.dev/oauth-client2", "nginx.org/oidc",
	} {
		for _, where := range []string{namespace, "kube-system", system} {
			err := operator.Create(t.Context(), complete(where, kind), client.DryRunAll)
			wantDenied(t, err, "must not write a Secret of type "+kind)
		}
	}
	err := operator.Create(t.Context(), secretOf(namespace, "made", "gatehouse.dev/oauth-client", nil))
	wantDenied(t, err, "must write only Secrets with the label gatehouse.dev/owner-uid")
	if err := operator.Create(t.Context(), secretOf(namespace, "made", "gatehouse.dev/oauth-client", ownerLabel)); err != nil {
		t.Errorf("a Secret of our type with our label: %v", err)
	}
}

// complete is a Secret with all that the API server demands of any type, so that it refuses none for another reason.
func complete(namespace, kind string) *corev1.Secret {
	secret := secretOf(namespace, "made", kind, ownerLabel)
	secret.Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	for _, key := range []string{"tls.crt", "tls.key", "username", "password", "ssh-privatekey"} {
		secret.Data[key] = []byte("x")
	}
	secret.Data[corev1.DockerConfigJsonKey], secret.Data[corev1.DockerConfigKey] = []byte("{}"), []byte("{}")
	return secret
}

// recorded is a Secret of the default type that bears what the operator puts on each of its own, an owner excepted.
func recorded(namespace, name string) *corev1.Secret {
	secret := secretOf(namespace, name, v1alpha1Type, map[string]string{v1alpha1.LabelOwnerUID: "2f1c"})
	secret.Annotations = map[string]string{v1alpha1.AnnotationIssued: "{}"}
	return secret
}

// N110: a Secret of somebody else cannot be turned into one of ours nor deleted, and one of ours cannot leave our hands.
func TestN110TheOperatorTouchesNoSecretOfAnybodyElse(t *testing.T) {
	env, operator := guarded(t)
	namespace := env.Namespace(t)
	const (
		data, label = `{"data":{"client-id":"eA=="}}`, `{"metadata":{"labels":{"gatehouse.dev/owner-uid":"2f1c"}}}`
		foreign     = "must not touch a Secret that somebody else made"
	)
	for _, row := range []struct {
		name, patch, denied string // no denial: it is allowed
		undeleted           string
		edit                func(*corev1.Secret)
		manager             client.FieldOwner
	}{
		{"opaque", data, "of type Opaque", "of type Opaque", func(s *corev1.Secret) { s.Type, s.Labels = "Opaque", nil }, "others"},
		{"opaque-labelled", label, "of type Opaque", "of type Opaque", func(s *corev1.Secret) { s.Type, s.Labels = "Opaque", nil }, "others"},
		{"label-taken-off", `{"metadata":{"labels":{"gatehouse.dev/owner-uid":null}}}`, "must write only Secrets with the label", "",
			func(*corev1.Secret) {}, "others"},
		{"recorded", data, "", "", func(*corev1.Secret) {}, "others"},
		{"lost-its-label", data, "", "", func(s *corev1.Secret) { s.Labels = nil }, "others"},
		{"label-put-back", label, "", "", func(s *corev1.Secret) { s.Labels = nil }, "others"},
		{"lost-its-record", data, "", "", func(s *corev1.Secret) { s.Annotations = nil }, "gatehouse-2f1c"},
		{"controlled", data, "", "", func(s *corev1.Secret) {
			s.Annotations, s.OwnerReferences = nil, owned(noVersion, "ResourceServer", "2f1c", new(true))
		}, "others"},
		{"the-label-alone", data, foreign, foreign, func(s *corev1.Secret) { s.Annotations = nil }, "others"},
		{"the-type-alone", label, foreign, foreign, func(s *corev1.Secret) { s.Annotations, s.Labels = nil, nil }, "others"},
		{"controlled-by-another-kind", data, foreign, foreign, func(s *corev1.Secret) {
			s.OwnerReferences = owned("apps/v0", "Deployment", "2f1c", new(true))
		}, "gatehouse-2f1c"},
		{"controlled-in-another-group", data, foreign, foreign, func(s *corev1.Secret) {
			s.OwnerReferences = owned("gatehouse.dev.example/v1", "OAuthClient", "2f1c", new(true))
		}, "gatehouse-2f1c"},
	} {
		secret := recorded(namespace, row.name)
		row.edit(secret)
		if err := env.Client.Create(t.Context(), secret, row.manager); err != nil {
			t.Fatal(err)
		}
		wantSecret(t, row.name, operator.Patch(t.Context(), secret.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(row.patch)), client.DryRunAll), row.denied)
		wantSecret(t, row.name+" deleted", operator.Delete(t.Context(), secret), row.undeleted)
	}
}

func wantSecret(t *testing.T, what string, err error, denied string) {
	t.Helper()
	if denied != "" {
		wantDenied(t, err, denied)
	} else if err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

// N110: a template cannot name labels and annotations that Kubernetes obeys, so the account sets none; nor a finalizer.
func TestN110TheOperatorSetsNothingOnASecretThatNoTemplateMayName(t *testing.T) {
	env, operator := guarded(t)
	namespace := env.Namespace(t)
	type marks = map[string]string
	for n, row := range []struct {
		name, denied        string
		labels, annotations marks
		finalizers          []string
	}{
		{name: "of a template", labels: marks{"team": "print", "app.kubernetes.io/part-of": "argocd"}, annotations: marks{"app.kubernetes.io/name": "shop", "a.example/b": "c"}},
		{name: "a label of Kubernetes", labels: marks{"kubernetes.io/x": "y"}, denied: "must not set the label kubernetes.io/x of a Secret"},
		{name: "below it", labels: marks{"node-role.kubernetes.io/x": "y"}, denied: "must not set the label node-role.kubernetes.io/x of a Secret"},
		{name: "of k8s.io", labels: marks{"x.k8s.io/y": "z"}, denied: "must not set the label x.k8s.io/y of a Secret"},
		{name: "another one of ours", labels: marks{v1alpha1.LabelGivenSecret: "true"}, denied: "must not set the label gatehouse.dev/given-secret of a Secret"},
		{name: "an annotation of Kubernetes", annotations: marks{"kubernetes.io/service-account.name": "x"}, denied: "must not set the annotation kubernetes.io/service-account.name of a Secret"},
		{name: "another annotation of ours", annotations: marks{"gatehouse.dev/x": "y"}, denied: "must not set the annotation gatehouse.dev/x of a Secret"},
		{name: "a finalizer", finalizers: []string{"example.com/stay"}, denied: "must not add a finalizer to a Secret"},
	} {
		made, seen := recorded(namespace, fmt.Sprintf("made-%d", n)), recorded(namespace, fmt.Sprintf("seen-%d", n))
		if err := env.Client.Create(t.Context(), seen); err != nil {
			t.Fatal(err)
		}
		set := func(s *corev1.Secret) *corev1.Secret {
			s = s.DeepCopy()
			maps.Copy(s.Labels, row.labels)
			maps.Copy(s.Annotations, row.annotations)
			s.Finalizers = row.finalizers
			return s
		}
		wantSecret(t, row.name, operator.Create(t.Context(), set(made), client.DryRunAll), row.denied)
		wantSecret(t, row.name, operator.Patch(t.Context(), set(seen), client.MergeFrom(seen), client.DryRunAll), row.denied)
		bears := set(recorded(namespace, fmt.Sprintf("bears-%d", n)))
		bears.Finalizers = nil
		if err := env.Client.Create(t.Context(), bears); err != nil {
			t.Fatal(err)
		}
		data := client.RawPatch(types.MergePatchType, []byte(`{"data":{"client-id":"eA=="}}`))
		wantSecret(t, row.name+", set by somebody else", operator.Patch(t.Context(), bears, data, client.DryRunAll), "")
	}
}

const v1alpha1Type = string(v1alpha1.SecretTypeDefault)

// N110: a type that an administrator lists may be written, where our label stood before; those of Kubernetes and Helm never.
func TestN110AListedTypeIsWrittenAndThoseOfKubernetesNever(t *testing.T) {
	env, _ := guarded(t)
	text := strings.ReplaceAll(read(t, root+"/config/rbac/operator_secrets.yaml"), "name: gatehouse-operator-secrets", "name: listed")
	text, _, _ = strings.Cut(text, "# The same for the ConfigMaps") // another policy
	text = strings.ReplaceAll(text, "policyName: gatehouse-operator-secrets", "policyName: listed")
	text = strings.ReplaceAll(text, ":gatehouse-operator$", ":listed$")
	text = strings.Replace(text, "['gatehouse.dev/oauth-client']", "['gatehouse.dev/oauth-client', 'nginx.org/oidc', 'kubernetes.io/tls', 'helm.sh/release.v1', 'bootstrap.kubernetes.io/token']", 1)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "listed"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "gatehouse-operator"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: system, Name: "listed"}},
	}
	if err := env.Client.Create(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, env, binding) })
	kubectl(t, env, []byte(text), "apply", "--server-side", "-f", "-")
	account := serviceAccount("listed")
	await(t, env, []row{{account, "create", "secrets", "", allowed}})
	c, namespace := account.client(t, env), env.Namespace(t)
	for _, kind := range []string{"kubernetes.io/tls", "helm.sh/release.v1", "bootstrap.kubernetes.io/token"} {
		secret := complete(namespace, kind)
		eventually(t, kind+" is denied", func(ctx context.Context) (bool, error) {
			err := c.Create(ctx, secret.DeepCopy(), client.DryRunAll)
			return err != nil && strings.Contains(err.Error(), "must never write a Secret of type "+kind), nil
		})
	}
	if err := c.Create(t.Context(), secretOf(namespace, "ours", "nginx.org/oidc", ownerLabel)); err != nil {
		t.Errorf("a Secret of a listed type with our label: %v", err)
	}
	foreign := secretOf(namespace, "foreign", "nginx.org/oidc", nil)
	if err := env.Client.Create(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"take it over": c.Patch(t.Context(), foreign.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"gatehouse.dev/owner-uid":"x"}}}`))),
		"delete it":    c.Delete(t.Context(), foreign.DeepCopy()),
	} {
		if err == nil || !strings.Contains(err.Error(), "must not touch a Secret that somebody else made") {
			t.Errorf("%s: got %v, want it denied", what, err)
		}
	}
}

// N110: the keys are made and rotated under the policy, and cannot be taken away or be another kind of Secret.
func TestN110TheOperatorMakesAndRotatesItsKeysAndDeletesNone(t *testing.T) {
	env, operator := guarded(t)
	names := []string{credential.OperatorKeySecret, credential.SharedKeySecret, credential.AuthserverKeysSecret}
	for _, name := range names {
		remove(t, env, secretOf(system, name, "Opaque", nil)) // of another test
		wantDenied(t, operator.Create(t.Context(), secretOf(system, name, v1alpha1Type, ownerLabel)), "with the type Opaque")
		elsewhere := secretOf("default", name, "Opaque", nil)
		wantDenied(t, operator.Create(t.Context(), elsewhere), "of type Opaque")
	}
	now := time.Now()
	keys := &controllers.KeysReconciler{
		Client: operator, Live: operator, Namespace: system, Keys: &controllers.Keys{}, NewSigningKey: credential.NewSigningKey,
		Events: noEvents{}, Now: func() time.Time { return now },
	}
	reconcileKeys := func() {
		t.Helper()
		if _, err := keys.Reconcile(t.Context(), ctrl.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	set := func() *corev1.Secret {
		t.Helper()
		secret := &corev1.Secret{}
		if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: system, Name: credential.AuthserverKeysSecret}, secret); err != nil {
			t.Fatal(err)
		}
		return secret
	}
	reconcileKeys()
	before := set()
	now = now.Add(40 * 24 * time.Hour)
	reconcileKeys()
	if after := set(); after.ResourceVersion == before.ResourceVersion {
		t.Error("40 days later the keys of the tokens are not rotated")
	}
	for _, name := range names {
		wantDenied(t, operator.Delete(t.Context(), secretOf(system, name, "Opaque", nil)), "must not delete a key Secret")
	}
	if err := operator.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(system)); !apierrors.IsForbidden(err) {
		t.Errorf("delete all at once: got %v, want it forbidden", err)
	}
}

// N110: the role lets the operator make a ConfigMap of any name beside its keys; the policy those of released claims.
func TestN110TheOperatorMakesNoConfigMapButThoseOfReleasedClaims(t *testing.T) {
	env, operator := guarded(t)
	configMap := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: name}}
	}
	eventually(t, "another name is denied", func(ctx context.Context) (bool, error) {
		err := operator.Create(ctx, configMap("gatehouse-authserver-2"), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "must write no ConfigMap but those of released claims"), nil
	})
	for _, name := range []string{"gatehouse-released-claims-8", "gatehouse-released-claims-00", "x-gatehouse-released-claims-0"} {
		if err := operator.Create(t.Context(), configMap(name), client.DryRunAll); err == nil {
			t.Errorf("it makes %s", name)
		}
	}
	made := configMap("gatehouse-released-claims-7")
	if err := operator.Create(t.Context(), made); err != nil {
		t.Fatalf("it makes none of its own: %v", err)
	}
	t.Cleanup(func() { remove(t, env, made) })
	made.Data = map[string]string{"claims.json": "[]"}
	if err := operator.Update(t.Context(), made); err != nil {
		t.Errorf("it updates none of its own: %v", err)
	}
}

// noEvents drops Events.
type noEvents struct{}

func (noEvents) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// Lists of one thing: the policy names the keys, the label, the annotation and the type as the code does, in each place, and takes
// the same names for reserved as the rule for a template.
func TestThePolicyOfTheOperatorsAccountNamesWhatTheCodeNames(t *testing.T) {
	text, _, _ := strings.Cut(read(t, root+"/config/rbac/operator_secrets.yaml"), "# The same for the ConfigMaps")
	words := slices.Concat([]string{v1alpha1.LabelOwnerUID, v1alpha1.AnnotationIssued, v1alpha1Type, v1alpha1.GroupVersion.Group + "/"},
		[]string{credential.OperatorKeySecret, credential.SharedKeySecret, credential.AuthserverKeysSecret})
	for _, word := range words {
		if !strings.Contains(text, "'"+word+"'") {
			t.Errorf("the policy for Secrets does not name %s", word)
		}
	}
	for _, quoted := range regexp.MustCompile(`'gatehouse[.-][a-z./-]*'`).FindAllString(text, -1) {
		if name := strings.Trim(quoted, "'"); name != "gatehouse-" && !slices.Contains(words, name) {
			t.Errorf("the policy for Secrets names %s, which the code does not", name)
		}
	}
	const reserved = "'^([^/]*[.])?(gatehouse[.]dev|kubernetes[.]io|k8s[.]io)/'"
	if !strings.Contains(text, `"`+reserved+`"`) || strings.Count(read(t, root+"/api/v1alpha1/secrettemplate_types.go"), "matches(r"+reserved+")") < 2 {
		t.Errorf("the policy for Secrets and the rules for secretTemplate do not both reserve %s", reserved)
	}
}
