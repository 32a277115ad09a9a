// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// CacheOptions returns what the operator keeps in memory: every OAuthClient, and of
// all Secrets of the cluster only those with our label, which the API server picks
// out. Anything else is refused, so that nobody widens it by accident.
func CacheOptions() cache.Options {
	return cache.Options{
		ReaderFailOnMissingInformer: true,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}:        {Label: ourSecrets(), Transform: slimSecret},
			&v1alpha1.OAuthClient{}: {Transform: slimClient},
		},
	}
}

func ourSecrets() labels.Selector {
	has, err := labels.NewRequirement(v1alpha1.LabelClientUID, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant, and a valid one
	}
	return labels.NewSelector().Add(*has)
}

// slimClient drops what no decision needs. Patches are computed between two slim
// copies, so what is dropped here stays in the cluster.
func slimClient(o any) (any, error) {
	if oc, ok := o.(*v1alpha1.OAuthClient); ok {
		oc.ManagedFields = nil
		delete(oc.Annotations, corev1.LastAppliedConfigAnnotation)
	}
	return o, nil
}

// slimSecret keeps of the managed fields only our own, which tell what an older spec
// wanted.
func slimSecret(o any) (any, error) {
	secret, ok := o.(*corev1.Secret)
	if !ok {
		return o, nil
	}
	manager := "gatehouse-" + secret.Labels[v1alpha1.LabelClientUID]
	secret.ManagedFields = slices.Clip(slices.DeleteFunc(secret.ManagedFields, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager != manager
	}))
	return secret, nil
}
