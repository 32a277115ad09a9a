// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// managed is an object as a GitOps repository holds it, and what kubectl does with it.
type managed struct {
	w        *environment
	tenant   *tenant
	kind     string
	manifest string // with %s for the description of something; kubectl of the oldest Kubernetes takes what begins with { for JSON, not for YAML
	object   client.Object
}

// managedKinds returns one object of each kind that gets credentials, applied and ready.
func managedKinds(w *environment) []*managed {
	w.t.Helper()
	x := w.tenant("gitops", lax)
	client := &managed{w: w, tenant: x, kind: v1alpha1.KindOAuthClient, object: x.draft("app"), manifest: fmt.Sprintf(`---
{
		apiVersion: gatehouse.dev/v1alpha1, kind: OAuthClient, metadata: {namespace: %s, name: app},
		spec: {callbackURLs: ["https://%s/app"], description: "%%s", oauth2: {grantTypes: [AuthorizationCode, ClientCredentials]}}}`, x.namespace, x.host())}
	server := &managed{w: w, tenant: x, kind: v1alpha1.KindResourceServer, object: x.server("api"), manifest: fmt.Sprintf(`---
{
		apiVersion: gatehouse.dev/v1alpha1, kind: ResourceServer, metadata: {namespace: %s, name: api},
		spec: {identifiers: ["api://%s"], scopes: [{name: %s.read, description: "%%s"}]}}`, x.namespace, x.namespace, x.namespace)}
	return []*managed{client, server}
}

// eachKind runs the test for both kinds.
func eachKind(t *testing.T, test func(m *managed)) {
	w := start(t)
	for _, m := range managedKinds(w) {
		t.Run(m.kind, func(t *testing.T) {
			w := *w
			w.t = t
			tenant := *m.tenant
			tenant.w = &w
			m.w, m.tenant = &w, &tenant
			test(m)
		})
	}
}

