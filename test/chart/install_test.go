// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// life is one installation in a cluster that knew nothing of Gatehouse.
type life struct {
	*testing.T

	env *testenv.Env
}

// newLife has an API server of its own. Removing the kinds from the shared one would not do: the API server has taken more than a
// minute for that on a busy machine when they were new, and tests that come later need them.
func newLife(t *testing.T) life {
	t.Helper()
	l := life{t, testenv.StartBare(t)}
	if n := len(l.definitions()); n > 0 {
		l.Fatalf("a new API server knows %d kinds", n)
	}
	l.describe()
	return l
}

// describe has the API server write the description of all kinds, which it does when somebody asks first after they have changed. On a
// busy machine that takes longer than helm waits.
func (l life) describe() {
	l.Helper()
	http, err := rest.HTTPClientFor(l.env.Config)
	if err != nil {
		l.Fatal(err)
	}
	for _, path := range []string{"/openapi/v2", "/openapi/v3"} {
		answer, err := http.Get(l.env.Config.Host + path)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			err = errors.Join(err, answer.Body.Close())
		}
		if err != nil {
			l.Fatal(err)
		}
	}
}

// definitions are those of all kinds that the API server did not bring.
func (l life) definitions() []unstructured.Unstructured {
	l.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
	if err := l.env.Client.List(l.Context(), list); err != nil {
		l.Fatal(err)
	}
	return list.Items
}

func (l life) eventually(what string, done func(context.Context) bool) {
	l.Helper()
	err := wait.PollUntilContextTimeout(l.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) { return done(ctx), nil })
	if err != nil {
		l.Fatalf("%s: %v", what, err)
	}
}

