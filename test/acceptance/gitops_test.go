// SPDX-License-Identifier: Apache-2.0

//go:build acceptance && argocd

package acceptance

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testenv/gitops"
)

// gitopsNamespace has the clients that an Application of Argo CD manages, and fifty is their number.
const (
	gitopsNamespace = "gitops"
	fifty           = 50
	// gitopsLimit is how long the walk of one Application takes at most, on a busy machine.
	gitopsLimit = 10 * time.Minute
)

const gitopsNamespaces = `
apiVersion: v1
kind: Namespace
metadata: {name: gitops}
---
apiVersion: v1
kind: Namespace
metadata: {name: argocd}
`

// application syncs with the code of Argo CD.
type application struct {
	t   *testing.T
	w   *environment
	in  *json.Encoder
	out *bufio.Scanner

	serverSide bool // ServerSideApply and ServerSideDiff
}

// gitopsRequest and gitopsAnswer are what programs/argocd/gitops reads and writes.
type gitopsRequest struct {
	Manifests  []map[string]any `json:"manifests"`
	Sync       bool             `json:"sync"`
	Replace    bool             `json:"replace"`
	Force      bool             `json:"force"`
	ServerSide bool             `json:"serverSide"`
}

type gitopsAnswer struct {
	Error     string `json:"error"`
	Resources []struct {
		Key, Name, Version, Result, Health, Message, Drift string
	} `json:"resources"`
}

// argoCDCode builds the program with Argo CD's code, and returns its path.
func argoCDCode(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gitops")
	build := exec.Command("go", "build", "-o", path, "./gitops")
	build.Dir = filepath.Join("test", "acceptance", "programs", "argocd")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the program with Argo CD's code: %v\n%s", err, out)
	}
	return path
}

// application starts an Application. Its health scripts are those of config/argocd.
func (w *environment) application(t *testing.T, path string, serverSide bool) *application {
	t.Helper()
	in, out := talk(t, "gitops", gitopsLimit, exec.Command(path, w.Kubeconfig))
	a := &application{t: t, w: w, in: json.NewEncoder(in), out: out, serverSide: serverSide}
	a.out.Buffer(nil, 8<<20)
	return a
}

func (a *application) ask(r gitopsRequest) gitopsAnswer {
	a.t.Helper()
	r.ServerSide = a.serverSide
	if err := a.in.Encode(r); err != nil {
		a.t.Fatal(err)
	}
	if !a.out.Scan() {
		a.t.Fatalf("the program with Argo CD's code has ended: %v", a.out.Err())
	}
	var answer gitopsAnswer
	if err := json.Unmarshal(a.out.Bytes(), &answer); err != nil || answer.Error != "" {
		a.t.Fatalf("Argo CD's code: %s %v", answer.Error, err)
	}
	return answer
}

// sync makes the cluster as the manifests are. Each object must end with the result.
func (a *application) sync(result string, r gitopsRequest) {
	a.t.Helper()
	r.Sync = true
	answer := a.ask(r)
	if len(answer.Resources) != fifty {
		a.t.Fatalf("a sync was about %d objects, want %d", len(answer.Resources), fifty)
	}
	for _, one := range answer.Resources {
		if one.Result != result {
			a.t.Errorf("%s is %s, want %s: %s", one.Key, one.Result, result, one.Message)
		}
	}
}

// look refreshes the Application once: nothing may drift, and each object is Healthy or on its way to it, in the eyes of kstatus, too. It
// reports whether all are Healthy. Argo CD looks at what it has read: an object that has changed since is looked at another time.
func (a *application) look(manifests []map[string]any) bool {
	a.t.Helper()
	answer, versions, all := a.ask(gitopsRequest{Manifests: manifests}), map[string]string{}, true
	for _, object := range a.w.items(a.t, "oauthclients") {
		if _, err := gitops.Status(&object); err != nil {
			a.t.Fatal(err)
		}
		versions[object.GetName()] = object.GetResourceVersion()
	}
	for _, one := range answer.Resources {
		switch {
		case one.Version == "" || one.Version != versions[one.Name]:
			all = false
		case one.Drift != "":
			a.t.Fatalf("%s has drifted: %s", one.Key, one.Drift)
		case one.Health == "Progressing":
			all = false
		case one.Health != "Healthy":
			a.t.Fatalf("%s is %s: %s", one.Key, one.Health, one.Message)
		}
	}
	return all
}

// settle looks until all are Healthy.
func (a *application) settle(manifests []map[string]any) {
	a.t.Helper()
	testenv.Eventually(a.t, 2*time.Minute, "all clients are Healthy", func() bool { return a.look(manifests) })
}

// items are the objects of the namespace as they are.
func (w *environment) items(t *testing.T, resource string) []unstructured.Unstructured {
	t.Helper()
	var list unstructured.UnstructuredList
	if err := list.UnmarshalJSON([]byte(w.kubectl(t, "", "get", resource, "--namespace="+gitopsNamespace, "--output=json"))); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// versions are the resource versions of the clients by name.
func (w *environment) versions(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, object := range w.items(t, "oauthclients") {
		versions[object.GetName()] = object.GetResourceVersion()
	}
	return versions
}

// secrets are the client secrets by the name of their client.
func (w *environment) secrets(t *testing.T) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	for _, object := range w.items(t, "secrets") {
		secret, found, err := unstructured.NestedString(object.Object, "data", "client-secret")
		if err != nil || !found {
			t.Fatalf("the Secret %s has no client secret: %v", object.GetName(), err)
		}
		plain, err := base64.StdEncoding.DecodeString(secret)
		if err != nil {
			t.Fatal(err)
		}
		secrets[strings.TrimSuffix(object.GetName(), "-oauth")] = string(plain)
	}
	return secrets
}

