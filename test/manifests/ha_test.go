// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// ha is the overlay with several replicas.
func ha(t *testing.T) []byte {
	t.Helper()
	return build(t, root+"/config/overlays/ha")
}

func TestTheAPIServerTakesTheOverlayWithSeveralReplicas(t *testing.T) {
	env := deployed(t)
	manifests := ha(t)
	kubectl(t, env, manifests, "apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-")
	for _, name := range programs {
		template := find[appsv1.Deployment](t, manifests, "Deployment", name).Spec.Template
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: system, GenerateName: name + "-", Labels: template.Labels}, Spec: template.Spec}
		if err := env.Client.Create(t.Context(), pod, client.DryRunAll); err != nil {
			t.Errorf("a pod of %s: %v", name, err)
		}
	}
}

func TestSeveralReplicasShareADatabaseAndNoNode(t *testing.T) {
	manifests := ha(t)
	two := int32(2)
	for name, replicas := range map[string]*int32{"gatehouse-authserver": nil, "gatehouse-operator": &two} { // the one's number is the autoscaler's
		d := find[appsv1.Deployment](t, manifests, "Deployment", name)
		apart := d.Spec.Template.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
		if !cmp.Equal(d.Spec.Replicas, replicas) || len(apart) != 1 || apart[0].TopologyKey != corev1.LabelHostname {
			t.Errorf("%s: replicas %v, apart by %v", name, d.Spec.Replicas, apart)
		}
		selector, err := metav1.LabelSelectorAsSelector(apart[0].LabelSelector)
		if err != nil || !selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			t.Errorf("%s: the anti-affinity does not mean its own pods: %v", name, err)
		}
	}
	d := find[appsv1.Deployment](t, manifests, "Deployment", "gatehouse-authserver")
	if update := d.Spec.Strategy.RollingUpdate; update == nil || update.MaxUnavailable.IntValue() != 0 || update.MaxSurge.IntValue() != 1 {
		t.Errorf("the strategy is %+v", d.Spec.Strategy)
	}
	if spread := d.Spec.Template.Spec.TopologySpreadConstraints; len(spread) != 1 || spread[0].TopologyKey != corev1.LabelTopologyZone {
		t.Errorf("spread by %v", spread)
	}
	scaler := find[autoscalingv2.HorizontalPodAutoscaler](t, manifests, "HorizontalPodAutoscaler", "gatehouse-authserver")
	if *scaler.Spec.MinReplicas != 3 || scaler.Spec.ScaleTargetRef.Name != d.Name {
		t.Errorf("the autoscaler: %+v", scaler.Spec)
	}
	if budget := find[policyv1.PodDisruptionBudget](t, manifests, "PodDisruptionBudget", "gatehouse-authserver"); budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("the budget: %+v", budget.Spec)
	}
	if text := string(manifests); strings.Contains(text, "PersistentVolumeClaim") || strings.Contains(text, "persistentVolumeClaim") || strings.Contains(text, "sqlite:") {
		t.Error("there is a volume or a file of SQLite")
	}
	c, container := configOf(t, manifests), d.Spec.Template.Spec.Containers[0]
	if !strings.HasPrefix(c.Store, "postgres://") || c.Issuer != configOf(t, build(t, root+"/config/default")).Issuer || c.Namespace != system {
		t.Errorf("the configuration: %+v", c)
	}
	mounted := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		mounted[mount.MountPath] = true
	}
	if !mounted["/etc/gatehouse/postgres"] || !mounted["/tmp"] {
		t.Errorf("mounted: %v", mounted)
	}
}

// A server that is still in its sleep, its delay or its last requests must not be killed.
func TestAReplicaHasTheTimeToLeaveThatItsPartsAdd(t *testing.T) {
	manifests := ha(t)
	pod := find[appsv1.Deployment](t, manifests, "Deployment", "gatehouse-authserver").Spec.Template.Spec
	var c struct{ ShutdownDelaySeconds int64 }
	text := find[corev1.ConfigMap](t, manifests, "ConfigMap", "gatehouse-authserver-").Data["authserver.yaml"]
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	const requests, logs = 30, 5
	sleep := pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	if sleep == 0 || c.ShutdownDelaySeconds == 0 || *pod.TerminationGracePeriodSeconds < sleep+c.ShutdownDelaySeconds+requests+logs {
		t.Errorf("sleep %d, delay %d, and killed after %d", sleep, c.ShutdownDelaySeconds, *pod.TerminationGracePeriodSeconds)
	}
	if probe := pod.Containers[0].ReadinessProbe; int64(probe.PeriodSeconds)*2 > c.ShutdownDelaySeconds {
		t.Errorf("looked at every %d seconds, and gone after %d", probe.PeriodSeconds, c.ShutdownDelaySeconds)
	}
	readme := read(t, root+"/config/overlays/ha/README.md")
	if !strings.Contains(readme, "No kubelet has run it") {
		t.Error("the README does not say what was not tried")
	}
}

func TestThePrometheusComponentBringsDashboardAndAlerts(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	edit(t, copied+"/default/kustomization.yaml", "components:\n- ../admin\n", "components:\n- ../admin\n- ../prometheus\n")
	manifests := build(t, copied+"/default")
	dashboard := find[corev1.ConfigMap](t, manifests, "ConfigMap", "gatehouse-dashboard")
	if dashboard.Labels["grafana_dashboard"] != "1" || !strings.Contains(dashboard.Data["gatehouse.json"], `"title": "Gatehouse"`) {
		t.Errorf("the dashboard: labels %v", dashboard.Labels)
	}
	if n := strings.Count(string(manifests), "kind: PodMonitor"); n != 2 || !strings.Contains(string(manifests), "kind: PrometheusRule") {
		t.Errorf("%d PodMonitors, or no rules", n)
	}
}

// The autoscaler owns the number of replicas. A number in the manifests would be a conflict at the next apply, or take replicas away.
func TestWhatIsAppliedAgainLeavesTheNumberOfReplicasToTheAutoscaler(t *testing.T) {
	env := deployed(t)
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(root+"/config")); err != nil {
		t.Fatal(err)
	}
	namespace := env.Namespace(t)
	edit(t, copied+"/overlays/ha/kustomization.yaml", "\nnamespace: "+system, "\nnamespace: "+namespace)
	d := find[appsv1.Deployment](t, build(t, copied+"/overlays/ha"), "Deployment", "gatehouse-authserver")
	manifest, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, env, manifest)
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 5}}
	if err := env.Client.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale)); err != nil {
		t.Fatal(err)
	}
	apply(t, env, manifest)
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil || *d.Spec.Replicas != 5 {
		t.Errorf("%d replicas, want the 5 of the autoscaler (%v)", *d.Spec.Replicas, err)
	}
}
