// SPDX-License-Identifier: Apache-2.0

package namespaced_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/namespaced"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPolicyIsReadAsTheAPIWouldTakeIt(t *testing.T) {
	want := testenv.Permissive()
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := namespaced.ReadPolicy(write(t, string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("(-written +read):\n%s", diff)
	}
}

func TestAFileThatIsNoPolicyIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown field":  "clients: {consentskip2: true}",
		"a whole object":    "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClientPolicy\nspec: {}",
		"no YAML":           "{",
		"a file too large":  "description: " + strings.Repeat("x", 2<<20),
		"a word for a list": "clients: {profiles: OAuth2}",
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, text)
			if _, err := namespaced.ReadPolicy(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names the file", err)
			}
		})
	}
	if _, err := namespaced.ReadPolicy(filepath.Join(t.TempDir(), "missing.yaml")); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Whatever the API server refuses in an OAuthClientPolicy the file refuses, and it takes what the API server takes.
func TestTheFileAndTheAPIRefuseTheSame(t *testing.T) {
	env := testenv.Start(t)
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("v%d.example", i))
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	for _, text := range []string{
		"{}", "clients: {}", "description: hello",
		"clients: {profiles: [OAuth2, OAuth1]}", "clients: {profiles: [OAuth3]}",
		"clients: {grantTypes: [ClientCredentials]}", "clients: {grantTypes: [Password]}",
		"clients: {callbackHosts: ['*']}", "clients: {callbackHosts: ['*.example.com']}", "clients: {callbackHosts: ['*example.com']}",
		"clients: {callbackHosts: ['{namespace}.example.com:8443']}", "clients: {callbackHosts: ['a*.example.com']}", "clients: {callbackHosts: [Example.com]}",
		"clients: {callbackHosts: ['https://example.com']}", "clients: {callbackHosts: ['']}", "clients: {callbackHosts: ['[::1]:80']}",
		"clients: {callbackHosts: " + many(64) + "}", "clients: {callbackHosts: " + many(65) + "}", "clients: {callbackHosts: ['example.com:443']}",
		"clients: {callbackHosts: ['-a.example']}", "clients: {callbackHosts: ['example.com:0']}", "clients: {callbackHosts: ['{name}.example.com']}",
		"clients: {privateUseSchemes: ['*.*']}", "clients: {privateUseSchemes: [com.example.*]}", "clients: {privateUseSchemes: [javascript]}",
		"clients: {privateUseSchemes: [https]}", "clients: {privateUseSchemes: ['*']}", "clients: {privateUseSchemes: ['com.*.app']}",
		"clients: {clientIDs: ['*']}", "clients: {clientIDs: ['a*b']}", "clients: {clientIDs: ['']}", "clients: {clientIDs: ['{namespace}*']}",
		"clients: {clientIDs: ['{namespace}_*']}", "clients: {clientIDs: ['{namespace}-x*']}", "clients: {clientIDs: ['{other}']}", "clients: {clientIDs: ['a}']}",
		"clients: {maxGrantDurationDays: 90}", "clients: {maxGrantDurationDays: 91}", "clients: {maxGrantDurationDays: -1}",
		"clients: {maxAccessTokenLifetimeSeconds: 60}", "clients: {maxAccessTokenLifetimeSeconds: 59}", "clients: {maxAccessTokenLifetimeSeconds: 86401}",
		"resourceServers: {scopes: ['{namespace}.*']}", "resourceServers: {scopes: ['*.read']}", "resourceServers: {identifiers: ['https://x.example/*']}",
		"resourceServers: {from: [All, Selector]}", "resourceServers: {from: [Everywhere]}",
		"secrets: {maxRotationIntervalDays: 365}", "secrets: {maxRotationIntervalDays: 366}", "secrets: {maxRotationIntervalDays: -1}",
		"secrets: {types: [nginx.org/oidc]}", "secrets: {types: [Opaque]}", "secrets: {types: [kubernetes.io/tls]}", "secrets: {types: [helm.sh/release.v1]}",
		"secrets: {types: [bootstrap.kubernetes.io/token]}", "secrets: {types: ['no type']}",
		"secrets: {labels: [argocd.argoproj.io/secret-type]}", "secrets: {labels: ['a*b']}", "secrets: {annotations: ['example.com/*']}",
	} {
		spec := map[string]any{}
		if err := yaml.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
		policy := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		policy.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("OAuthClientPolicy"))
		policy.SetGenerateName("table-")
		refused := env.Client.Create(t.Context(), policy, client.DryRunAll)
		if _, err := namespaced.ReadPolicy(write(t, text)); (err == nil) != (refused == nil) {
			t.Errorf("%s\n  the API says:  %v\n  the file says: %v", text, refused, err)
		}
	}
}
