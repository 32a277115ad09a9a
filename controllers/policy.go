// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// environment is what the cluster says about the namespace of an object.
type environment struct {
	labels map[string]string
	policy policy.Policy
}

// namespaceMetadata returns an empty namespace for reads from the cache, which holds the
// metadata alone.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}
}

// environment returns the labels and the policy of the namespace. known is false while the
// cache does not know the namespace: its labels, and so its policy, are not known then.
func (i *Issuance) environment(ctx context.Context, namespace string) (env environment, known bool, err error) {
	if i.View.isChosen() {
		return i.View.environment(namespace), true, nil
	}
	ns := namespaceMetadata()
	err = i.Client.Get(ctx, client.ObjectKey{Name: namespace}, ns)
	switch {
	case apierrors.IsNotFound(err):
		return environment{}, false, nil
	case err != nil:
		return environment{}, false, fmt.Errorf("read the namespace: %w", err)
	}
	env.labels = ns.Labels
	env.policy = policy.Policy{Name: policy.NameFor(ns.Labels), Namespace: namespace}
	p := &v1alpha1.OAuthClientPolicy{}
	err = i.Client.Get(ctx, client.ObjectKey{Name: env.policy.Name}, p)
	switch {
	case err == nil:
		env.policy.Spec = &p.Spec
	case !apierrors.IsNotFound(err):
		return environment{}, false, fmt.Errorf("read the policy %s: %w", env.policy.Name, err)
	}
	return env, true, nil
}

// notOpen returns the scopes of the client that no accepted ResourceServer declares and opens
// to its namespace.
func (i *Issuance) notOpen(ctx context.Context, s subject, env environment) ([]v1alpha1.Scope, error) {
	var out []v1alpha1.Scope
	for _, scope := range s.scopes {
		if openid.IsScope(string(scope)) {
			if !s.builtIn(scope) {
				out = append(out, scope)
			}
			continue
		}
		open, err := i.isOpen(ctx, scope, s.namespace(), env.labels)
		if err != nil {
			return nil, err
		}
		if !open {
			out = append(out, scope)
		}
	}
	return out, nil
}

func (i *Issuance) isOpen(ctx context.Context, scope v1alpha1.Scope, namespace string, labels map[string]string) (bool, error) {
	list := &v1alpha1.ResourceServerList{}
	err := i.Client.List(ctx, list, client.MatchingFields{indexDeclared: string(scope)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return false, fmt.Errorf("list who declares a scope: %w", err)
	}
	for n := range list.Items {
		rs := &list.Items[n]
		if rs.Spec.ClassName != i.Class || !grants(rs, scope) {
			continue
		}
		for d := range rs.Spec.Scopes {
			if rs.Spec.Scopes[d].Name == scope && policy.ScopeOpen(&rs.Spec.Scopes[d], rs.Namespace, namespace, labels) {
				return true, nil
			}
		}
	}
	return false, nil
}

// grants reports whether the ResourceServer is accepted and holds the scope.
func grants(rs *v1alpha1.ResourceServer, scope v1alpha1.Scope) bool {
	_, held := policy.Held(rs.Status.Claims, policy.Claim{Kind: v1alpha1.ClaimScope, Name: string(scope)})
	return held && rs.DeletionTimestamp.IsZero() && !rs.Spec.Suspend &&
		meta.IsStatusConditionTrue(rs.Status.Conditions, string(v1alpha1.ConditionAccepted))
}
