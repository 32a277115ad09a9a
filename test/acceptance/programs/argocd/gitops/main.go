// SPDX-License-Identifier: Apache-2.0

// Command gitops syncs objects into a cluster as an Application of Argo CD does, with the code of Argo CD and of its engine: diff, sync,
// prune, health. It reads one request per line from its standard input and answers each in a line on standard output, both in JSON.
//
//	gitops KUBECONFIG
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/engine"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	application = "gatehouse"
	namespace   = "argocd"
	manager     = "argocd-controller"
	maxLine     = 8 << 20
)

// request is what the Application is to do. Sync makes the cluster as the manifests are; without it the answer says how it is.
type request struct {
	Manifests  []*unstructured.Unstructured `json:"manifests"`
	Sync       bool                         `json:"sync"`
	Replace    bool                         `json:"replace"`    // the sync option Replace=true
	Force      bool                         `json:"force"`      // the sync option Force=true: what cannot be replaced is deleted and created
	ServerSide bool                         `json:"serverSide"` // the sync option ServerSideApply=true and the compare option ServerSideDiff=true
}

// answer says how it went. Error is set where the request could not be carried out as a whole.
type answer struct {
	Error     string     `json:"error,omitempty"`
	Resources []resource `json:"resources"`
}

// resource is a managed object: what became of it in a sync, or how it is.
type resource struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"` // of the live object that was compared; empty: there is none
	Result  string `json:"result,omitempty"`  // Synced, SyncFailed, Pruned, PruneSkipped
	Health  string `json:"health,omitempty"`
	Message string `json:"message,omitempty"`
	Drift   string `json:"drift,omitempty"` // what is live where it differs from the manifest
}

// app is the Application.
type app struct {
	config    *rest.Config
	kubectl   kube.Kubectl
	cluster   cache.ClusterCache
	engine    engine.GitOpsEngine
	tracking  argo.ResourceTracking
	overrides map[string]v1alpha1.ResourceOverride
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "gitops:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: gitops KUBECONFIG")
	}
	a, stop, err := open(ctx, os.Args[1])
	if err != nil {
		return err
	}
	defer stop()
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		resources, err := a.do(ctx, r)
		said := answer{Resources: resources}
		if err != nil {
			said.Error = err.Error()
		}
		if err := out.Encode(said); err != nil {
			return err
		}
	}
	return lines.Err()
}

// open reads the cluster. The health scripts are those of argocd-cm.
func open(ctx context.Context, kubeconfig string) (*app, func(), error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config.QPS, config.Burst = 50, 100 // as the controller of Argo CD has them
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	overrides, err := settings.NewSettingsManager(ctx, clients, namespace).GetResourceOverrides()
	if err != nil {
		return nil, nil, err
	}
	a := &app{
		config: config, kubectl: &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}, tracking: argo.NewResourceTracking(), overrides: overrides,
	}
	a.cluster = cache.NewClusterCache(config, cache.SetLogr(logr.Discard()),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			managed := a.tracking.GetAppName(object, "", v1alpha1.TrackingMethodAnnotation, "") == application
			return managed, managed
		}))
	a.engine = engine.NewEngine(config, a.cluster, engine.WithLogr(logr.Discard()), engine.WithKubectl(a.kubectl))
	stop, err := a.engine.Run()
	if err != nil {
		return nil, nil, err
	}
	return a, func() { stop() }, nil
}

func managed(r *cache.Resource) bool { return r.Info == true }

func (a *app) do(ctx context.Context, r request) ([]resource, error) {
	for _, object := range r.Manifests {
		if err := a.tracking.SetAppInstance(object, "", application, object.GetNamespace(), v1alpha1.TrackingMethodAnnotation, ""); err != nil {
			return nil, err
		}
	}
	if r.Sync {
		return a.sync(ctx, r)
	}
	return a.state(ctx, r)
}

func (a *app) sync(ctx context.Context, r request) ([]resource, error) {
	results, err := a.engine.Sync(ctx, r.Manifests, managed, "revision", namespace,
		sync.WithOperationSettings(false, true, r.Force, false), sync.WithReplace(r.Replace), sync.WithServerSideApply(r.ServerSide),
		sync.WithServerSideApplyManager(manager), sync.WithHealthOverride(lua.ResourceHealthOverrides(a.overrides)), sync.WithLogr(logr.Discard()))
	resources := make([]resource, len(results))
	for n, result := range results {
		resources[n] = resource{Key: result.ResourceKey.String(), Name: result.ResourceKey.Name, Result: string(result.Status), Message: result.Message}
	}
	return resources, err
}

// state compares the manifests with what is live, and asks for the health of it, as the controller of Argo CD does to refresh an Application.
func (a *app) state(ctx context.Context, r request) ([]resource, error) {
	live, err := a.cluster.GetManagedLiveObjs(r.Manifests, managed)
	if err != nil {
		return nil, err
	}
	objects := sync.Reconcile(r.Manifests, live, namespace, a.cluster)
	builder := argodiff.NewDiffConfigBuilder().
		WithDiffSettings(nil, a.overrides, false, normalizers.IgnoreNormalizerOpts{}).
		WithTracking("", string(v1alpha1.TrackingMethodAnnotation)).WithNoCache().WithManager(manager).WithLogger(logr.Discard())
	if r.ServerSide {
		operations, cleanup, err := kube.ManageServerSideDiffDryRuns(a.config, a.cluster.GetOpenAPISchema(), tracing.NopTracer{}, logr.Discard(), nil)
		if err != nil {
			return nil, err
		}
		defer cleanup()
		builder = builder.WithServerSideDiff(true).WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(operations)).WithGVKParser(a.cluster.GetGVKParser())
	}
	settings, err := builder.Build()
	if err != nil {
		return nil, err
	}
	diffs, err := argodiff.StateDiffs(objects.Live, objects.Target, settings)
	if err != nil {
		return nil, err
	}
	resources := make([]resource, len(objects.Target))
	for n := range objects.Target {
		if resources[n], err = a.resource(objects.Target[n], objects.Live[n], diffs.Diffs[n]); err != nil {
			return nil, err
		}
	}
	return resources, nil
}

func (a *app) resource(target, live *unstructured.Unstructured, d diff.DiffResult) (resource, error) {
	key := kube.GetResourceKey(target)
	r := resource{Key: key.String(), Name: key.Name, Health: string(health.HealthStatusMissing)}
	if live == nil {
		return r, nil
	}
	r.Version = live.GetResourceVersion()
	if d.Modified {
		r.Drift = string(d.NormalizedLive) + " becomes " + string(d.PredictedLive)
	}
	is, err := health.GetResourceHealth(live, lua.ResourceHealthOverrides(a.overrides))
	if err == nil && is != nil {
		r.Health, r.Message = string(is.Status), is.Message
	}
	return r, err
}
