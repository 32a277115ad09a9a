// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"log/slog"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// View is what the server may see. The zero View is the whole cluster.
//
// With Namespaces it sees these only, and needs no ClusterRole. It then reads no policies and
// no namespaces, because these are in no namespace: the policy of all is Policy, and of the
// labels of a namespace it knows its name alone.
type View struct {
	Namespaces []string
	Policy     *v1alpha1.OAuthClientPolicySpec
	// Clusters are the other clusters that the server knows. An object that lists one more is logged.
	Clusters []string
}

func (v View) isChosen() bool { return len(v.Namespaces) > 0 }

// know takes in what a view says instead of the API server.
func (r *Registry) know(v View) {
	r.policies.upsert(&policyObject{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultPolicy}, spec: v.Policy})
	for _, name := range v.Namespaces {
		r.namespaces.upsert(&namespaceObject{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}})
	}
}

// watchesOf returns the watches that keep a table of objects with namespaces up to date: one, or
// one for each chosen namespace.
func watchesOf[T interface {
	comparable
	key() string
}](c rest.Interface, v View, from source, into *table[T], log *slog.Logger) []*watch {
	if !v.isChosen() {
		return []*watch{newWatch(c, from, into, log)}
	}
	watches := make([]*watch, 0, len(v.Namespaces))
	for _, namespace := range v.Namespaces {
		from.namespace = namespace
		watches = append(watches, newWatch(c, from, share[T]{table: into, namespace: namespace}, log))
	}
	return watches
}

// share is the part of a table that one namespace has. It implements keeper.
type share[T interface {
	comparable
	key() string
}] struct {
	*table[T]
	namespace string
}

// replace takes in everything that there is in the namespace, and forgets the rest of it.
func (s share[T]) replace(all []T) {
	s.replaceWhere(all, func(key string) bool { return strings.HasPrefix(key, s.namespace+"/") })
}
