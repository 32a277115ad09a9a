// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Plant is a fault that other servers had. It is put into a dependency, so that the engine behaves as they did.
type Plant struct {
	Name   string
	Breaks string // what the ledger says when it finds it
	Source string // where it was seen
}

// Plants returns all faults that can be planted.
func Plants() []Plant {
	return []Plant{
		{"code-redeemed-by-read-then-write", "redeemed twice", "leodip/goiabada#77, supabase/auth#2613, oauthlib/oauthlib#618"},
		{"code-bound-to-nothing", "redeemed by another client", "RFC 9700 §4.5"},
		{"revocation-answered-and-not-kept", "its client revoked it", "CVE-2020-15223 (fosite), CVE-2016-6582 (doorkeeper)"},
		{"revoked-token-active-from-a-cache", "its client revoked it", "RFC 7662 §4: a cached answer outlives the token"},
		{"refresh-reuse-judged-by-a-late-replica", "its successor was used", "RFC 9700 §4.14.2"},
		{"consent-of-public-client-remembered", "it is Public", "CVE-2023-34246 (doorkeeper)"},
		{"consent-counts-for-more-scopes", "nobody said always", "RFC 9700 §2.3, RFC 6749 §3.3"},
		{"forgotten-consent-comes-back", "nobody said always", "this engine: N189"},
		{"forgotten-consent-counts", "took back what it rests on", "this engine: N197"},
		{"denial-not-kept", "denied was approved later", "RFC 6749 §4.1.2.1"},
		{"session-from-a-cache", "after the password was changed", "a new password that leaves other sessions open"},
		{"suspended-client-refreshes", "knew to be deleted or suspended", "RFC 6749 §10.4"},
		{"tokens-of-a-deleted-client-count-for-the-next", "knew to be deleted or suspended", "RFC 7592 §2.3"},
	}
}

// plant is the fault of a run. Without a name it is none.
type plant struct {
	s    *simulation
	name string
}

func newPlant(s *simulation, name string) *plant { return &plant{s, name} }

// store returns the store of the run, with the fault if it belongs there.
func (p *plant) store(m *model) authserver.Store {
	switch p.name {
	case "":
		return m
	case "session-from-a-cache":
		return &sessionCache{m, map[authserver.Hash]authserver.Session{}}
	case "revoked-token-active-from-a-cache":
		return &grantCache{m, p.s, map[authserver.GrantID]cachedGrant{}}
	case "refresh-reuse-judged-by-a-late-replica":
		return &lateReplica{m, map[authserver.GrantID]authserver.Grant{}}
	}
	return &brokenStore{m, p.s, p.name}
}

func (p *plant) in(kinds ...string) bool {
	c := p.s.current.call
	return c != nil && strings.Contains(strings.Join(kinds, ","), c.kind)
}

// client is what a lookup in the registry returns.
func (p *plant) client(c *authserver.Client) *authserver.Client {
	switch {
	case c == nil || p.name == "":
		return c
	case p.name == "suspended-client-refreshes" && c.Suspended && p.in("refresh"):
		changed := *c
		changed.Suspended = false
		return &changed
	case p.name == "consent-of-public-client-remembered" && c.Public && p.in("interaction", "decide"):
		changed := *c
		changed.Public = false
		return &changed
	}
	return c
}

// byUID looks a client up.
func (p *plant) byUID(v *version, uid string) (*authserver.Client, bool) {
	c, ok := v.byUID[uid]
	if !ok && p.name == "tokens-of-a-deleted-client-count-for-the-next" {
		c, ok = v.byUID[uid+"-again"]
	}
	return c, ok
}

// brokenStore is a model with one of several small faults.
type brokenStore struct {
	*model
	s    *simulation
	name string
}

