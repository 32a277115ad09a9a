// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// policyObject is an OAuthClientPolicy. One that cannot be decoded is as good as none: it allows
// nothing.
type policyObject struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	spec *v1alpha1.OAuthClientPolicySpec
}

// UnmarshalJSON reads an OAuthClientPolicy.
func (p *policyObject) UnmarshalJSON(data []byte) error {
	var read v1alpha1.OAuthClientPolicy
	if err := json.Unmarshal(data, &read); err == nil {
		*p = policyObject{ObjectMeta: trimMetadata(read.ObjectMeta), spec: &read.Spec}
		return nil
	}
	meta, err := metadataOf(data)
	*p = policyObject{ObjectMeta: trimMetadata(meta)}
	return err
}

func (p *policyObject) key() string { return p.Name }

// DeepCopyObject returns a copy that shares what is never changed.
func (p *policyObject) DeepCopyObject() runtime.Object {
	out := *p
	return &out
}

// namespaceObject is a Namespace: its name and its labels.
type namespaceObject struct {
	metav1.TypeMeta
	metav1.ObjectMeta
}

// UnmarshalJSON reads the metadata of a Namespace.
func (n *namespaceObject) UnmarshalJSON(data []byte) error {
	meta, err := metadataOf(data)
	*n = namespaceObject{ObjectMeta: trimMetadata(meta)}
	n.Labels = meta.Labels
	return err
}

func (n *namespaceObject) key() string { return n.Name }

// DeepCopyObject returns a copy that shares what is never changed.
func (n *namespaceObject) DeepCopyObject() runtime.Object {
	out := *n
	return &out
}

func metadataOf(data []byte) (metav1.ObjectMeta, error) {
	var bare struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
	}
	if err := json.Unmarshal(data, &bare); err != nil {
		return bare.Metadata, fmt.Errorf("read the metadata of an object: %w", err)
	}
	return bare.Metadata, nil
}

// policyOf returns the policy of a namespace; false for one that is not known. It needs the lock.
func (r *Registry) policyOf(namespace string) (policy.Policy, bool) {
	ns, known := r.namespaces.all[namespace]
	if !known {
		return policy.Policy{}, false
	}
	p := policy.Policy{Name: policy.NameFor(ns.Labels), Namespace: namespace}
	if found, there := r.policies.all[p.Name]; there {
		p.Spec = found.spec
	}
	return p, true
}
