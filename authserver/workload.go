// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// TokenReviewer lets the cluster say whose a token of a ServiceAccount is.
type TokenReviewer interface {
	// Review returns the username and the UID that the token proves for the audience; both empty: it proves nothing. Without an
	// answer the error wraps ErrUnavailable.
	Review(ctx context.Context, question TokenQuestion) (username, uid string, err error)
}

// TokenQuestion is about a token that says it is one of a ServiceAccount of the namespace, and that it ends at Ends.
type TokenQuestion struct {
	Token, Audience string
	Namespace       string // all questions of which share a bound
	Ends            time.Time
}

// Elsewhere are ServiceAccounts of other clusters, in the namespaces that are called as the client's own.
type Elsewhere struct {
	// Clusters are called as the configuration calls them.
	Clusters []string
	Names    []string
}

// Clusters knows who gives tokens to ServiceAccounts in other clusters.
type Clusters interface {
	// Issuer returns the issuer of the cluster's tokens, which several clusters may share.
	Issuer(cluster string) (issuer string, known bool)
	// Keys returns the keys that the cluster signs by, as KeySets does.
	Keys(ctx context.Context, cluster string, wanted func(assertion.Key) bool) ([]assertion.Key, error)
}

// maxTokenLifetime is how long a token of another cluster may live. Nobody is asked whether its Pod is still there.
const maxTokenLifetime = 24 * time.Hour

// Reasons for the audit log why a token of a ServiceAccount is refused.
const (
	reasonOtherAccount   = "sub of the token is no ServiceAccount that the client lists, in its own namespace"
	reasonOtherUID       = "the ServiceAccount of the token is not the one that the status of the client names: it was created again, or the operator has not seen it yet"
	reasonReview         = "the API server does not accept the token for this issuer: it expired, or its ServiceAccount or Pod is gone"
	reasonNoReview       = "this server cannot ask for TokenReviews, because it serves chosen namespaces only"
	reasonOtherIssuer    = "iss of the token is the issuer of no cluster that the client lists in spec.credentials.serviceAccount.clusters"
	reasonUnknownCluster = "iss of the token is the issuer of no cluster that the client lists and that this server knows: workloadIdentity.clusters of its configuration does not name all of them"
	reasonClusterKey     = "the token is not signed with a key of the cluster that has its issuer, which its kid and alg name"
	reasonNoKubernetes   = "the claim kubernetes.io of the token does not name the same namespace and ServiceAccount as sub"
	reasonNoIssuedAt     = "the token has no iat: tokens of other clusters are taken for 24 hours from then at most"
	reasonLivesLong      = "the token lives longer than 24 hours, from iat to exp: ask for a shorter one (expirationSeconds)"
)

// ofAccounts reports whether the assertions are tokens of ServiceAccounts.
func (a *Assertions) ofAccounts() bool { return len(a.ServiceAccounts) > 0 || a.Elsewhere != nil }

// proveAccount checks a token of a ServiceAccount, of another cluster or of this one. What a cluster has signed is sent to nobody.
func (s *Server) proveAccount(ctx context.Context, who prover, a *assertion.Assertion, text string) (credentialID string, err error) {
	name, ours := strings.CutPrefix(a.Subject, serviceAccountPrefix+who.namespace+":")
	if !ours {
		return "", refusedAssertion(reasonOtherAccount)
	}
	credentialID, err = s.proveElsewhere(ctx, who, a, name)
	why, other := errors.AsType[notElsewhere](err)
	switch {
	case !other:
		return credentialID, err
	case len(who.assertions.ServiceAccounts) == 0 || why.named && !isHere(who, a, name):
		return "", why.error
	default:
		return s.proveHere(ctx, who, a, text, name)
	}
}

// notElsewhere is why no other cluster has signed a token, as far as is known.
type notElsewhere struct {
	error
	named bool // its issuer is that of one of them
}

func (e notElsewhere) Unwrap() error { return e.error }

