// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds of the API group gatehouse.dev and everything
// the two programs agree on: conditions and their reasons, the keys, labels and
// annotations of a client's Secret, and the paths of the endpoints.
//
// It decides nothing. The rules that the API server enforces stand on the fields.
//
// +kubebuilder:object:generate=true
// +groupName=gatehouse.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "gatehouse.dev", Version: "v1alpha1"}

// AddToScheme adds the kinds of this package to s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &OAuthClient{}, &OAuthClientList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
