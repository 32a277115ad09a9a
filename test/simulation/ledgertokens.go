// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The times that the engine promises to refresh tokens.
const (
	repeatTime    = 5 * time.Minute
	overtakenTime = 30 * time.Second
	// slack is what clocks and the time of a call may add.
	slack = 2*skewBound + time.Second
)

// redeemBegins notes that the family's client brings its code.
func (l *ledger) redeemBegins(f *family) {
	if f.presented {
		f.uncertain = true
	}
	f.presented = true
}

// redeemed checks what a redemption was answered. Bound is set if the right client brought all that binds the code.
func (l *ledger) redeemed(c *call, code string, bound bool, tokens *authserver.Tokens, err error) {
	f := l.byCode[code]
	if err != nil {
		if f != nil && bound && (errors.Is(err, authserver.GrantUsedBefore) || f.redeemed != 0 && f.redeemed < c.begun && isRefusal(err, authserver.InvalidGrant) && !errors.Is(err, authserver.GrantWrongCallback)) {
			l.kill(f, "its code was used twice")
		}
		return
	}
	switch {
	case f == nil:
		l.s.fail("a code was redeemed that nobody was given")
	case !bound:
		l.s.fail("%s: its code was redeemed by another client, or without what binds it", f.name)
	case f.redeemed != 0:
		l.s.fail("%s: its code was redeemed twice", f.name)
	case !l.s.wildClocks && c.at >= f.approvedAt+l.lifetimeOfCode(f)+2*skewBound:
		l.s.fail("%s: its code was redeemed after it had expired", f.name)
	}
	l.checkAlive(c, f, "its code was redeemed")
	f.redeemed = l.s.tick()
	l.issue(c, f, tokens)
	if tokens.RefreshToken != "" {
		l.extend(f, tokens.RefreshToken)
	}
}

// checkAlive checks that something of the family may be answered.
func (l *ledger) checkAlive(c *call, f *family, what string) {
	if f.dead != 0 && f.dead < c.begun {
		l.s.fail("%s: %s, but %s", f.name, what, f.why)
	}
	l.checkServed(c, f.client, f.uid, what)
	if l.isGone(c, f.owner) {
		l.s.fail("%s: %s, but %s is gone", f.name, what, f.owner)
	}
}

// during reports whether something was so in a version of the registry that the replica knew during the call.
func (l *ledger) during(c *call, is func(*version) bool) bool {
	return slices.ContainsFunc(l.s.versions[c.version:c.replica.version+1], is)
}

// checkServed checks that the replica could believe that the client is served.
func (l *ledger) checkServed(c *call, client, uid, what string) {
	if !l.during(c, func(v *version) bool {
		known := v.byUID[uid]
		return known != nil && !known.Suspended
	}) {
		l.s.fail("%s of %s, which %s knew to be deleted or suspended", what, client, c.replica.name)
	}
}

// issue checks and keeps an access token.
func (l *ledger) issue(c *call, f *family, tokens *authserver.Tokens) {
	l.checkScopes(c, f.name, f.uid, f.scopes, tokens.Scopes)
	if l.access[tokens.AccessToken] != nil {
		l.s.fail("%s: an access token was issued twice", f.name)
	}
	l.keepAccess(&accessToken{
		token: tokens.AccessToken, secret: tokens.TokenSecret, family: f, client: f.client, uid: f.uid, scopes: tokens.Scopes,
		expires: tokens.ExpiresAt.Sub(start),
	})
}

func (l *ledger) keepAccess(a *accessToken) {
	l.access[a.token] = a
	l.tokens = append(l.tokens, a)
	l.deadlines = append(l.deadlines, a.expires)
}

// checkScopes checks that all scopes were approved, and that the client had them as the replica knew it.
func (l *ledger) checkScopes(c *call, who, uid string, approved, got []string) {
	for _, scope := range got {
		if !slices.Contains(approved, scope) {
			l.s.fail("%s has the scope %s, which nobody approved", who, scope)
		}
		if !l.during(c, func(v *version) bool {
			known := v.byUID[uid]
			return known != nil && slices.Contains(known.Scopes, scope)
		}) {
			l.s.fail("%s has the scope %s, which was taken from its client", who, scope)
		}
	}
}

// extend adds a generation of refresh tokens.
func (l *ledger) extend(f *family, token string) {
	if _, known := l.refresh[token]; known {
		l.s.fail("%s: a refresh token was issued for two generations", f.name)
	}
	l.refresh[token] = generation{f, len(f.chain)}
	f.chain = append(f.chain, link{token: token, born: l.s.elapsed, tick: l.s.tick()})
}

