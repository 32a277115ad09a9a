// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

// plugin carries out a command of kubectl gatehouse, as somebody with a client certificate.
type plugin struct {
	w         *environment
	namespace string
}

func (w *environment) plugin(namespace string) plugin {
	w.t.Helper()
	cmd := gobuild.Command(w.dir+"/", "./cmd/kubectl-gatehouse")
	cmd.Dir = w.root
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	return plugin{w, namespace}
}

func (p plugin) call(args ...string) (status int, out string) {
	p.w.t.Helper()
	cmd := exec.CommandContext(p.w.t.Context(), p.w.file("kubectl-gatehouse"), append(args, "-n", p.namespace,
		"--kubeconfig="+p.w.Kubeconfig, "--issuer="+p.w.issuer, "--ca-file="+p.w.file("tls.crt"), "--admin-address="+p.w.admin)...)
	text, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

func (p plugin) says(want int, args []string, words ...string) {
	p.w.t.Helper()
	status, out := p.call(args...)
	for _, word := range words {
		if status != want || !strings.Contains(out, word) {
			p.w.t.Errorf("%q: status %d, want %d with %q:\n%s", args, status, want, word, out)
		}
	}
}

// support makes the ServiceAccount that the plugin asks as, with the role for the clients of its namespace.
func (w *environment) support(namespace string) {
	w.t.Helper()
	named := metav1.ObjectMeta{Namespace: namespace, Name: "gatehouse-kubectl"}
	w.must(w.Client.Create(w.t.Context(), &corev1.ServiceAccount{ObjectMeta: named}))
	w.must(w.Client.Create(w.t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: named, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "gatehouse-grants-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "gatehouse-kubectl"}},
	}))
}

func TestThePluginAsksTheRealPrograms(t *testing.T) {
	w := start(t)
	x, y := w.tenant("plugin-shop", lax), w.tenant("plugin-other", lax)
	mine, theirs := x.client("mine", func(*v1alpha1.OAuthClientSpec) {}), y.client("theirs", func(*v1alpha1.OAuthClientSpec) {})
	token := w.login(mine, x, "bob", "", true)
	w.login(theirs, y, "bob", "", true)
	p, other := w.plugin(x.namespace), w.plugin(y.namespace)
	p.says(1, []string{"grants", "mine"}, "kubectl create serviceaccount gatehouse-kubectl")
	w.support(x.namespace)
	w.support(y.namespace)
	w.eventually("the roles count", func() bool {
		first, _ := p.call("grants", "mine")
		second, _ := other.call("grants", "theirs")
		return first == 0 && second == 0
	})
	p.says(0, []string{"grants", "mine"}, "bob", "mine", "LAST USED")
	p.says(0, []string{"grants", "--user=bob", "-o", "json"}, `"client": "mine"`)
	p.says(1, []string{"grants", "theirs"}, "not served")
	p.says(1, []string{"grants", "--user=bob", "-A"}, "there is no ServiceAccount")
	w.restartAuthserver() // which writes what was used
	p.says(0, []string{"get", "mine", "--last-used"}, "mine", " ago", "LAST USED")

	callback := x.callback(mine)
	p.says(0, []string{"explain", "mine", "--redirect-uri=" + callback, "--user=bob"}, "would go through", "ok")
	p.says(1, []string{"explain", "mine", "--redirect-uri=https://elsewhere.example/", "--scope=nothing"}, "would be refused", callback, "elsewhere", "scopes")

	res, err := w.http().Get(w.issuer + "/oauth2/authorize?response_type=code&client_id=" + mine.Status.ClientID + "&redirect_uri=https://elsewhere.example/cb")
	w.must(err)
	w.must(res.Body.Close())
	id := res.Header.Get("X-Request-Id")
	p.says(0, []string{"why", id}, "https://elsewhere.example/cb", callback, "invalid_callback", x.namespace+"/mine")
	other.says(1, []string{"why", id}, "none remembers")
	p.says(1, []string{"why", "no-such-request"}, "replicas that were asked: 1")

	p.says(2, []string{"revoke", "mine", "--all"}, "--yes")
	p.says(0, []string{"revoke", "mine", "--all", "--yes"}, "grants that were ended: 1")
	if answer := w.app(mine).introspect(token); answer["active"] != false {
		t.Errorf("the token of a revoked grant is worth %v", answer)
	}
	other.says(0, []string{"grants", "theirs"}, "bob")

	p.says(0, []string{"rotate", "mine", "--wait=1m"}, "done")
	p.says(0, []string{"reset", "mine", "--yes", "--wait=1m"}, "done")
	p.says(0, []string{"reset", "mine", "--revoke-grants", "--yes", "--wait=1m"}, "done") // and its annotation is taken away again
	p.says(0, []string{"suspend", "mine", "--yes", "--wait=1m"}, "done")
	p.says(0, []string{"resume", "mine", "--wait=1m"}, "done")
}
