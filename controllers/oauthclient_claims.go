// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Names of the indexes in the cache.
const (
	indexScope    = "gatehouse.dev/declared-scope"
	indexCallback = "gatehouse.dev/callback"
	indexClientID = "gatehouse.dev/client-id"
	indexRenamed  = "gatehouse.dev/renamed-secret-of"
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
	all := []index{{&corev1.Secret{}, indexRenamed, renamedSecret}}
	for _, c := range claims() {
		all = append(all, index{&v1alpha1.OAuthClient{}, c.field, c.buckets})
	}
	return all
}

// claim is what only one client, or one namespace, may have.
type claim struct {
	field  string
	values func(*v1alpha1.OAuthClient) []string
}

func claims() []claim {
	return []claim{{indexScope, scopesOf}, {indexCallback, callbacksOf}, {indexClientID, clientIDsOf}}
}

// buckets indexes a client by its claims. An index keeps a set for each value it
// knows; nearly every client has a callback URL of its own, so they share buckets.
func (c claim) buckets(o client.Object) []string {
	oc, ok := o.(*v1alpha1.OAuthClient)
	if !ok {
		return nil
	}
	var found []string
	for _, value := range c.values(oc) {
		found = append(found, bucket(value))
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// bucket spreads values over 1,024 names.
func bucket(value string) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(value))%1024), 10)
}

// renamedSecret indexes by client the Secrets that have not the default name. Those
// that have it are found by it, and they are most.
func renamedSecret(o client.Object) []string {
	ref := metav1.GetControllerOf(o)
	if ref == nil {
		return nil
	}
	owner := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Name: ref.Name}}
	if o.GetName() == v1alpha1.SecretNameOf(owner) {
		return nil
	}
	return []string{string(ref.UID)}
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
	return []string{string(oc.Spec.ClientID)}
}

// callbacksOf returns the callback URLs that belong to one namespace. Plain http is
// on a loopback IP, the user's own machine, and belongs to nobody. The API has one
// spelling for a URL, so that equal addresses are equal strings.
func callbacksOf(oc *v1alpha1.OAuthClient) []string {
	var urls []string
	for _, u := range oc.Spec.CallbackURLs {
		if strings.HasPrefix(string(u), "https://") {
			urls = append(urls, string(u))
		}
	}
	return urls
}

// olderClaim returns the first claim of oc that belongs to somebody else: a scope
// to the oldest client that declares it, a callback URL to the namespace of the
// oldest client that has it. A loser holds nothing, however old it is.
func (r *OAuthClientReconciler) olderClaim(ctx context.Context, oc *v1alpha1.OAuthClient, c claim) (*rival, error) {
	for _, value := range c.values(oc) {
		holders, err := r.holders(ctx, c, value)
		if err != nil {
			return nil, err
		}
		oldest := oc
		for _, other := range holders {
			if v1alpha1.Older(other, oldest) {
				oldest = other
			}
		}
		sameNamespace := oldest.Namespace == oc.Namespace
		if oldest.UID != oc.UID && !(c.field == indexCallback && sameNamespace) {
			return &rival{what: value, sameNamespace: sameNamespace}, nil
		}
	}
	return nil, nil
}

// holders returns the clients that claim the value, from the cache: for reading only.
// One that is being deleted is served no more and holds nothing.
func (r *OAuthClientReconciler) holders(ctx context.Context, c claim, value string) ([]*v1alpha1.OAuthClient, error) {
	list := &v1alpha1.OAuthClientList{}
	if err := r.Client.List(ctx, list, client.MatchingFields{c.field: bucket(value)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list who claims the same: %w", err)
	}
	var holders []*v1alpha1.OAuthClient
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp.IsZero() && slices.Contains(c.values(&list.Items[i]), value) {
			holders = append(holders, &list.Items[i])
		}
	}
	return holders, nil
}

// rivals names everybody who claims something that the object claims.
func (r *OAuthClientReconciler) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	oc, ok := o.(*v1alpha1.OAuthClient)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, c := range claims() {
		for _, value := range c.values(oc) {
			holders, err := r.holders(ctx, c, value)
			if err != nil {
				continue // only before the cache runs; it lists everybody once it does
			}
			for _, other := range holders {
				if other.UID != oc.UID {
					requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(other)})
				}
			}
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
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}