// proveElsewhere checks a token by the keys of the other clusters that have its issuer. Who it is of is compared before.
func (s *Server) proveElsewhere(ctx context.Context, who prover, a *assertion.Assertion, name string) (credentialID string, err error) {
	elsewhere := who.assertions.Elsewhere
	if elsewhere == nil || !slices.Contains(elsewhere.Names, name) {
		return "", notElsewhere{error: refusedAssertion(reasonOtherAccount)}
	}
	not := notElsewhere{error: refusedAssertion(reasonOtherIssuer)}
	for _, cluster := range elsewhere.Clusters {
		issuer, known := s.issuerOf(cluster)
		switch {
		case !known && !not.named:
			not.error = refusedAssertion(reasonUnknownCluster)
			continue
		case !known || issuer != a.Issuer:
			continue
		}
		if !not.named {
			not = notElsewhere{error: refusedAssertion(reasonClusterKey), named: true}
		}
		keys, err := s.clusters.Keys(ctx, cluster, a.Asks)
		if err != nil {
			not.error = fmt.Errorf("read the keys of the cluster %s for %s: %w", cluster, who.id, err)
			continue
		}
		if _, signed := a.SignedBy(keys); signed {
			return assertion.OtherClusterAccountID(cluster, issuer, who.namespace, name), checkElsewhere(who, a, name)
		}
	}
	return "", not
}

// checkElsewhere checks what a token says that a cluster has signed.
func checkElsewhere(who prover, a *assertion.Assertion, name string) error {
	switch {
	case a.Namespace != who.namespace || a.ServiceAccount != name:
		return refusedAssertion(reasonNoKubernetes)
	case a.IssuedAt.IsZero():
		return refusedAssertion(reasonNoIssuedAt)
	case a.ExpiresAt.Sub(a.IssuedAt) > maxTokenLifetime:
		return refusedAssertion(reasonLivesLong)
	}
	return nil
}

// issuerOf returns the issuer of a cluster's tokens, if the configuration names the cluster.
func (s *Server) issuerOf(cluster string) (issuer string, known bool) {
	if s.clusters == nil {
		return "", false
	}
	return s.clusters.Issuer(cluster)
}

// stillElsewhere reports whether a token was bound to a ServiceAccount of another cluster that still is the client.
func (s *Server) stillElsewhere(c *Client, credentialID string) bool {
	elsewhere := c.Assertions.Elsewhere
	return elsewhere != nil && slices.ContainsFunc(elsewhere.Clusters, func(cluster string) bool {
		issuer, known := s.issuerOf(cluster)
		return known && slices.ContainsFunc(elsewhere.Names, func(name string) bool {
			return assertion.OtherClusterAccountID(cluster, issuer, c.Namespace, name) == credentialID
		})
	})
}

// serviceAccountPrefix begins the username of a ServiceAccount: then follow its namespace, a colon and its name.
const serviceAccountPrefix = "system:serviceaccount:"

// isHere reports whether a token says that it is of a ServiceAccount of this cluster that the client lists.
func isHere(who prover, a *assertion.Assertion, name string) bool {
	return a.ServiceAccountUID != "" && slices.Contains(who.assertions.ServiceAccounts, ServiceAccount{Name: name, UID: a.ServiceAccountUID})
}

// proveHere lets this cluster check a token of a ServiceAccount. What the token says of itself is compared first, so that no token
// that is not the client's makes the server ask.
func (s *Server) proveHere(ctx context.Context, who prover, a *assertion.Assertion, text, name string) (credentialID string, err error) {
	switch {
	case !slices.ContainsFunc(who.assertions.ServiceAccounts, func(sa ServiceAccount) bool { return sa.Name == name }):
		return "", refusedAssertion(reasonOtherAccount)
	case !isHere(who, a, name):
		return "", refusedAssertion(reasonOtherUID)
	case s.tokenReviewer == nil:
		return "", refusedAssertion(reasonNoReview)
	}
	username, uid, err := s.tokenReviewer.Review(ctx, TokenQuestion{Token: text, Audience: s.issuer, Namespace: who.namespace, Ends: a.ExpiresAt})
	switch {
	case err != nil:
		return "", fmt.Errorf("review a token of %s: %w", who.id, err)
	case username != a.Subject || uid != a.ServiceAccountUID:
		return "", refusedAssertion(reasonReview)
	}
	return assertion.ServiceAccountID(uid), nil
}