// helm runs helm as administrator; it must not fail, and must say nothing on its standard error, such as a warning.
func (l life) helm(values string, args ...string) string {
	l.Helper()
	stdout, stderr, err := l.try(values, args...)
	if err != nil || stderr != "" {
		l.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return stdout
}

func (l life) try(values string, args ...string) (stdout, stderr string, err error) {
	l.Helper()
	return helm(l.T, values, append(args, "--kubeconfig="+l.env.Kubeconfig)...)
}

func (l life) kubectl(stdin string, args ...string) {
	l.Helper()
	cmd := exec.CommandContext(l.Context(), filepath.Join(l.env.Binaries, "kubectl"), append(args, "--kubeconfig="+l.env.Kubeconfig, "--cache-dir="+l.TempDir())...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// installKinds installs the chart of the kinds, and waits until the API server serves them.
func (l life) installKinds() {
	l.Helper()
	l.helm("", "install", "gatehouse-crds", "charts/gatehouse-crds", "--namespace", system, "--create-namespace")
	l.eventually("the kinds are served", func(ctx context.Context) bool {
		return l.env.Client.List(ctx, &v1alpha1.OAuthClientList{}) == nil && l.env.Client.List(ctx, &v1alpha1.OAuthClientPolicyList{}) == nil
	})
	l.describe()
}

const chosenValues = "issuer: " + issuer + "\n"

func (l life) upgrade(values string) string {
	l.Helper()
	return l.helm(values, "upgrade", "gatehouse", "charts/gatehouse", "--namespace", system, "--values", "-")
}

// get is an object as it is in the cluster; nil if it is not there.
func get[T any, P interface {
	*T
	client.Object
}](l life, namespace, name string) P {
	l.Helper()
	object := P(new(T))
	switch err := l.env.Client.Get(l.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		l.Fatal(err)
	}
	return object
}

// configured reports whether the configuration of the authorization server holds a text.
func (l life) configured(text string) bool {
	l.Helper()
	c := get[corev1.ConfigMap](l, system, "gatehouse-authserver")
	return c != nil && strings.Contains(c.Data["authserver.yaml"], text)
}

// versions are the versions of all objects of the release.
func (l life) versions() map[string]string {
	l.Helper()
	found := map[string]string{}
	for _, o := range documents(l.T, []byte(l.helm("", "get", "manifest", "gatehouse", "--namespace", system))) {
		if err := l.env.Client.Get(l.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			l.Fatal(err)
		}
		found[o.GetKind()+" "+o.GetName()] = o.GetResourceVersion()
	}
	return found
}

// keys are those of the operator.
var keys = []string{"gatehouse-operator-key", "gatehouse-shared-key", "gatehouse-authserver-keys"}

// use does what the operator and a team do: the keys, an OAuthClient and its Secret.
func (l life) use() {
	l.Helper()
	operator := "--as=system:serviceaccount:" + system + ":gatehouse-operator"
	for _, key := range keys {
		l.kubectl("", "create", "secret", "generic", "--namespace", system, key, "--from-literal=key=x", operator)
	}
	// Without the line --- kubectl of the oldest Kubernetes takes what begins with { for JSON.
	l.kubectl("---\n{apiVersion: v1, kind: Namespace, metadata: {name: photos}}", "apply", "-f", "-")
	l.kubectl("---\n{apiVersion: gatehouse.dev/v1alpha1, kind: OAuthClient, metadata: {name: photoprint, namespace: photos}, "+
		"spec: {callbackURLs: ['https://photoprint.example/callback']}}", "apply", "-f", "-")
	l.kubectl("---\n{apiVersion: v1, kind: Secret, type: gatehouse.dev/oauth-client, metadata: {name: photoprint-oauth, namespace: photos, labels: {gatehouse.dev/owner-uid: x}}}",
		"create", "-f", "-", operator)
}

// kept are the UIDs of what no uninstall may take.
func (l life) kept() map[string]types.UID {
	l.Helper()
	found := map[string]types.UID{"client": "", "secret": "", "claim": ""}
	for _, key := range keys {
		found[key] = ""
		if secret := get[corev1.Secret](l, system, key); secret != nil {
			found[key] = secret.UID
		}
	}
	for _, definition := range l.definitions() {
		found[definition.GetName()] = definition.GetUID()
	}
	if claim := get[corev1.PersistentVolumeClaim](l, system, "gatehouse-authserver"); claim != nil && claim.DeletionTimestamp == nil {
		found["claim"] = claim.UID
	}
	if secret := get[corev1.Secret](l, "photos", "photoprint-oauth"); secret != nil {
		found["secret"] = secret.UID
	}
	if photoprint := get[v1alpha1.OAuthClient](l, "photos", "photoprint"); photoprint != nil {
		found["client"] = photoprint.UID
	}
	return found
}

// still fails if something that must be kept is gone, or another one.
func (l life) still(want map[string]types.UID, after string) {
	l.Helper()
	for name, uid := range want {
		if uid == "" {
			l.Fatalf("%s was never there", name)
		}
	}
	if diff := cmp.Diff(want, l.kept()); diff != "" {
		l.Errorf("after %s (-before +after):\n%s", after, diff)
	}
}

func TestAnInstallationFromTheFirstDayToTheLast(t *testing.T) {
	l := newLife(t)

	if _, stderr, err := l.try(chosenValues, "install", "gatehouse", "charts/gatehouse", "--namespace", system, "--create-namespace", "--values", "-"); err == nil ||
		!strings.Contains(stderr, "OAuthClientPolicy") || !strings.Contains(stderr, "ensure CRDs are installed first") {
		t.Errorf("installed without the kinds: %v\n%s", err, stderr)
	}
	l.installKinds()

	notes := l.helm(chosenValues, "install", "gatehouse", "charts/gatehouse", "--namespace", system, "--values", "-")
	for _, want := range []string{
		"MISSING", "create secret tls gatehouse-authserver-tls", "create secret generic gatehouse-users", issuer + "/.well-known/", "gatehouse-operator-key", "kind: OAuthClient", "--verb=authorize --resource=oauthclients.gatehouse.dev", "--user=gatehouse:bob",
		"`helm uninstall` keeps the keys, the volume",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes do not say %q:\n%s", want, notes)
		}
	}
	for _, name := range []string{"gatehouse-authserver-tls", "gatehouse-users"} {
		l.kubectl("", "create", "secret", "generic", "--namespace", system, name, "--from-literal=a=b")
	}
	l.use()
	kept := l.kept()
	if n := len(kept); n != 3+len(keys)+3 {
		t.Fatalf("%d things are kept: %v", n, kept)
	}

	t.Run("an upgrade changes what it says", func(t *testing.T) {
		l := life{t, l.env}
		before := get[appsv1.Deployment](l, system, "gatehouse-authserver")
		if notes := l.upgrade(chosenValues + "config: {sessionHours: 8}"); strings.Contains(notes, "MISSING") {
			t.Errorf("everything is there:\n%s", notes)
		}
		after := get[appsv1.Deployment](l, system, "gatehouse-authserver")
		if !l.configured("sessionHours: 8\n") || cmp.Equal(before.Spec.Template, after.Spec.Template) {
			t.Error("the new configuration is not there, or starts no new pod")
		}
		l.still(kept, "an upgrade")
	})
	t.Run("the same upgrade again changes nothing", func(t *testing.T) {
		l := life{t, l.env}
		before := l.versions()
		l.upgrade(chosenValues + "config: {sessionHours: 8}")
		if diff := cmp.Diff(before, l.versions()); diff != "" || len(before) < 30 {
			t.Errorf("of %d objects (-before +after):\n%s", len(before), diff)
		}
	})
	t.Run("a rollback brings the old values back", func(t *testing.T) {
		l := life{t, l.env}
		l.helm("", "rollback", "gatehouse", "1", "--namespace", system)
		if !l.configured("sessionHours: 12\n") {
			t.Error("the old configuration is not there")
		}
		l.still(kept, "a rollback")
	})
	t.Run("several replicas and back keep the volume", func(t *testing.T) {
		l := life{t, l.env}
		l.upgrade(chosenValues + onPostgres)
		if d := get[appsv1.Deployment](l, system, "gatehouse-authserver"); d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || !l.configured("store: postgres://") {
			t.Errorf("strategy %s", d.Spec.Strategy.Type)
		}
		l.still(kept, "the change to PostgreSQL")
		l.upgrade(chosenValues)
		if d := get[appsv1.Deployment](l, system, "gatehouse-authserver"); d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType || *d.Spec.Replicas != 1 || !l.configured("store: sqlite:") {
			t.Errorf("strategy %s, %d replicas", d.Spec.Strategy.Type, *d.Spec.Replicas)
		}
		l.still(kept, "the change back to SQLite")
	})
	t.Run("an uninstall keeps data, keys and kinds", func(t *testing.T) {
		l := life{t, l.env}
		if said := l.helm("", "uninstall", "gatehouse", "--namespace", system); !strings.Contains(said, "kept due to the resource policy") || !strings.Contains(said, "[PersistentVolumeClaim] gatehouse-authserver") {
			t.Errorf("helm does not say what it keeps:\n%s", said)
		}
		if said := l.helm("", "uninstall", "gatehouse-crds", "--namespace", system); strings.Count(said, "[CustomResourceDefinition]") != 3 {
			t.Errorf("helm does not say what it keeps:\n%s", said)
		}
		l.still(kept, "the uninstall")
		l.leaves()
	})
	t.Run("what is installed again finds all of it", func(t *testing.T) {
		l := life{t, l.env}
		l.installKinds()
		l.helm(chosenValues, "install", "gatehouse", "charts/gatehouse", "--namespace", system, "--values", "-")
		l.still(kept, "another install")
	})
	t.Run("the commands of the page remove the rest", func(t *testing.T) {
		l := life{t, l.env}
		l.helm("", "uninstall", "gatehouse", "--namespace", system)
		l.helm("", "uninstall", "gatehouse-crds", "--namespace", system)
		l.removeForGood()
	})
}

// leaves fails if objects of the release are left that were not to be kept.
func (l life) leaves() {
	l.Helper()
	for _, o := range render(l.T, system, chosenValues) {
		kind := o.GetKind()
		if kind == "PersistentVolumeClaim" || kind == "OAuthClientPolicy" {
			continue
		}
		if err := l.env.Client.Get(l.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			l.Errorf("%s %s is still there: %v", kind, o.GetName(), err)
		}
	}
}

// removeForGood runs the commands that docs/install.md gives.
func (l life) removeForGood() {
	l.Helper()
	page, err := os.ReadFile(root + "/docs/install.md")
	if err != nil {
		l.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "<!-- the test of the chart runs these -->\n")
	section, _, found := strings.Cut(section, "```\n\n")
	lines := slices.DeleteFunc(strings.Split(section, "\n"), func(line string) bool { return !strings.HasPrefix(line, "kubectl ") })
	if !found || len(lines) < 2 {
		l.Fatalf("the page says how to remove what is kept in %d commands", len(lines))
	}
	for _, line := range lines {
		l.kubectl("", strings.Fields(strings.TrimPrefix(line, "kubectl "))...)
	}
	if n := len(l.definitions()); n > 0 {
		l.Errorf("%d kinds are left", n)
	}
	for _, key := range keys {
		if get[corev1.Secret](l, system, key) != nil {
			l.Errorf("%s is left", key)
		}
	}
	if claim := get[corev1.PersistentVolumeClaim](l, system, "gatehouse-authserver"); claim != nil && claim.DeletionTimestamp == nil {
		l.Error("the volume is left")
	}
	if get[corev1.Secret](l, "photos", "photoprint-oauth") != nil { // it has no owner, like that of an OAuthClient with Retain
		l.Error("the Secret of a client is left")
	}
}
