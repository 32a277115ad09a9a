// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// clusterKeysTime bounds the wait for the keys of all clusters that may have signed a token. One address has as long.
const clusterKeysTime = 5 * time.Second

// clustersOf returns the other clusters that may have made the token by what it says of itself; none, and why.
func (s *Server) clustersOf(who prover, a *assertion.Assertion, name string) (clusters []string, why error) {
	elsewhere := who.assertions.Elsewhere
	if elsewhere == nil || !slices.Contains(elsewhere.Names, name) {
		return nil, refusedAssertion(reasonOtherAccount)
	}
	why = refusedAssertion(reasonOtherIssuer)
	for _, cluster := range elsewhere.Clusters {
		issuer, known := s.issuerOf(cluster)
		switch {
		case !known:
			why = refusedAssertion(reasonUnknownCluster)
		case issuer == a.Issuer:
			clusters = append(clusters, cluster)
		}
	}
	return clusters, why
}

// signedByKnown returns which of the clusters has signed the token by a key that is in hand. It waits for nobody.
func (s *Server) signedByKnown(ctx context.Context, a *assertion.Assertion, clusters []string) (cluster string, signed bool) {
	for _, cluster := range clusters {
		if _, signed := a.SignedBy(s.clusters.KeysInHand(ctx, cluster, a.Asks)); signed {
			return cluster, true
		}
	}
	return "", false
}

// askClusters returns which of the clusters has signed the token. All are asked for their keys at the same time, and whose key it is does
// not wait for the others. If the keys of one are not to be had, and no other one has signed it, the error wraps ErrUnavailable.
func (s *Server) askClusters(ctx context.Context, who prover, a *assertion.Assertion, clusters []string) (cluster string, err error) {
	ctx, cancel := context.WithTimeout(ctx, clusterKeysTime)
	defer cancel()
	type answer struct {
		cluster string
		keys    []assertion.Key
		err     error
	}
	answers := make(chan answer, len(clusters))
	for _, cluster := range clusters {
		go func() {
			keys, err := s.clusters.Keys(ctx, cluster, a.Asks)
			answers <- answer{cluster, keys, err}
		}()
	}
	err = refusedAssertion(reasonClusterKey)
	for range clusters {
		from := <-answers
		if from.err != nil {
			err = fmt.Errorf("read the keys of the cluster %s for %s: %w", from.cluster, who.id, from.err)
		} else if _, signed := a.SignedBy(from.keys); signed {
			return from.cluster, nil
		}
	}
	return "", err
}

// elsewhereID returns what access tokens hang on, for a token that the cluster has signed, if it says what it must.
func (s *Server) elsewhereID(who prover, a *assertion.Assertion, cluster, name string) (credentialID string, err error) {
	switch {
	case a.Namespace != who.namespace || a.ServiceAccount != name:
		return "", refusedAssertion(reasonNoKubernetes)
	case a.IssuedAt.IsZero():
		return "", refusedAssertion(reasonNoIssuedAt)
	case a.ExpiresAt.Sub(a.IssuedAt) > maxTokenLifetime:
		return "", refusedAssertion(reasonLivesLong)
	}
	return assertion.OtherClusterAccountID(cluster, a.Issuer, who.namespace, name), nil
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
