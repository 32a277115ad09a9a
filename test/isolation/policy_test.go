// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// plan is something that a tenant would do and that the default policy does not allow.
type plan struct {
	draft func(x *tenant) *v1alpha1.OAuthClient
	// field is the one that the refusals name.
	field string
	// works reports whether the tenant gets what they want with the client.
	works func(x *tenant, oc *v1alpha1.OAuthClient) bool
}

// foil shows that a plan works where the policy allows it, that it is refused when it is applied where the policy does not, and that
// the server and then the operator end it where an object of that kind is in the cluster already.
func (p plan) foil(w *environment) {
	w.t.Helper()
	x := w.tenant("mallory", "")
	x.apply(x.draft("honest"))
	x.refused(p.draft(x), p.field)

	before := w.tenant("mallory", lax)
	oc := p.draft(before)
	before.apply(oc)
	w.condition(oc, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
	w.eventually("the plan works where the policy allows it", func() bool { return p.works(before, oc) })
	w.withoutOperator(func() {
		w.relabel(before.namespace, "")
		w.eventually("the server itself ends it", func() bool { return !p.works(before, oc) })
	})
	denied := w.condition(oc, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	if !strings.Contains(denied.Message, p.field) || !strings.Contains(denied.Message, v1alpha1.DefaultPolicy) {
		w.t.Errorf("the condition names neither %s nor the policy: %s", p.field, denied.Message)
	}
	if p.works(before, oc) {
		w.t.Error("it works again with the operator")
	}
}

// relabel gives a namespace another policy, as an administrator would. "": the default one.
func (w *environment) relabel(namespace, policy string) {
	w.t.Helper()
	value := "null"
	if policy != "" {
		value = `"` + policy + `"`
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"`+v1alpha1.LabelPolicy+`":`+value+`}}}`))
	w.must(w.Client.Patch(w.t.Context(), ns, patch))
}

func TestN115ATenantCannotDeclareAScopeOutsideItsNamespace(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	x.apply(x.server("own", scope(x.namespace+".read")))
	for _, name := range []string{"photos.read", "openid", x.namespace, x.namespace + "2.read", "x." + x.namespace + ".read"} {
		x.refused(x.server("foreign", scope(name)), "spec.scopes[0].name")
	}
}

func TestN116ATenantCannotDeclareAnIdentifierOutsideItsNamespace(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	with := func(identifier string) *v1alpha1.ResourceServer {
		rs := x.server("foreign", scope(x.namespace+".read"))
		rs.Spec.Identifiers = []v1alpha1.Identifier{v1alpha1.Identifier(identifier)}
		return rs
	}
	for _, identifier := range []string{"https://photos.example", "api://photos", "api://" + x.namespace + "2", "api://" + x.namespace + ".photos"} {
		x.refused(with(identifier), "spec.identifiers[0]")
	}
	own := with("api://" + x.namespace + "/photos")
	x.apply(own)
}

// N120: what the server serves is what the status records, so the status is not the tenant's.
func TestN120ATenantCannotWriteAStatus(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	oc, rs := x.draft("honest"), x.server("api", scope(x.namespace+".read"))
	now := metav1.NowMicro()
	forged := v1alpha1.IssuedStatus{
		ClientID: "forged", Claims: []v1alpha1.ClaimStatus{{Kind: v1alpha1.ClaimCallback, Name: "https://shop.example/callback", Since: &now}},
	}
	oc.Status.IssuedStatus, rs.Status.IssuedStatus = forged, forged
	for _, object := range []client.Object{oc, rs} {
		x.apply(object)
		w.condition(object, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
		if s := w.issued(object); s.ClientID == "forged" || len(s.Claims) > 0 && s.Claims[0].Name == "https://shop.example/callback" {
			t.Errorf("a status that came with the %T is kept: %+v", object, s)
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"clientID":"forged"}}`))
		if err := x.api.Status().Patch(t.Context(), object, patch); !apierrors.IsForbidden(err) {
			t.Errorf("patch the status of a %T: %v, want it forbidden", object, err)
		}
		if err := x.api.Status().Update(t.Context(), object); !apierrors.IsForbidden(err) {
			t.Errorf("update the status of a %T: %v, want it forbidden", object, err)
		}
		if err := x.api.Patch(t.Context(), object, patch); err != nil {
			t.Fatal(err)
		}
		if s := w.issued(object); s.ClientID == "forged" {
			t.Errorf("a patch of the %T itself changes its status", object)
		}
	}
}

// N122: the operator's hand writes no label, annotation or type that the tenant's own hand may not.
func TestN122ATenantHasNoSecretWrittenThatOthersObey(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	template := func(change func(*v1alpha1.SecretTemplate)) *v1alpha1.OAuthClient {
		return x.draft("courier", func(s *v1alpha1.OAuthClientSpec) { change(&s.Credentials.SecretTemplate) })
	}
	labels := func(key, value string) func(*v1alpha1.SecretTemplate) {
		return func(s *v1alpha1.SecretTemplate) {
			s.Labels = map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}
		}
	}
	annotations := func(key, value string) func(*v1alpha1.SecretTemplate) {
		return func(s *v1alpha1.SecretTemplate) {
			s.Annotations = map[string]v1alpha1.AnnotationValue{key: v1alpha1.AnnotationValue(value)}
		}
	}
	for _, row := range []struct {
		name, field string
		change      func(*v1alpha1.SecretTemplate)
	}{
		{"a repository of Argo CD", "labels", labels("argocd.argoproj.io/secret-type", "repository")},
		{"a copy into every namespace", "annotations", annotations("reflector.v1.k8s.emberstack.com/reflection-auto-enabled", "true")},
		{"a replica in every namespace", "annotations", annotations("replicator.v1.mittwald.de/replicate-to", ".*")},
		{"the owner of another Secret", "labels", labels("gatehouse.dev/owner-uid", "x")},
		{"the name of a ServiceAccount", "annotations", annotations("kubernetes.io/service-account.name", "default")},
		{"a token of a ServiceAccount", "type", func(s *v1alpha1.SecretTemplate) { s.Type = "kubernetes.io/service-account-token" }},
		{"a token that joins a node", "type", func(s *v1alpha1.SecretTemplate) { s.Type = "bootstrap.kubernetes.io/token" }},
		{"a release of Helm", "type", func(s *v1alpha1.SecretTemplate) { s.Type = "helm.sh/release.v1" }},
		{"a certificate", "type", func(s *v1alpha1.SecretTemplate) { s.Type = "kubernetes.io/tls" }},
		{"a type of a proxy", "type", func(s *v1alpha1.SecretTemplate) { s.Type = "nginx.org/oidc" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := start(t)
			x.w = w
			x.refused(template(row.change), "secretTemplate", row.field)
		})
	}
}

// N122: a type that only the policy of the namespace allows is not written either: the list of the operator's account decides last.
func TestN122APolicyAloneGivesTheOperatorNoOtherType(t *testing.T) {
	w := start(t)
	x := w.tenant("owner", lax)
	oc := x.draft("proxy", func(s *v1alpha1.OAuthClientSpec) { s.Credentials.SecretTemplate.Type = "nginx.org/oidc" })
	x.apply(oc)
	w.condition(oc, v1alpha1.ConditionReady, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
	if !meta.IsStatusConditionTrue(w.issued(oc).Conditions, string(v1alpha1.ConditionAccepted)) {
		t.Error("a trouble with the Secret takes the client out of service")
	}
}
