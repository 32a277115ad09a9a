// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// module is the folder of a module that hack/tools/helm pins.
func module(t *testing.T, path string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f={{.Dir}}", path)
	cmd.Dir = root + "/hack/tools/helm"
	if out, err := exec.CommandContext(t.Context(), "go", "-C", cmd.Dir, "mod", "download", path).CombinedOutput(); err != nil {
		t.Fatalf("go mod download %s: %v\n%s", path, err, out)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Objects of Gateway API and cert-manager are held to the kinds that these projects publish. Server-side apply refuses a field that a
// kind does not have.
func TestAnAPIServerTakesWhatTheChartMakes(t *testing.T) {
	env := testenv.Start(t)
	gateway := filepath.Join(module(t, "sigs.k8s.io/gateway-api"), "config", "crd", "standard")
	_, err := envtest.InstallCRDs(env.Config, envtest.CRDInstallOptions{ErrorIfPathMissing: true, MaxTime: time.Minute, Paths: []string{
		filepath.Join(gateway, "gateway.networking.k8s.io_httproutes.yaml"),
		filepath.Join(gateway, "gateway.networking.k8s.io_tlsroutes.yaml"),
		filepath.Join(module(t, "github.com/cert-manager/cert-manager"), "deploy", "crds", "cert-manager.io_certificates.yaml"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	namespace := env.Namespace(t)
	taken := map[string]int{}
	for name, values := range map[string]string{
		"SQLite":   "apiServer: {ports: [443, 8443]}\nnetworkPolicy: {authserverEgress: [{ports: [{port: 636, protocol: TCP}]}]}\npolicies: {shop: {clients: {consentSkip: true}}}",
		"replicas": onPostgres + "operator: {podLabels: {a: b}, tolerations: [{operator: Exists}], env: [{name: A, value: b}], resources: {limits: {memory: 1Gi}}}",
		"Ingress":  "expose: {type: Ingress, ingress: {className: nginx, annotations: {a: b}}}\ntls: {certManager: {enabled: true, issuerRef: {name: letters}}}\n" + behindAProxy,
		"HTTPRoute": "expose: {type: HTTPRoute, gateway: {parentRefs: [{name: public, namespace: gateways}]}}\n" + behindAProxy +
			"mounts: [{name: corp, secret: ldap}, {name: ca, configMap: company}]",
		"TLSRoute":      byGateway + certified,
		"a class":       "className: partner\nsharedObjects: false",
		"load balancer": "expose: {loadBalancer: {class: example.com/lb, sourceRanges: [192.0.2.0/24]}}\nsecretTypes: [nginx.org/oidc]\nusers: {list: [{id: '1', name: bob, passwordHash: $x}]}",
		"namespaces":    "namespaces: {list: [" + env.Namespace(t) + "]}",
	} {
		for _, o := range render(t, namespace, withIssuer(values)) {
			taken[o.GetKind()]++
			err := env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.DryRunAll, client.ForceOwnership, client.FieldOwner("test"))
			if err != nil {
				t.Errorf("%s: %s %s: %v", name, o.GetKind(), o.GetName(), err)
			}
		}
	}
	for _, kind := range []string{"Ingress", "HTTPRoute", "TLSRoute", "Certificate", "Secret", "HorizontalPodAutoscaler", "OAuthClientPolicy", "ValidatingAdmissionPolicy"} {
		if taken[kind] == 0 {
			t.Errorf("no %s was tried", kind)
		}
	}
	wrong := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute", "spec": map[string]any{"hostname": "x"}}}
	wrong.SetName("wrong")
	wrong.SetNamespace(namespace)
	if err := env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(wrong), client.DryRunAll, client.FieldOwner("test")); err == nil {
		t.Error("a field that nobody knows is taken")
	}
}
