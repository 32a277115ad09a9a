// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// observation is what the cluster holds that a decision about a client depends on.
type observation struct {
	// secret is the Secret of the wanted name. Nil: there is none.
	secret *corev1.Secret
	// others are the Secrets of other names that the client controls: an older
	// spec wanted them.
	others []corev1.Secret
	// scope, callback and clientID are what an older client claims too. Nil: none does.
	scope, callback, clientID *rival
}

// observe reads everything plan needs, from the cache where it can.
func (r *OAuthClientReconciler) observe(ctx context.Context, oc *v1alpha1.OAuthClient) (observation, error) {
	var seen observation
	var err error
	if seen.secret, err = r.secret(ctx, oc.Namespace, secretName(oc)); err != nil {
		return seen, err
	}
	if ownership(seen.secret, oc) == ownedByPredecessor {
		if err := r.stillThere(ctx, oc); err != nil {
			return seen, err
		}
	}
	if seen.others, err = r.otherSecrets(ctx, oc); err != nil {
		return seen, err
	}
	if seen.scope, err = r.olderClaim(ctx, oc, claim{indexScope, scopesOf}); err != nil {
		return seen, err
	}
	if seen.callback, err = r.olderClaim(ctx, oc, claim{indexCallback, callbacksOf}); err != nil {
		return seen, err
	}
	seen.clientID, err = r.olderClaim(ctx, oc, claim{indexClientID, clientIDsOf})
	return seen, err
}

// secret returns the Secret, or nil. The cache holds only Secrets with our label and
// may be behind our own writes; in both cases the API server is asked.
func (r *OAuthClientReconciler) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	secret := &corev1.Secret{}
	err := r.Client.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) || err == nil && r.own.behind(secret, r.Now()) > 0 {
		return r.liveSecret(ctx, key)
	}
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", name, quiet(err))
	}
	return secret, nil
}

func (r *OAuthClientReconciler) liveSecret(ctx context.Context, key client.ObjectKey) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := r.Live.Get(ctx, key, secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the Secret %s: %w", key.Name, quiet(err))
	}
	return secret, nil
}

// otherSecrets returns what the client controls under names it does not want. There
// are none but after a renaming, so each one is worth a look at the API server.
func (r *OAuthClientReconciler) otherSecrets(ctx context.Context, oc *v1alpha1.OAuthClient) ([]corev1.Secret, error) {
	names, err := r.otherNames(ctx, oc)
	if err != nil {
		return nil, err
	}
	var others []corev1.Secret
	for _, name := range names {
		secret, err := r.liveSecret(ctx, client.ObjectKey{Namespace: oc.Namespace, Name: name})
		if err != nil {
			return nil, err
		}
		if ownership(secret, oc) == ownedByClient {
			others = append(others, *secret)
		}
	}
	return others, nil
}

// otherNames returns where an older Secret of the client may be: what the index
// knows, the default name if the cache knows it, and what the status names, should it
// have lost its label.
func (r *OAuthClientReconciler) otherNames(ctx context.Context, oc *v1alpha1.OAuthClient) ([]string, error) {
	list := &corev1.SecretList{}
	err := r.Client.List(ctx, list, client.InNamespace(oc.Namespace), client.MatchingFields{indexRenamed: string(oc.UID)})
	if err != nil {
		return nil, fmt.Errorf("list the Secrets of the client: %w", quiet(err))
	}
	names := []string{oc.Status.SecretName}
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if name := v1alpha1.SecretNameOf(oc); name != secretName(oc) {
		cached := &corev1.Secret{}
		err := r.Client.Get(ctx, client.ObjectKey{Namespace: oc.Namespace, Name: name}, cached)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("read the Secret %s: %w", name, quiet(err))
		}
		if err == nil && ownership(cached, oc) == ownedByClient {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return name == "" || name == secretName(oc)
	}), nil
}

// stillThere fails with a conflict unless oc is the object that has its name now.
// Without it, a look at the cache that is one re-creation behind would take the
// Secret of the new object for that of a dead predecessor.
func (r *OAuthClientReconciler) stillThere(ctx context.Context, oc *v1alpha1.OAuthClient) error {
	now := &v1alpha1.OAuthClient{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(oc), now); err != nil {
		return fmt.Errorf("read the client: %w", err)
	}
	if now.UID != oc.UID {
		resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "oauthclients"}
		return apierrors.NewConflict(resource, oc.Name, fmt.Errorf("it was created anew"))
	}
	return nil
}
