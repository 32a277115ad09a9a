// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"time"
)

const (
	// codeLifetime is how long a code waits for its client. RFC 6749 §4.1.2 allows ten
	// minutes; a client redeems it within seconds.
	codeLifetime = time.Minute
	// verifierLifetime is longer, because a verifier may be typed in by a person.
	verifierLifetime = 10 * time.Minute
	// proofLength is the length of a proof: 130 bits.
	proofLength = 26
	// outOfBandVerifier is the length of a verifier that a person copies: 60 bits, bound to one
	// request token of one client for ten minutes.
	outOfBandVerifier = 12
)

func proofLifetime(c *Client) time.Duration {
	if c.Profile.Signed() {
		return verifierLifetime
	}
	return codeLifetime
}

// grantID returns the ID of the grant that the owner's decision makes. It is always the same for one
// interaction and one owner, so that the store keeps the first decision; for a request token it is the
// same for everybody, because a request token is decided on once.
func (r resolved) grantID(subject string) (GrantID, error) {
	name := r.name
	if r.RequestToken == "" {
		name = append(name[:len(name):len(name)], subject)
	}
	mac, err := r.keys.sign(forGrantID, r.key, framed(name...))
	if err != nil {
		return GrantID{}, fmt.Errorf("derive grant ID: %w", err)
	}
	return GrantID(mac[:len(GrantID{})]), nil
}

// proof returns the code or the verifier that goes with the owner's decision. It is derived, so that
// the same decision gets the same answer. Nobody can compute it without the key.
func (r resolved) proof(subject string) (string, error) {
	mac, err := r.keys.sign(forProof, r.key, framed(append(r.name[:len(r.name):len(r.name)], subject)...))
	if err != nil {
		return "", fmt.Errorf("derive proof: %w", err)
	}
	proof := base32.StdEncoding.EncodeToString(mac[:])
	if r.to.Callback == OutOfBand {
		return proof[:outOfBandVerifier], nil
	}
	return proof[:proofLength], nil
}

// newGrant returns the grant for the scopes that a decision at now makes, and its proof in clear.
func (r resolved) newGrant(o Owner, scopes []string, now time.Time) (Grant, string, error) {
	id, err := r.grantID(o.Subject)
	if err != nil {
		return Grant{}, "", err
	}
	clear, err := r.proof(o.Subject)
	if err != nil {
		return Grant{}, "", err
	}
	bound := r.bind(clear, now.Add(proofLifetime(r.client)))
	return Grant{
		ID: id, ClientUID: r.client.UID, Owner: o.Subject, Scopes: scopes, Profile: r.client.Profile,
		ApprovedAt: now, EndsAt: endOf(r.client, scopes, bound.ExpiresAt, now), Proof: bound, Resources: r.Resources,
	}, clear, nil
}

// bind returns what the store keeps of a proof. A code is bound to the callback as the request spelled
// it; a verifier to its request token, which names the callback.
func (r resolved) bind(clear string, ends time.Time) Proof {
	if r.RequestToken != "" {
		return Proof{Hash: sha256.Sum256([]byte(verifierProof(r.RequestToken, clear))), ExpiresAt: ends}
	}
	return Proof{Hash: sha256.Sum256([]byte(clear)), Callback: r.Requested, CodeChallenge: r.CodeChallenge, ExpiresAt: ends}
}

// endOf is when a grant ends: after the client's duration, or, if it cannot be refreshed, as soon
// as the last token it can yield has ended.
func endOf(c *Client, scopes []string, proofEnds, now time.Time) time.Time {
	end := now.Add(c.GrantDuration)
	if last := proofEnds.Add(c.AccessTokenLifetime); !c.refreshes(scopes) && last.Before(end) {
		return last
	}
	return end
}

// framed joins parts so that no other parts give the same bytes: each is preceded by its length.
func framed(parts ...string) []byte {
	var b []byte
	for _, part := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part))) //nolint:gosec // bounded by the dialect or the cookie
		b = append(b, part...)
	}
	return b
}
