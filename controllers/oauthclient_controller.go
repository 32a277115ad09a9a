// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	// fieldManager is who writes what is not the Secret of a client.
	fieldManager = "gatehouse-operator"

	// workers is how many clients are reconciled at a time. They mostly wait for the
	// API server, and it gathers the writes that come together.
	workers          = 16
	reconcileTimeout = time.Minute
	// afterConflict lets the cache see what another writer did.
	afterConflict = 200 * time.Millisecond
)

// EventRecorder tells people what happened to an object (events.k8s.io/v1). It
// gathers repetitions.
type EventRecorder interface {
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// OAuthClientReconciler keeps a Secret for each OAuthClient, and says in its status
// whether the authorization server would accept it. Client ID, secret and status are
// made by plan; this is what reads and writes.
type OAuthClientReconciler struct {
	// Client reads from the cache (see CacheOptions and Indexes) and writes.
	Client client.Client
	// Live reads from the API server what the cache does not hold.
	Live client.Reader
	// Keys are the keys in use.
	Keys *Keys
	// Events tells people.
	Events EventRecorder
	// Issuer is the URL of the authorization server, without a path.
	Issuer string
	// Now is the clock.
	Now func() time.Time
	// NewID returns a random credential ID.
	NewID func() string

	// own knows which reads from the cache are older than our own writes.
	own ownWrites
}

// SetupWithManager has mgr run the reconciler. Indexes must have been added.
func (r *OAuthClientReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.OAuthClient{}).
		Owns(&corev1.Secret{}).
		// Whoever claims what another client claims may have won or lost by a change of that one.
		Watches(&v1alpha1.OAuthClient{}, handler.EnqueueRequestsFromMapFunc(r.rivals),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(source.Channel(r.Keys.changed, handler.EnqueueRequestsFromMapFunc(r.everyone))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers, RateLimiter: retries(), ReconciliationTimeout: reconcileTimeout,
		}).
		Complete(r)
}

// retries is how failures come back: each object for itself, so that one that keeps
// failing delays no other.
func retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 2*time.Minute)
}

// Reconcile brings one OAuthClient and its Secret to where they should be. An error
// is a fault of the world and comes back by itself; a fault of the user goes into
// the condition Ready.
func (r *OAuthClientReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	oc := &v1alpha1.OAuthClient{}
	if err := r.Client.Get(ctx, req.NamespacedName, oc); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !oc.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // the Secret is owned by oc and goes with it
	}
	if wait := r.own.behind(oc, r.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil // the newer one comes by the watch, long before that
	}
	keys, ok := r.Keys.current()
	if !ok {
		return ctrl.Result{}, nil // the keys controller says why, and wakes everyone once there are keys
	}
	seen, err := r.observe(ctx, oc)
	if err != nil {
		return again(ctx, err)
	}
	want := plan(oc, seen, input{keys: keys, issuer: r.Issuer, now: r.Now(), newID: r.NewID()})
	if err := r.apply(ctx, oc, want); err != nil {
		return again(ctx, err)
	}
	return ctrl.Result{RequeueAfter: want.after}, nil
}

// again says how a failed reconcile comes back. That somebody else wrote or deleted
// in between is no failure: the next look decides on what is there then.
func again(ctx context.Context, err error) (ctrl.Result, error) {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		ctrl.LoggerFrom(ctx).V(1).Info("changed meanwhile, looking again", "cause", err.Error())
		return ctrl.Result{RequeueAfter: afterConflict}, nil
	}
	return ctrl.Result{}, err
}