// accepted checks that the server takes each client secret.
func (w *environment) accepted(t *testing.T, secrets map[string]string) {
	t.Helper()
	client := w.client(t)
	for name, secret := range secrets {
		body := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Issuer+"/oauth2/token", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(gitopsNamespace+"."+name, secret)
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("the client %s with its secret: %s: %s", name, res.Status, text)
		}
	}
}

// gitopsManifests are fifty clients. Every second one is retained when its object goes.
func gitopsManifests() (manifests []map[string]any, retained []string) {
	for n := range fifty {
		name := fmt.Sprintf("job-%02d", n)
		spec := map[string]any{"oauth2": map[string]any{"grantTypes": []any{"ClientCredentials"}}}
		if n%2 == 0 {
			spec["deletionPolicy"] = "Retain"
			retained = append(retained, name)
		}
		manifests = append(manifests, map[string]any{
			"apiVersion": "gatehouse.dev/v1alpha1", "kind": "OAuthClient",
			"metadata": map[string]any{"name": name, "namespace": gitopsNamespace}, "spec": spec,
		})
	}
	return manifests, retained
}

// Fifty clients are applied, applied again, replaced, pruned and restored by Argo CD's own code while half of them rotate. Nothing drifts,
// health is right at each look, and a client secret is lost only where the object was deleted and not retained.
func TestArgoCDKeepsFiftyClients(t *testing.T) {
	w := start(t)
	w.kubectl(t, gitopsNamespaces, "apply", "--filename=-")
	w.kubectl(t, "", "apply", "--server-side", "--force-conflicts", "--kustomize", "config/argocd")
	manifests, retained := gitopsManifests()
	path := argoCDCode(t)
	for _, serverSide := range []bool{false, true} {
		t.Run(fmt.Sprintf("serverSideApply=%v", serverSide), func(t *testing.T) {
			a := w.application(t, path, serverSide)
			t.Cleanup(func() { // the next Application begins anew
				for _, kind := range []string{"oauthclients", "secrets"} {
					if _, err := w.Kubectl(context.WithoutCancel(t.Context()), "delete", kind, "--all", "--namespace="+gitopsNamespace); err != nil {
						t.Error(err)
					}
				}
			})
			a.sync("Synced", gitopsRequest{Manifests: manifests})
			a.settle(manifests)
			issued := w.secrets(t)
			w.accepted(t, issued)

			before := w.versions(t)
			a.sync("Synced", gitopsRequest{Manifests: manifests})
			a.settle(manifests)
			if after := w.versions(t); !maps.Equal(before, after) {
				t.Errorf("a second sync changed objects: %v became %v", before, after)
			}

			rotated := a.rotateHalf(manifests, issued)
			w.accepted(t, issued) // the overlap lasts a day
			w.accepted(t, rotated)

			a.sync("Synced", gitopsRequest{Manifests: manifests, Replace: true})
			a.settle(manifests)
			a.kept("after a replace", rotated, slices.Collect(maps.Keys(rotated)))

			a.sync("Synced", gitopsRequest{Manifests: manifests, Replace: true, Force: true})
			a.settle(manifests)
			a.kept("after a replace that deletes and creates", rotated, retained)

			a.sync("Pruned", gitopsRequest{})
			testenv.Eventually(t, limit, "all objects are gone", func() bool { return len(w.items(t, "oauthclients")) == 0 })
			a.sync("Synced", gitopsRequest{Manifests: manifests})
			a.settle(manifests)
			a.kept("after a prune by accident", rotated, retained)
		})
	}
}

// rotateHalf rotates the client secrets of every client with an even tens digit and returns what the Secrets hold then. Meanwhile the
// Application is synced again and again.
func (a *application) rotateHalf(manifests []map[string]any, issued map[string]string) map[string]string {
	a.t.Helper()
	var half []string
	for name := range issued {
		if (name[len(name)-2]-'0')%2 == 0 {
			half = append(half, name)
		}
	}
	arguments := append([]string{"annotate", "--namespace=" + gitopsNamespace, "oauthclients"}, half...)
	a.w.kubectl(a.t, "", append(arguments, "gatehouse.dev/rotate-credentials=now")...)
	var secrets map[string]string
	testenv.Eventually(a.t, 2*time.Minute, "half of the client secrets are new", func() bool {
		a.sync("Synced", gitopsRequest{Manifests: manifests})
		a.look(manifests)
		secrets = a.w.secrets(a.t)
		fresh := 0
		for name, secret := range secrets {
			if secret != issued[name] {
				fresh++
			}
		}
		return fresh == len(half)
	})
	a.settle(manifests)
	return secrets
}

// kept checks that the server takes what the Secrets hold, and which client secrets are those of before.
func (a *application) kept(when string, before map[string]string, want []string) {
	a.t.Helper()
	now := a.w.secrets(a.t)
	a.w.accepted(a.t, now)
	for name, secret := range before {
		if same := now[name] == secret; same != slices.Contains(want, name) {
			a.t.Errorf("%s: the client secret of %s is that of before: %v", when, name, same)
		}
	}
}