// refreshBegins notes that the family's client brings a refresh token.
func (l *ledger) refreshBegins(g generation) *attempt {
	f, now := g.family, l.s.elapsed
	first := &f.chain[g.number].tried
	if *first == 0 {
		*first = now
	}
	if len(f.chain)-1-g.number >= 2 || repeatsForATime(f.client) && now-*first > repeatTime-slack {
		f.uncertain = true
	}
	for _, other := range f.attempts {
		if g.number-other.number >= 2 { // this may leave the other one three generations behind
			f.uncertain = true
		}
	}
	a := &attempt{g.number, now}
	f.attempts = append(f.attempts, a)
	return a
}

// refreshEnds notes that a refresh is under way no more.
func (l *ledger) refreshEnds(f *family, a *attempt) {
	if l.mayCost(f, a) {
		f.uncertain = true
	}
	f.attempts = slices.DeleteFunc(f.attempts, func(other *attempt) bool { return other == a })
}

// mayCost reports whether an attempt that is under way may cost the family its life: it is so old that others may have
// overtaken it, or the successor of its token was used too, so that only a token which was replaced just now is taken.
func (l *ledger) mayCost(f *family, a *attempt) bool {
	newest := len(f.chain) - 1
	for number, link := range f.chain {
		if link.tried != 0 { // its successor may be there, although nobody was told
			newest = max(newest, number+1)
		}
	}
	since := a.at
	if newest-a.number >= 2 {
		since = f.chain[a.number].tried
	}
	return l.s.elapsed-since > overtakenTime-slack
}

// repeatsForATime reports whether the client's answers are repeated for repeatTime only.
func repeatsForATime(client string) bool { return client == desktop || client == limited }

// refreshed checks what a refresh by the family's client was answered.
func (l *ledger) refreshed(c *call, g generation, tokens *authserver.Tokens, err error) {
	f := g.family
	known := 0 // generations when the call began
	for _, link := range f.chain {
		if link.tick < c.begun {
			known++
		}
	}
	behind := known - 1 - g.number
	if err != nil {
		l.refusedRefresh(c, f, behind, err)
		return
	}
	l.checkAlive(c, f, "it was refreshed")
	l.checkBehind(c, f, known, behind)
	l.issue(c, f, tokens)
	if last := f.client == limited && g.number+1 >= refreshLimit; last != (tokens.RefreshToken == "") {
		l.s.fail("%s: refresh %d: is there a refresh token in the answer: %t", f.name, g.number+1, !last)
	} else if last {
		return
	}
	switch {
	case g.number+1 == len(f.chain):
		l.extend(f, tokens.RefreshToken)
	case f.chain[g.number+1].token == tokens.RefreshToken:
		l.s.coverage.count("refresh answer repeated")
	case l.s.wildClocks: // replicas may take one time for that of another key
		l.refresh[tokens.RefreshToken] = generation{f, g.number + 1}
	default:
		l.s.fail("%s: a refresh token was exchanged for two others", f.name)
	}
}

// checkBehind checks that a token that is so many generations behind may still be answered.
func (l *ledger) checkBehind(c *call, f *family, known, behind int) {
	switch {
	case behind >= 3:
		l.s.fail("%s: a refresh token was taken that was exchanged three times over", f.name)
	case l.s.wildClocks:
	case behind == 2 && c.at-f.chain[known-2].born > overtakenTime+slack:
		l.s.fail("%s: a refresh token was taken though its successor was used, %s later", f.name, c.at-f.chain[known-2].born)
	case behind == 1 && repeatsForATime(f.client) && c.at-f.chain[known-1].born > repeatTime+slack:
		l.s.fail("%s: an answer was repeated after %s", f.name, c.at-f.chain[known-1].born)
	}
}

// refusedRefresh checks a refusal: the family is dead then, or something was taken from it that may come back. A client
// that does what it should and loses nothing but answers keeps its grant.
func (l *ledger) refusedRefresh(c *call, f *family, behind int, err error) {
	// A replica whose clock is far ahead takes the grant for one that has ended, and ends nothing.
	if errors.Is(err, authserver.GrantUsedBefore) || behind >= 3 && !l.s.wildClocks && isRefusal(err, authserver.InvalidGrant) {
		l.kill(f, "its refresh token was used twice")
	}
	if _, refused := errors.AsType[authserver.Refusal](err); refused && l.mustWork(f) {
		l.s.fail("%s: its client did nothing wrong, and a refresh was refused: %v", f.name, err)
	}
}

// mustWork reports whether nothing is known that could have ended the family, or made it rest.
func (l *ledger) mustWork(f *family) bool {
	mayCost := func(a *attempt) bool { return l.mayCost(f, a) }
	return !l.s.wildClocks && !f.uncertain && !l.isTouched(f.client, f.owner) && !slices.ContainsFunc(f.attempts, mayCost) &&
		l.s.elapsed < f.approvedAt+templates[f.client].client.GrantDuration-2*slack
}
