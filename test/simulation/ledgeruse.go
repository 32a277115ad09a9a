// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// inspected checks what was said of a token to somebody who may see all of it.
func (l *ledger) inspected(c *call, token string, info authserver.TokenInfo) {
	a := l.access[token]
	g, isRefresh := l.refresh[token]
	switch {
	case a == nil && !isRefresh && info.Active:
		l.s.fail("a token is active that nobody issued")
	case isRefresh && info.Active:
		l.checkActive(c, g.family, g.family.scopes, info)
	case a == nil:
	case !info.Active:
		if l.accessMustWork(a) {
			l.s.fail("an access token of %s is inactive, and nothing was done that could be the reason", l.nameOf(a))
		}
	case a.family != nil:
		l.checkTime(c, a)
		l.checkActive(c, a.family, a.scopes, info)
	default:
		l.checkTime(c, a)
		l.checkOwnToken(c, a, info)
	}
}

func (l *ledger) nameOf(a *accessToken) string {
	if a.family != nil {
		return a.family.name
	}
	return a.client
}

// checkActive checks an answer that says that a token of the family is active.
func (l *ledger) checkActive(c *call, f *family, scopes []string, info authserver.TokenInfo) {
	l.checkAlive(c, f, "a token of it is active")
	if info.Owner.Name != f.owner || info.Client.UID != f.uid {
		l.s.fail("%s: its token is said to be of %s and %s", f.name, info.Owner.Name, info.Client.ID)
	}
	l.checkScopes(c, f.name, f.uid, scopes, info.Scopes)
	if at := l.withdrawn[f.owner+" "+f.client]; at != 0 && at < c.begun {
		l.s.fail("%s: a token of it is active, but %s may not use %s any more", f.name, f.owner, f.client)
	}
}

// checkTime checks that an active token has not expired.
func (l *ledger) checkTime(c *call, a *accessToken) {
	if !l.s.wildClocks && c.at >= a.expires+skewBound {
		l.s.fail("an access token of %s is active %s after its end", l.nameOf(a), c.at-a.expires)
	}
}

// checkOwnToken checks an active token of the client credentials grant.
func (l *ledger) checkOwnToken(c *call, a *accessToken, info authserver.TokenInfo) {
	if a.revoked != 0 && a.revoked < c.begun {
		l.s.fail("an access token of %s is active, but its client revoked it", a.client)
	}
	l.checkServed(c, a.client, a.uid, "a token is active")
	if info.Owner.Subject != "" {
		l.s.fail("a token of %s itself is said to be of %s", a.client, info.Owner.Name)
	}
	l.checkScopes(c, a.client, a.uid, a.scopes, info.Scopes)
}

// accessMustWork reports whether nothing is known that could make the token inactive.
func (l *ledger) accessMustWork(a *accessToken) bool {
	early := l.s.elapsed < a.expires-2*slack
	if a.family != nil {
		return early && l.mustWork(a.family)
	}
	return early && !l.s.wildClocks && !a.uncertain && !l.touched[a.client]
}

// revokeBegins notes that the client of a token revokes it.
func (l *ledger) revokeBegins(token string) {
	if a := l.access[token]; a != nil && a.family == nil {
		a.uncertain = true
	}
	if f := l.familyOf(token); f != nil {
		f.uncertain = true
	}
}

// revoked notes that a revocation was answered.
func (l *ledger) revoked(token string) {
	if a := l.access[token]; a != nil && a.family == nil && a.revoked == 0 && !l.s.wildClocks {
		a.revoked = l.s.tick()
	}
	if f := l.familyOf(token); f != nil {
		l.kill(f, "its client revoked it")
	}
}

func (l *ledger) familyOf(token string) *family {
	if g, ok := l.refresh[token]; ok {
		return g.family
	}
	if a := l.access[token]; a != nil {
		return a.family
	}
	return nil
}

// uidOf returns the client that a token was issued to.
func (l *ledger) uidOf(token string) string {
	if a := l.access[token]; a != nil {
		return a.uid
	}
	if g, ok := l.refresh[token]; ok {
		return g.family.uid
	}
	return ""
}

