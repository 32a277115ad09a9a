// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// programs are the names of the two Deployments.
var programs = []string{"gatehouse-operator", "gatehouse-authserver"}

func TestEveryManifestIsAcceptedWithoutAWarning(t *testing.T) {
	env := deployed(t)
	for _, object := range documents(t, build(t, root+"/config/default")) {
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

func TestApplyingEverythingAgainChangesNothing(t *testing.T) {
	env := deployed(t)
	before := generations(t, env.Client)
	apply(t, env, build(t, root+"/config/default"))
	if diff := cmp.Diff(before, generations(t, env.Client)); diff != "" {
		t.Errorf("generations (-before +after):\n%s", diff)
	}
}

// generations tells how often the spec of each Deployment has changed.
func generations(t *testing.T, c client.Client) map[string]int64 {
	t.Helper()
	list := &appsv1.DeploymentList{}
	if err := c.List(t.Context(), list, client.InNamespace(system)); err != nil {
		t.Fatal(err)
	}
	found := map[string]int64{}
	for _, d := range list.Items {
		found[d.Name] = d.Generation
	}
	return found
}

// A manifest that no kustomization names would be a manifest nobody tries.
func TestEveryFileIsNamedByItsKustomization(t *testing.T) {
	for _, folder := range []string{"crd/bases", "rbac", "manager", "authserver", "policy", "default", "samples"} {
		kustomization := path.Join(root, "config", strings.TrimSuffix(folder, "/bases"), "kustomization.yaml")
		text, err := os.ReadFile(kustomization)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(path.Join(root, "config", folder, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("config/%s holds no file (%v)", folder, err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.IsDir() || path.Ext(file) == ".go" {
				continue // config/samples/apps: each file is applied by itself; config/policy: a package brings the manifests along
			}
			if name := path.Base(file); name != "kustomization.yaml" && !strings.Contains(string(text), name+"\n") {
				t.Errorf("%s does not name %s", kustomization, name)
			}
		}
	}
}

func TestThePodsAreAdmittedUnderRestrictedPodSecurity(t *testing.T) {
	env := deployed(t)
	ns := &corev1.Namespace{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: system}, ns); err != nil {
		t.Fatal(err)
	}
	if got := ns.Labels["pod-security.kubernetes.io/enforce"]; got != "restricted" {
		t.Fatalf("the namespace enforces %q, want restricted", got)
	}
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			if err := env.Client.Create(t.Context(), podOf(t, name), client.DryRunAll); err != nil {
				t.Error(err)
			}
			careless := podOf(t, name)
			careless.Spec.Containers[0].SecurityContext.Capabilities = nil
			if err := env.Client.Create(t.Context(), careless, client.DryRunAll); !apierrors.IsForbidden(err) {
				t.Errorf("a pod that keeps its capabilities: got %v, want it forbidden", err)
			}
		})
	}
}

func TestTheDeploymentsMakeTheirPods(t *testing.T) {
	env := deployed(t)
	want := map[string]int{"gatehouse-operator": 2, "gatehouse-authserver": 1}
	eventually(t, "the pods of the Deployments", func(ctx context.Context) (bool, error) {
		pods := &corev1.PodList{}
		err := env.Client.List(ctx, pods, client.InNamespace(system))
		found := map[string]int{}
		for _, pod := range pods.Items {
			found[pod.Spec.ServiceAccountName]++
		}
		return cmp.Equal(want, found), err
	})
}

// podOf is a pod as the Deployment would make it.
func podOf(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	template := deploymentOf(t, name).Spec.Template
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: system, GenerateName: name + "-", Labels: template.Labels}, Spec: template.Spec,
	}
}

func deploymentOf(t *testing.T, name string) *appsv1.Deployment {
	t.Helper()
	return find[appsv1.Deployment](t, build(t, root+"/config/default"), "Deployment", name)
}

func TestEachContainerIsConfined(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			pod := deploymentOf(t, name).Spec.Template.Spec
			container := pod.Containers[0]
			if !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pod: %v", pod.SecurityContext)
			}
			if !*container.SecurityContext.ReadOnlyRootFilesystem || *container.SecurityContext.AllowPrivilegeEscalation {
				t.Errorf("container: %v", container.SecurityContext)
			}
			if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
				t.Errorf("resources: %v", container.Resources)
			}
			if container.LivenessProbe.HTTPGet.Path != "/healthz" || container.ReadinessProbe.HTTPGet.Path != "/readyz" {
				t.Errorf("probes: %v, %v", container.LivenessProbe, container.ReadinessProbe)
			}
		})
	}
}

// Selectors are plain text that nothing checks when it is applied.
func TestServiceBudgetsAndPoliciesSelectThePods(t *testing.T) {
	manifests := build(t, root+"/config/default")
	for _, name := range programs {
		pod := labels.Set(deploymentOf(t, name).Spec.Template.Labels)
		other := labels.Set(deploymentOf(t, programs[1-slices.Index(programs, name)]).Spec.Template.Labels)
		budget := find[policyv1.PodDisruptionBudget](t, manifests, "PodDisruptionBudget", name)
		policy := find[networkingv1.NetworkPolicy](t, manifests, "NetworkPolicy", name)
		for what, labelSelector := range map[string]*metav1.LabelSelector{"budget": budget.Spec.Selector, "policy": &policy.Spec.PodSelector} {
			selector, err := metav1.LabelSelectorAsSelector(labelSelector)
			if err != nil || !selector.Matches(pod) || selector.Matches(other) {
				t.Errorf("%s of %s: %v selects its pods: %t, those of the other: %t (%v)",
					what, name, selector, selector.Matches(pod), selector.Matches(other), err)
			}
		}
	}
	service := find[corev1.Service](t, manifests, "Service", "gatehouse-authserver")
	if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(deploymentOf(t, "gatehouse-authserver").Spec.Template.Labels)) {
		t.Errorf("the Service selects %v", service.Spec.Selector)
	}
}