// kubectl runs kubectl as an administrator with the object on its standard input, and returns what it prints.
func (m *managed) kubectl(description string, args ...string) (string, error) {
	m.w.t.Helper()
	args = append([]string{"--kubeconfig=" + m.w.Kubeconfig, "--cache-dir=" + m.w.file("cache")}, args...)
	cmd := exec.CommandContext(m.w.t.Context(), filepath.Join(m.w.Binaries, "kubectl"), args...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf(m.manifest, description))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// done demands that kubectl succeeds.
func (m *managed) done(description string, args ...string) string {
	m.w.t.Helper()
	out, err := m.kubectl(description, args...)
	if err != nil {
		m.w.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// named are the arguments that name the object.
func (m *managed) named() []string {
	return []string{strings.ToLower(m.kind) + "/" + m.object.GetName(), "--namespace=" + m.object.GetNamespace()}
}

// issued waits until the object is ready and returns its credentials and its UID.
func (m *managed) issued() (app, string) {
	m.w.t.Helper()
	a := m.w.app(m.object)
	return a, string(m.object.GetUID())
}

// accepted reports whether the server takes the credentials.
func (m *managed) accepted(a app) bool {
	status, _ := a.post("/oauth2/introspect", url.Values{"token": {"x"}})
	return status == http.StatusOK
}

// refused waits until the server refuses the credentials as those of nobody.
func (m *managed) refused(a app) {
	m.w.t.Helper()
	m.w.eventually("the server answers 401", func() bool {
		status, _ := a.post("/oauth2/introspect", url.Values{"token": {"x"}})
		return status == http.StatusUnauthorized
	})
}

// gone waits until the Secret is gone.
func (m *managed) gone(secret string) {
	m.w.t.Helper()
	m.w.eventually("the Secret is gone", func() bool {
		key := client.ObjectKey{Namespace: m.object.GetNamespace(), Name: secret}
		return apierrors.IsNotFound(m.w.Client.Get(m.w.t.Context(), key, &corev1.Secret{}))
	})
}

func TestKubectlReplaceKeepsTheCredentials(t *testing.T) {
	eachKind(t, func(m *managed) {
		m.done("Before", "apply", "--filename=-")
		before, uid := m.issued()
		m.done("After", "replace", "--filename=-")
		after, now := m.issued()
		if after != before || now != uid || !m.accepted(before) {
			m.w.t.Errorf("the credentials changed: %v, %v", after.id, before.id)
		}
	})
}

// N158: what is deleted and created again is another object: it gets what is its own, and the old secret opens nothing.
func TestN158KubectlReplaceByForceMakesNewCredentials(t *testing.T) {
	eachKind(t, func(m *managed) {
		m.done("Before", "apply", "--filename=-")
		before, uid := m.issued()
		m.done("After", "replace", "--force", "--filename=-")
		after, now := m.issued()
		if now == uid || after.id != before.id || after.secret == before.secret {
			m.w.t.Errorf("the object with the UID %s has the credentials of %s", now, uid)
		}
		m.refused(before)
		if !m.accepted(after) {
			m.w.t.Error("the new secret is refused")
		}
		claims := m.w.issued(m.object).Claims
		if len(claims) == 0 {
			m.w.t.Error("the object has no claim: the test shows nothing of claims")
		}
		for _, claim := range claims {
			if claim.Since == nil {
				m.w.t.Errorf("the claim %s was lost", claim.Name)
			}
		}
	})
}

func TestN158AForegroundDeletionTakesTheSecretFirst(t *testing.T) {
	eachKind(t, func(m *managed) {
		m.done("Before", "apply", "--filename=-")
		before, _ := m.issued()
		secret := m.w.issued(m.object).SecretName
		m.done("", append([]string{"delete", "--cascade=foreground", "--wait", "--timeout=60s"}, m.named()...)...)
		m.gone(secret)
		m.refused(before)
		m.done("After", "apply", "--filename=-")
		if after, _ := m.issued(); after.secret == before.secret {
			m.w.t.Error("the old secret is back")
		}
	})
}

// N158: a Secret that lost its object is nobody's: the next object of the name does not take it, and says so.
func TestN158AnOrphanedSecretBelongsToNobody(t *testing.T) {
	eachKind(t, func(m *managed) {
		m.done("Before", "apply", "--filename=-")
		before, _ := m.issued()
		secret := m.w.issued(m.object).SecretName
		m.done("", append([]string{"delete", "--cascade=orphan", "--wait", "--timeout=60s"}, m.named()...)...)
		m.refused(before)
		m.done("After", "apply", "--filename=-")
		m.w.condition(m.object, v1alpha1.ConditionReady, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretConflict))
		m.w.condition(m.object, v1alpha1.ConditionAccepted, metav1.ConditionTrue)
		m.refused(before)
		m.done("", "delete", "secret", secret, "--namespace="+m.object.GetNamespace())
		m.done("", append(append([]string{"annotate"}, m.named()...), "example.com/look=again")...)
		if after, _ := m.issued(); after.secret == before.secret || !m.accepted(after) {
			m.w.t.Error("the new object has no secret of its own")
		}
	})
}

// N157: an object that waits for a finalizer is refused, and every column and tool says so.
func TestN157AnObjectThatWaitsForAFinalizerIsRefused(t *testing.T) {
	eachKind(t, func(m *managed) {
		m.done("Before", "apply", "--filename=-")
		before, _ := m.issued()
		secret := m.w.issued(m.object).SecretName
		m.done("", append([]string{"patch", "--type=merge", `--patch={"metadata":{"finalizers":["example.com/wait"]}}`}, m.named()...)...)
		m.done("", append([]string{"delete", "--wait=false"}, m.named()...)...)
		m.w.condition(m.object, v1alpha1.ConditionReady, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonDeleting))
		m.refused(before)
		columns := strings.Fields(m.done("", append([]string{"get", "--no-headers"}, m.named()...)...))
		if len(columns) < 6 || strings.Join(columns[3:6], " ") != "False False Deleting" {
			m.w.t.Errorf("kubectl get shows %q", columns)
		}
		if out, err := m.kubectl("", append([]string{"wait", "--for=condition=Ready", "--timeout=0"}, m.named()...)...); err == nil {
			m.w.t.Errorf("kubectl wait is content: %s", out)
		}
		m.done("", append([]string{"patch", "--type=merge", `--patch={"metadata":{"finalizers":null}}`}, m.named()...)...)
		m.gone(secret)
	})
}

// What the API server holds after somebody added to a list by hand is shown by a diff, and taken back by the next apply.
func TestKubectlShowsAndTakesBackWhatWasAddedByHand(t *testing.T) {
	added := map[string]string{
		v1alpha1.KindOAuthClient:    `{"spec":{"callbackURLs":["https://%s/app","https://evil.example/cb"]}}`,
		v1alpha1.KindResourceServer: `{"spec":{"identifiers":["api://evil","api://%s"]}}`,
	}
	eachKind(t, func(m *managed) {
		byServer := []string{"--server-side", "--field-manager=argocd-controller", "--force-conflicts", "--filename=-"}
		m.done("Before", append([]string{"apply"}, byServer...)...)
		m.issued()
		patch := fmt.Sprintf(added[m.kind], map[string]string{v1alpha1.KindOAuthClient: m.tenant.host(), v1alpha1.KindResourceServer: m.tenant.namespace}[m.kind])
		m.done("", append([]string{"patch", "--type=merge", "--patch=" + patch}, m.named()...)...)
		if out, err := m.kubectl("Before", append([]string{"diff"}, byServer...)...); err == nil || !strings.Contains(out, "evil") {
			m.w.t.Errorf("kubectl diff shows nothing (%v): %s", err, out)
		}
		m.done("Before", append([]string{"apply"}, byServer...)...)
		m.issued() // the status names what is claimed, until the operator has seen the object
		if out := m.done("", append([]string{"get", "--output=yaml"}, m.named()...)...); strings.Contains(out, "evil") {
			m.w.t.Errorf("it is still there: %s", out)
		}
		if out, err := m.kubectl("Before", append([]string{"diff"}, byServer...)...); err != nil {
			m.w.t.Errorf("kubectl diff still shows something: %v %s", err, out)
		}
	})
}

// N159: a namespace that is deleted with everything in it is no error of either program.
func TestN159TheDeletionOfANamespaceLogsNoError(t *testing.T) {
	w := start(t)
	x := w.tenant("leaving", lax)
	for i := range 5 {
		oc, rs := x.draft(fmt.Sprintf("app-%d", i)), x.server(fmt.Sprintf("api-%d", i), scope(fmt.Sprintf("%s.%d", x.namespace, i)))
		x.apply(oc)
		x.apply(rs)
		w.condition(oc, v1alpha1.ConditionReady, metav1.ConditionTrue)
		w.condition(rs, v1alpha1.ConditionReady, metav1.ConditionTrue)
	}
	w.must(w.Client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: x.namespace}}))
	w.eventually("the namespace is gone", func() bool {
		return apierrors.IsNotFound(w.Client.Get(t.Context(), client.ObjectKey{Name: x.namespace}, &corev1.Namespace{}))
	})
	seen := false
	for _, program := range []string{"operator", "authserver"} {
		text, err := os.ReadFile(w.file(program + ".log"))
		w.must(err)
		for line := range strings.Lines(string(text)) {
			seen = seen || strings.Contains(line, `"level":"INFO"`)
			if strings.Contains(line, x.namespace) && (strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, `"level":"WARN"`)) {
				t.Errorf("%s: %s", program, line)
			}
		}
	}
	if !seen {
		t.Error("the logs hold no line at all: their form has changed, and this test shows nothing")
	}
}
