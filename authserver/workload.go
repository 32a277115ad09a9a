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
	// KeysInHand returns the keys that the cluster signs by, if one of them is wanted and Keys would return them without a wait; otherwise none.
	KeysInHand(ctx context.Context, cluster string, wanted func(assertion.Key) bool) []assertion.Key
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
	reasonNoReview       = "this server cannot ask for TokenReviews, because it serves chosen namespaces only: name this cluster in workloadIdentity.clusters of its configuration, and list that name in spec.credentials.serviceAccount.clusters of the client"
	reasonOtherIssuer    = "iss of the token is the issuer of no cluster that the client lists in spec.credentials.serviceAccount.clusters"
	reasonUnknownCluster = "iss of the token is the issuer of no cluster that the client lists and that this server knows: workloadIdentity.clusters of its configuration does not name all of them"
	reasonClusterKey     = "the token is not signed with a key of the cluster that has its issuer, which its kid and alg name"
	reasonNoKubernetes   = "the claim kubernetes.io of the token does not name the same namespace and ServiceAccount as sub"
	reasonNoIssuedAt     = "the token has no iat: tokens of other clusters are taken for 24 hours from then at most"
	reasonLivesLong      = "the token lives longer than 24 hours, from iat to exp: ask for a shorter one (expirationSeconds)"
)

// ofAccounts reports whether the assertions are tokens of ServiceAccounts.
func (a *Assertions) ofAccounts() bool { return len(a.ServiceAccounts) > 0 || a.Elsewhere != nil }

// proveAccount checks a token of a ServiceAccount, of another cluster or of this one. What another cluster has signed by a key that is in hand
// is sent to nobody. This cluster is asked before others are asked for their keys, so that nobody here waits for them.
func (s *Server) proveAccount(ctx context.Context, who prover, a *assertion.Assertion, text string) (credentialID string, err error) {
	name, ours := strings.CutPrefix(a.Subject, serviceAccountPrefix+who.namespace+":")
	if !ours {
		return "", refusedAssertion(reasonOtherAccount)
	}
	clusters, why := s.clustersOf(who, a, name)
	if cluster, signed := s.signedByKnown(ctx, a, clusters); signed {
		return s.elsewhereID(who, a, cluster, name)
	}
	here := len(who.assertions.ServiceAccounts) > 0
	switch {
	case len(clusters) == 0 && here:
		return s.proveHere(ctx, who, a, text, name)
	case len(clusters) == 0:
		return "", why
	case here && isHere(who, a, name):
		if credentialID, err = s.proveHere(ctx, who, a, text, name); err == nil {
			return credentialID, nil
		}
	}
	cluster, askErr := s.askClusters(ctx, who, a, clusters)
	switch {
	case askErr == nil:
		return s.elsewhereID(who, a, cluster, name)
	case err == nil || errors.Is(askErr, ErrUnavailable): // whoever cannot be asked may have made it
		return "", askErr
	default:
		return "", err
	}
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
	case s.tokenReviewer == nil: // no status has a UID then
		return "", refusedAssertion(reasonNoReview)
	case !isHere(who, a, name):
		return "", refusedAssertion(reasonOtherUID)
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