// isGone reports whether the owner had been removed when the call began. A login whose password was checked before the
// removal brings them back for the moment until its own check, which comes last; if it fails there, until a replica asks
// the directory about everybody. Such a login takes this promise away.
func (l *ledger) isGone(c *call, owner string) bool {
	gone := l.removed[owner]
	return gone != 0 && gone < c.begun && !slices.ContainsFunc(l.logins, func(o *login) bool {
		return o.owner == owner && o.by.begun < gone && (o.by.ended == 0 || o.by.ended > c.begun || !o.complete)
	})
}

// loggedIn keeps a login that was answered.
func (l *ledger) loggedIn(c *call, owner string, password int, token string) {
	if l.sessions[token] != nil {
		l.s.fail("two logins got one session")
	}
	if l.isGone(c, owner) {
		l.s.fail("%s logged in, and is gone", owner)
	}
	if at := l.changed[owner]; at.tick != 0 && at.tick < c.begun && password < at.password {
		l.s.fail("%s logged in with a password that was changed", owner)
	}
	l.sessions[token] = &session{owner: owner, password: password}
}

// sessionOf returns the session that a request came with. Its browser may have another one by now.
func (l *ledger) sessionOf(v *authserver.Visitor) *session {
	for token, known := range l.sessions {
		if sha256.Sum256([]byte(token)) == v.Session.Hash {
			return known
		}
	}
	return &session{}
}

// sessionLifetime is how long a login lasts.
const sessionLifetime = 12 * time.Hour

// visited checks whom a session was taken for.
func (l *ledger) visited(c *call, token string, v *authserver.Visitor) {
	known := l.sessions[token]
	if known == nil {
		if v != nil {
			l.s.fail("a session counts that nobody was given")
		}
		return
	}
	if v == nil {
		if !known.uncertain && !l.s.wildClocks && !l.touched[known.owner] && l.s.filled == 0 && l.s.elapsed < sessionLifetime-2*slack &&
			!slices.Contains(l.endings, known.owner) {
			l.s.fail("a session of %s ended, and nobody ended it", known.owner)
		}
		return
	}
	if v.Owner.Name != known.owner {
		l.s.fail("a session of %s counts for %s", known.owner, v.Owner.Name)
	}
	if known.ended != 0 && known.ended < c.begun {
		l.s.fail("a session of %s counts after it was ended", known.owner)
	}
	if l.isGone(c, known.owner) {
		l.s.fail("a session of %s counts, who is gone", known.owner)
	}
	if at := l.changed[known.owner]; at.tick != 0 && at.tick < c.begun && known.password < at.password {
		l.s.fail("a session of %s counts after the password was changed", known.owner)
	}
}

// checkCounts checks that what an owner has is bounded.
func (l *ledger) checkCounts() {
	now := start.Add(l.s.elapsed)
	live, sessions := map[[2]string]int{}, map[string]int{}
	for _, g := range l.s.model.inOrder {
		if isListed(g, now) {
			live[[2]string{g.Owner, g.ClientUID}]++
		}
	}
	for _, s := range l.s.model.sessions {
		sessions[s.Owner]++
	}
	for _, n := range live {
		if n > 2*authserver.MaxGrants {
			l.s.fail("an owner has %d live grants to one client", n)
		}
	}
	for _, n := range sessions {
		if n > authserver.MaxSessions {
			l.s.fail("an owner has %d sessions", n)
		}
	}
}

// nonceTaken checks that a signed request was taken once.
func (l *ledger) nonceTaken(nonce string) {
	if l.nonces[nonce]++; l.nonces[nonce] > 1 {
		l.s.fail("a signed request was taken twice")
	}
}

// liveFamilies returns the families of which the ledger does not know that they are dead, with a refresh token.
func (l *ledger) liveFamilies() []*family {
	return slices.DeleteFunc(slices.Clone(l.families), func(f *family) bool { return f.dead != 0 || len(f.chain) == 0 })
}
