// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// ResourceServerReconciler keeps a Secret for each ResourceServer, and says in its status
// whether it is served and ready.
type ResourceServerReconciler struct{ *Issuance }

// Reconcile brings one ResourceServer to where it should be.
func (r *ResourceServerReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ref := objectRef{kind: v1alpha1.KindResourceServer, namespace: req.Namespace, name: req.Name}
	return r.reconcile(ctx, ref, &v1alpha1.ResourceServer{})
}

// SetupWithManager has mgr run the reconciler. Indexes must have been added.
func (r *ResourceServerReconciler) SetupWithManager(mgr ctrl.Manager, wake *Wakeups) error {
	b := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ResourceServer{}).
		Owns(&corev1.Secret{}).
		Owns(&corev1.ConfigMap{}).
		WatchesRawSource(wake.source(v1alpha1.KindResourceServer)).
		WatchesRawSource(wake.everything(r.allServers)).
		WithOptions(controllerOptions())
	if r.Given != nil {
		b = b.WatchesRawSource(r.givenSource(func() client.ObjectList { return &v1alpha1.ResourceServerList{} }))
	}
	if r.Given != nil && !r.View.isChosen() {
		b = b.WatchesRawSource(r.accountSource(func() client.ObjectList { return &v1alpha1.ResourceServerList{} }))
	}
	return r.View.watch(b, r.serversUnderPolicy, r.serversInNamespace).Complete(r)
}