// Redeem reads whether the proof is unused, and takes it later.
func (b *brokenStore) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	if b.name != "code-redeemed-by-read-then-write" {
		return b.model.Redeem(ctx, proof, now)
	}
	row := b.proofs[proof]
	if row == nil || row.Generation != 0 || !isListed(row, now) {
		return authserver.Grant{}, authserver.ErrNotFound
	}
	b.s.pause("planted fault: between read and write")
	row.Generation, row.RotatedAt = 1, kept(now)
	return row.Grant, nil
}

// GrantByProof returns a grant that fits whoever asks.
func (b *brokenStore) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	g, err := b.model.GrantByProof(ctx, proof)
	if b.name == "code-bound-to-nothing" && b.s.plant.in("stolen code") {
		g.ClientUID, g.Proof.Callback, g.Proof.CodeChallenge = templates[rogue].client.UID, callbackOf(rogue), ""
	}
	return g, err
}

// Revoke says yes, and at times does nothing.
func (b *brokenStore) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (bool, error) {
	if b.name == "revocation-answered-and-not-kept" && b.s.one(4) {
		return true, nil
	}
	return b.model.Revoke(ctx, id, now)
}

// Consent returns a consent for everything.
func (b *brokenStore) Consent(ctx context.Context, owner, uid string) (authserver.Consent, error) {
	c, err := b.model.Consent(ctx, owner, uid)
	if b.name == "consent-counts-for-more-scopes" && err == nil {
		c.Scopes = []string{scopeRead, scopeWrite}
	}
	return c, err
}

// Approve keeps no denial, or joins a consent with one that was taken back since it was read.
func (b *brokenStore) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	if b.name == "denial-not-kept" && !g.RevokedAt.IsZero() {
		return nil
	}
	if b.name == "forgotten-consent-comes-back" && c != nil {
		c.Before = nil // it is joined with whatever was read before
	}
	return b.model.Approve(ctx, g, c)
}

// ApproveUnder looks at no consent again.
func (b *brokenStore) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	if b.name == "forgotten-consent-counts" || b.name == "consent-counts-for-more-scopes" {
		return b.model.Approve(ctx, g, nil)
	}
	return b.model.ApproveUnder(ctx, g, read)
}

// sessionCache remembers sessions that were made, and asks no more.
type sessionCache struct {
	*model
	made map[authserver.Hash]authserver.Session
}

// CreateSession is of authserver.Store.
func (c *sessionCache) CreateSession(ctx context.Context, s authserver.Session, o authserver.Confirmation) error {
	c.made[s.Hash] = s
	return c.model.CreateSession(ctx, s, o)
}

// Session is of authserver.Store.
func (c *sessionCache) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	s, p, err := c.model.Session(ctx, h)
	if made, ok := c.made[h]; ok && err != nil {
		p = c.people[made.Owner]
		p.CredentialVersion = made.CredentialVersion
		return made, p, nil
	}
	return s, p, err
}

// grantCache remembers what it read for half a minute.
type grantCache struct {
	*model
	s    *simulation
	read map[authserver.GrantID]cachedGrant
}

type cachedGrant struct {
	pair[authserver.Grant, authserver.Person]
	at time.Duration
}

// OwnedGrant is of authserver.Store.
func (c *grantCache) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	if known, ok := c.read[id]; ok && c.s.elapsed-known.at < 30*time.Second {
		return known.a, known.b, nil
	}
	g, p, err := c.model.OwnedGrant(ctx, id)
	if err == nil {
		c.read[id] = cachedGrant{pair[authserver.Grant, authserver.Person]{g, p}, c.s.elapsed}
	}
	return g, p, err
}

// lateReplica reads each grant as it was one refresh ago.
type lateReplica struct {
	*model
	before map[authserver.GrantID]authserver.Grant
}

// Rotate is of authserver.Store.
func (l *lateReplica) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	if row := l.grants[r.GrantID]; row != nil && row.Generation == r.Generation {
		l.before[r.GrantID] = row.Grant
	}
	return l.model.Rotate(ctx, r, now)
}

// Grant is of authserver.Store.
func (l *lateReplica) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	if late, ok := l.before[id]; ok {
		return late, nil
	}
	return l.model.Grant(ctx, id)
}
