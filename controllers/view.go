// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// View is what the operator may see. The zero View is the whole cluster.
//
// With Namespaces it sees these only, and needs no ClusterRole. It then reads no policies and
// no namespaces, because these are in no namespace: the policy of all is Policy, and of the
// labels of a namespace it knows its name alone.
type View struct {
	Namespaces []string
	Policy     *v1alpha1.OAuthClientPolicySpec
	PolicyName string
}

func (v View) isChosen() bool { return len(v.Namespaces) > 0 }

// environment returns what is known of a namespace without reading it.
func (v View) environment(namespace string) environment {
	return environment{
		labels: map[string]string{corev1.LabelMetadataName: namespace},
		policy: policy.Policy{Name: v.PolicyName, Namespace: namespace, Spec: v.Policy},
	}
}

// restrict has the cache watch the chosen namespaces only.
func (v View) restrict(o *cache.Options) {
	if !v.isChosen() {
		return
	}
	o.DefaultNamespaces = map[string]cache.Config{}
	for _, namespace := range v.Namespaces {
		o.DefaultNamespaces[namespace] = cache.Config{}
	}
	for object := range o.ByObject {
		if object.GetObjectKind().GroupVersionKind() == namespaceMetadata().GroupVersionKind() {
			delete(o.ByObject, object)
		}
	}
}

// watch adds the watches of policies and namespaces, where there are any to see.
func (v View) watch(b *builder.Builder, ofPolicy, ofNamespace handler.MapFunc) *builder.Builder {
	if v.isChosen() {
		return b
	}
	return b.Watches(&v1alpha1.OAuthClientPolicy{}, handler.EnqueueRequestsFromMapFunc(ofPolicy)).
		WatchesMetadata(namespaceKind(), handler.EnqueueRequestsFromMapFunc(ofNamespace), builder.WithPredicates(predicate.LabelChangedPredicate{}))
}

// Reader returns a reader of the API server that lists in each of the chosen namespaces where
// no namespace is named. Such a list comes as one page.
func (v View) Reader(live client.Reader) client.Reader {
	if !v.isChosen() {
		return live
	}
	return chosenReader{Reader: live, namespaces: v.Namespaces}
}

type chosenReader struct {
	client.Reader
	namespaces []string
}

// List lists in each namespace.
func (r chosenReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if asked := (&client.ListOptions{}).ApplyOptions(opts); asked.Namespace != "" {
		return r.Reader.List(ctx, list, opts...)
	}
	var all []runtime.Object
	for _, namespace := range r.namespaces {
		list.SetContinue("")
		for more := true; more; more = list.GetContinue() != "" {
			err := r.Reader.List(ctx, list, append(opts[:len(opts):len(opts)], client.InNamespace(namespace), client.Continue(list.GetContinue()))...)
			if err != nil {
				return fmt.Errorf("list in the namespace %s: %w", namespace, err)
			}
			page, err := meta.ExtractList(list)
			if err != nil {
				return fmt.Errorf("read the list of the namespace %s: %w", namespace, err)
			}
			for _, o := range page {
				all = append(all, o.DeepCopyObject())
			}
		}
	}
	list.SetContinue("")
	return meta.SetList(list, all)
}
