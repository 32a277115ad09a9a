// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds of the API group gatehouse.dev and everything
// the two programs agree on: conditions and their reasons, effective values where a
// field is absent, and the keys, labels and annotations of the Secrets.
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

var (
	// GroupVersion is the group and version of every kind in this package.
	GroupVersion = schema.GroupVersion{Group: "gatehouse.dev", Version: "v1alpha1"}
	// SchemeBuilder collects the kinds of this package for a scheme.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
	// AddToScheme adds the kinds of this package to a scheme.
	AddToScheme = SchemeBuilder.AddToScheme
)

// Kinds of this package.
const (
	KindOAuthClient       = "OAuthClient"
	KindResourceServer    = "ResourceServer"
	KindOAuthClientPolicy = "OAuthClientPolicy"
)

func addKnownTypes(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&OAuthClient{}, &OAuthClientList{},
		&ResourceServer{}, &ResourceServerList{},
		&OAuthClientPolicy{}, &OAuthClientPolicyList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