func TestTheServiceKeepsTheClientsAddresses(t *testing.T) {
	service := find[corev1.Service](t, build(t, root+"/config/default"), "Service", "gatehouse-authserver")
	if service.Spec.Type != corev1.ServiceTypeLoadBalancer || service.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		t.Errorf("type %s, externalTrafficPolicy %s", service.Spec.Type, service.Spec.ExternalTrafficPolicy)
	}
}

func TestBothProgramsKnowTheMemoryLimitOfTheirContainer(t *testing.T) {
	for _, name := range programs {
		container := deploymentOf(t, name).Spec.Template.Spec.Containers[0]
		if container.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s has no memory limit", name)
		}
		n := slices.IndexFunc(container.Env, func(e corev1.EnvVar) bool { return e.Name == "GOMEMLIMIT" })
		if n < 0 || container.Env[n].ValueFrom == nil || container.Env[n].ValueFrom.ResourceFieldRef == nil {
			t.Errorf("%s has no GOMEMLIMIT from its container", name)
			continue
		}
		if ref := container.Env[n].ValueFrom.ResourceFieldRef; ref.Resource != "limits.memory" || ref.ContainerName != container.Name || ref.Divisor.String() != "1" {
			t.Errorf("%s: GOMEMLIMIT is %+v", name, ref)
		}
	}
}

// config is what the Deployment and the configuration file must agree on.
type config struct {
	Issuer        string
	Namespace     string
	Listen        string
	MetricsListen string
	TLS           struct{ CertFile, KeyFile string }
	Store         string
	Identity      struct {
		Sources []struct{ UsersFile struct{ Path string } }
	}
}

func configOf(t *testing.T, manifests []byte) config {
	t.Helper()
	var c config
	text := find[corev1.ConfigMap](t, manifests, "ConfigMap", "gatehouse-authserver-").Data["authserver.yaml"]
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheConfigurationFitsTheDeployment(t *testing.T) {
	manifests := build(t, root+"/config/default")
	c, container := configOf(t, manifests), deploymentOf(t, "gatehouse-authserver").Spec.Template.Spec.Containers[0]
	if len(c.Identity.Sources) != 1 {
		t.Fatalf("%d sources of people", len(c.Identity.Sources))
	}
	ports, mounts := map[string]string{}, map[string]string{}
	for _, port := range container.Ports {
		ports[port.Name] = fmt.Sprintf(":%d", port.ContainerPort)
	}
	for _, mount := range container.VolumeMounts {
		mounts[mount.MountPath] = mount.Name
	}
	admin := ""
	for _, arg := range container.Args {
		if value, found := strings.CutPrefix(arg, "--admin-listen="); found {
			admin = value
		}
	}
	if diff := cmp.Diff(map[string]string{"https": c.Listen, "metrics": c.MetricsListen, "admin": admin}, ports); diff != "" {
		t.Errorf("ports (-configured +opened):\n%s", diff)
	}
	for file, want := range map[string]string{
		c.TLS.CertFile: "tls", c.TLS.KeyFile: "tls", c.Identity.Sources[0].UsersFile.Path: "users",
		strings.TrimPrefix(c.Store, "sqlite:"):             "data",
		strings.TrimPrefix(container.Args[0], "--config="): "config",
	} {
		if got := mounts[path.Dir(file)]; got != want {
			t.Errorf("the folder of %s is mounted from volume %q, want %q", file, got, want)
		}
	}
}

func TestIssuerAndNamespaceAreWrittenOnce(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	edit(t, copied+"/default/settings.yaml", "issuer: https://auth.example.com", "issuer: https://login.photos.example:8443")
	edit(t, copied+"/default/kustomization.yaml", "namespace: gatehouse-system", "namespace: doors")
	manifests := build(t, copied+"/default")
	if text := string(manifests); strings.Contains(text, "auth.example.com") || strings.Contains(text, "gatehouse-system") {
		t.Error("the old issuer or namespace is still somewhere in the manifests")
	}
	c := configOf(t, manifests)
	if c.Issuer != "https://login.photos.example:8443" || c.Namespace != "doors" {
		t.Errorf("the authorization server has issuer %s and namespace %s", c.Issuer, c.Namespace)
	}
	args := find[appsv1.Deployment](t, manifests, "Deployment", "gatehouse-operator").Spec.Template.Spec.Containers[0].Args
	if args[0] != "--issuer=https://login.photos.example:8443" {
		t.Errorf("the operator has %v", args)
	}
	for _, object := range documents(t, manifests) {
		if _, local := object.GetAnnotations()["config.kubernetes.io/local-config"]; local {
			t.Errorf("%s %s is for kustomize only", object.GetKind(), object.GetName())
		}
	}
}
