// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// OAuthClientReconciler keeps a Secret for each OAuthClient, and says in its status whether it
// is served and ready.
type OAuthClientReconciler struct{ *Issuance }

// Reconcile brings one OAuthClient to where it should be.
func (r *OAuthClientReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ref := objectRef{kind: v1alpha1.KindOAuthClient, namespace: req.Namespace, name: req.Name}
	return r.reconcile(ctx, ref, &v1alpha1.OAuthClient{})
}

// SetupWithManager has mgr run the reconciler. Indexes must have been added.
func (r *OAuthClientReconciler) SetupWithManager(mgr ctrl.Manager, wake *Wakeups) error {
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.OAuthClient{}).
		Owns(&corev1.Secret{}).
		Owns(&corev1.ConfigMap{}).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(retainedOwner)).
		Watches(&v1alpha1.ResourceServer{}, handler.EnqueueRequestsFromMapFunc(r.clientsThatAsk)).
		WatchesRawSource(wake.source(v1alpha1.KindOAuthClient)).
		WatchesRawSource(wake.everything(r.allClients)).
		WithOptions(controllerOptions())
	if r.Given != nil {
		b = b.WatchesRawSource(r.givenSource(func() client.ObjectList { return &v1alpha1.OAuthClientList{} }))
	}
	if r.Given != nil && !r.View.isChosen() {
		b = b.WatchesRawSource(r.accountSource(func() client.ObjectList { return &v1alpha1.OAuthClientList{} }))
	}
	return r.View.watch(b, r.clientsUnderPolicy, r.clientsInNamespace).Complete(r)
}
