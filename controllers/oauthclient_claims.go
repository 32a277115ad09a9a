// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Names of the indexes in the cache.
const (
	indexScope     = "gatehouse.dev/declared-scope"
	indexCallback  = "gatehouse.dev/callback"
	indexClientID  = "gatehouse.dev/client-id"
	indexClientUID = "gatehouse.dev/client-uid"
)

// rival is an older client that claims the same thing.
type rival struct {
	what          string // the scope, the callback URL or the client ID
	sameNamespace bool
}

// Indexes adds what the OAuthClientReconciler looks up in the cache.
func Indexes(ctx context.Context, cache client.FieldIndexer) error {
	for _, index := range indexes() {
		if err := cache.IndexField(ctx, index.kind, index.field, index.values); err != nil {
			return fmt.Errorf("add the index %s: %w", index.field, err)
		}
	}
	return nil
}

type index struct {
	kind   client.Object
	field  string
	values client.IndexerFunc
}

func indexes() []index {
	return append(claims(), index{&corev1.Secret{}, indexClientUID, func(o client.Object) []string {
		return []string{o.GetLabels()[v1alpha1.LabelClientUID]}
	}})
}

// claims are the indexes by what only one client, or one namespace, may have.
func claims() []index {
	return []index{
		{&v1alpha1.OAuthClient{}, indexScope, ofClient(scopesOf)},
		{&v1alpha1.OAuthClient{}, indexCallback, ofClient(callbacksOf)},
		{&v1alpha1.OAuthClient{}, indexClientID, ofClient(clientIDsOf)},
	}
}

func ofClient(values func(*v1alpha1.OAuthClient) []string) client.IndexerFunc {
	return func(o client.Object) []string {
		oc, ok := o.(*v1alpha1.OAuthClient)
		if !ok {
			return nil
		}
		return values(oc)
	}
}

// scopesOf returns the scopes oc declares as a resource server: each one belongs to
// one client in the cluster.
func scopesOf(oc *v1alpha1.OAuthClient) []string {
	if oc.Spec.ResourceServer == nil {
		return nil
	}
	var scopes []string
	for _, s := range oc.Spec.ResourceServer.Scopes {
		scopes = append(scopes, string(s.Name))
	}
	return scopes
}

// clientIDsOf returns the client ID that oc brings along: it belongs to one client in
// the cluster. One that is made of namespace and name can be nobody else's.
func clientIDsOf(oc *v1alpha1.OAuthClient) []string {
	if oc.Spec.ClientID == "" {
		return nil
	}
	return []string{oc.Spec.ClientID}
}

// callbacksOf returns the callback URLs that belong to one namespace. Plain http is
// on a loopback IP, the user's own machine, and belongs to nobody. The API has one
// spelling for a URL, so that equal addresses are equal strings.
func callbacksOf(oc *v1alpha1.OAuthClient) []string {
	var urls []string
	for _, u := range oc.Spec.CallbackURLs {
		if strings.HasPrefix(u, "https://") {
			urls = append(urls, u)
		}
	}
	return urls
}

// olderClaim returns the first of the values that an older client claims too, and of
// several older ones tells of the oldest: always the same, or the status would flap.
func (r *OAuthClientReconciler) olderClaim(ctx context.Context, oc *v1alpha1.OAuthClient, field string, values []string) (*rival, error) {
	for _, value := range values {
		holders, err := r.holders(ctx, field, value)
		if err != nil {
			return nil, err
		}
		oldest := oc
		for i := range holders {
			other := &holders[i]
			shared := field == indexCallback && other.Namespace == oc.Namespace
			if !shared && v1alpha1.Older(other, oldest) {
				oldest = other
			}
		}
		if oldest != oc {
			return &rival{what: value, sameNamespace: oldest.Namespace == oc.Namespace}, nil
		}
	}
	return nil, nil
}

// holders returns the clients that claim the value, from the cache: for reading only.
func (r *OAuthClientReconciler) holders(ctx context.Context, field, value string) ([]v1alpha1.OAuthClient, error) {
	list := &v1alpha1.OAuthClientList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{field: value}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list who claims the same: %w", err)
	}
	return list.Items, nil
}

// rivals names everybody who claims something that the object claims.
func (r *OAuthClientReconciler) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, index := range claims() {
		for _, value := range index.values(o) {
			holders, err := r.holders(ctx, index.field, value)
			if err != nil {
				continue // only before the cache runs; it lists everybody once it does
			}
			requests = append(requests, requestsFor(holders, o.GetUID())...)
		}
	}
	return requests
}

// everyone names all clients.
func (r *OAuthClientReconciler) everyone(ctx context.Context, _ client.Object) []reconcile.Request {
	list := &v1alpha1.OAuthClientList{}
	if err := r.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil // only before the cache runs; it lists everybody once it does
	}
	return requestsFor(list.Items, "")
}

func requestsFor(clients []v1alpha1.OAuthClient, but types.UID) []reconcile.Request {
	var requests []reconcile.Request
	for i := range clients {
		if clients[i].UID != but {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&clients[i])})
		}
	}
	return requests
}
