// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const name = "gatehouse-operator"

// What the operator asks of the API server at most. The API server has its own
// fairness; these bound a fault of ours.
const (
	requestsPerSecond = 1000
	requestsAtOnce    = 2000
)

// The lease. Another replica takes it when it was not renewed for leaseDuration. Who holds it
// gives up at the latest after retryPeriod and renewDeadline, and writes nothing from then on.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// serve runs the operator until ctx ends.
func serve(ctx context.Context, o options) error {
	access, err := config.GetConfig()
	if err != nil {
		return fmt.Errorf("find a cluster: %w", err)
	}
	access.UserAgent = name
	access.QPS, access.Burst = requestsPerSecond, requestsAtOnce
	apiclient.Limit(access)
	mgr, err := newManager(ctx, access, o)
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// newManager returns a manager with both controllers in it.
func newManager(ctx context.Context, access *rest.Config, o options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("make the scheme: %w", err)
	}
	apiServer := apiclient.NewClock()
	access.Wrap(apiServer.Wrap)
	if o.leaderElect {
		fence := &apiclient.Fence{Lease: name, Valid: retryPeriod + renewDeadline, Now: time.Now}
		access.Wrap(fence.Wrap)
	}
	mgr, err := ctrl.NewManager(access, ctrl.Options{
		Scheme: scheme, Cache: controllers.CacheOptions(o.view),
		Metrics:                metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress: o.probeAddress,
		LeaderElection:         o.leaderElect, LeaderElectionID: name, LeaderElectionNamespace: o.namespace,
		LeaderElectionReleaseOnCancel: true, // safe: main ends when the manager does
		LeaseDuration:                 new(leaseDuration), RenewDeadline: new(renewDeadline), RetryPeriod: new(retryPeriod),
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	wake := &controllers.Wakeups{}
	claims := &controllers.Claims{
		Client: mgr.GetClient(), Live: o.view.Reader(mgr.GetAPIReader()), Namespace: o.namespace, Class: v1alpha1.ClassName(o.class),
		Events: mgr.GetEventRecorder(name), Now: time.Now, Skew: apiServer.Skew, Wake: wake.Wake,
	}
	counts := controllers.NewMetrics(claims, mgr.Elected())
	reports := newReports(mgr, wake, o)
	return mgr, errors.Join(
		addControllers(ctx, mgr, claims, wake, reports, apiServer, o),
		runReports(mgr, reports),
		runRefusals(mgr, o),
		counts.Watch(ctx, mgr.GetCache()),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.Add(givingBack{read: readHeap, giveBack: debug.FreeOSMemory}),
		metrics.Registry.Register(counts),
	)
}

func addControllers(
	ctx context.Context, mgr ctrl.Manager, claims *controllers.Claims, wake *controllers.Wakeups, reports *controllers.Reports,
	apiServer *apiclient.Clock, o options,
) error {
	if err := controllers.Indexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	given, err := cache.New(mgr.GetConfig(), givenOptions(mgr, o))
	if err != nil {
		return fmt.Errorf("make the cache of given Secrets: %w", err)
	}
	start := time.Now()
	issuance := &controllers.Issuance{
		Given:  given,
		Client: mgr.GetClient(), Live: claims.Live, Keys: &controllers.Keys{}, Claims: claims, Events: claims.Events,
		Issuer: o.issuer, Class: claims.Class, View: o.view, Now: time.Now, Skew: apiServer.Skew, NewID: credential.NewID,
		Uptime: func() time.Duration { return time.Since(start) },
		Usage:  controllers.UsageUnknown{}, Reports: reports,
	}
	if reports != nil {
		issuance.Usage = reports
	}
	keys := &controllers.KeysReconciler{
		Client: mgr.GetClient(), Live: claims.Live, Namespace: o.namespace, Class: claims.Class,
		Keys: issuance.Keys, NewSigningKey: credential.NewSigningKey, WakeAll: wake.WakeAll, Events: claims.Events, Now: time.Now, APIServerTime: apiServer.Last,
	}
	return errors.Join(
		mgr.Add(given),
		keys.SetupWithManager(mgr),
		mgr.AddReadyzCheck("keys", keys.Ready),
		(&controllers.OAuthClientReconciler{Issuance: issuance}).SetupWithManager(mgr, wake),
		(&controllers.ResourceServerReconciler{Issuance: issuance}).SetupWithManager(mgr, wake),
	)
}

// newReports returns what asks the authorization server how clients are used; nil: nobody does.
func newReports(mgr ctrl.Manager, wake *controllers.Wakeups, o options) *controllers.Reports {
	if o.admin.URL == "" {
		return nil
	}
	return &controllers.Reports{
		Client: mgr.GetClient(), Source: &o.admin, Class: v1alpha1.ClassName(o.class),
		IdleAfter: time.Duration(o.idleAfterDays) * 24 * time.Hour, Wake: wake.Wake, Now: time.Now,
	}
}

func runReports(mgr ctrl.Manager, reports *controllers.Reports) error {
	if reports == nil {
		return nil
	}
	return errors.Join(mgr.Add(reports), metrics.Registry.Register(reports))
}

// runRefusals has Events say what the authorization server refused, where it is asked at all.
func runRefusals(mgr ctrl.Manager, o options) error {
	if o.admin.URL == "" {
		return nil
	}
	return mgr.Add(&controllers.Refusals{
		Client: mgr.GetClient(), Source: &o.admin, Class: v1alpha1.ClassName(o.class), Events: mgr.GetEventRecorder(name),
		Every: o.refusalsEvery, Now: time.Now,
	})
}

// givenOptions returns the options of the cache that watches the Secrets which others write.
func givenOptions(mgr ctrl.Manager, o options) cache.Options {
	options := controllers.GivenCacheOptions(o.view)
	options.Scheme, options.Mapper, options.HTTPClient = mgr.GetScheme(), mgr.GetRESTMapper(), mgr.GetHTTPClient()
	return options
}
