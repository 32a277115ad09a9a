// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// account is what the owner does on the account page.
func (b *browser) account() {
	switch b.s.rng.IntN(5) {
	case 0:
		b.onAccount(b.endSessions)
	case 1:
		b.onAccount(func(_ *call, e *authserver.Server, v *authserver.Visitor) error { return b.signOut(e, v) })
	default:
		b.takeBack(b.chooseClient())
	}
}

// takeBack looks at what the owner allowed, and forgets one client.
func (b *browser) takeBack(client string) {
	b.onAccount(func(c *call, e *authserver.Server, v *authserver.Visitor) error {
		if _, err := e.Accesses(b.s.ctx, v); err != nil {
			return err
		}
		return b.forget(c, e, v, client)
	})
}

// regret says "always" to a client, and takes that back while another tab says "always" to more. Then the client asks
// again for what it had first.
func (b *browser) regret() {
	b.logIn()
	first, second := b.begin(photoPrint, []string{scopeRead}), b.begin(photoPrint, []string{scopeWrite})
	if first == nil || second == nil {
		return
	}
	for _, r := range []*request{first, second} {
		if b.look(r) != nil || r.page.step != authserver.StepConsent {
			return
		}
	}
	b.decide(first, true, true)
	b.s.spawn("account page of "+b.s.current.name, func() { b.takeBack(photoPrint) })
	b.decide(second, true, true)
	if again := b.begin(photoPrint, []string{scopeRead}); again != nil {
		_ = b.look(again)
	}
}

// visitor is who is in the browser, by its session.
func (b *browser) visitor(c *call, e *authserver.Server) (*authserver.Visitor, error) {
	session := b.session
	if session == "" {
		return nil, nil
	}
	v, err := e.Visitor(b.s.ctx, session)
	if err == nil {
		b.s.ledger.visited(c, session, v)
	}
	return v, err
}

// onAccount sends a request of the account page.
func (b *browser) onAccount(do func(*call, *authserver.Server, *authserver.Visitor) error) {
	_, _ = ask(b.s, "account", func(c *call, e *authserver.Server) (bool, error) {
		v, err := b.visitor(c, e)
		if err != nil || v == nil {
			return false, err
		}
		return true, do(c, e, v)
	})
}

func (b *browser) forget(c *call, e *authserver.Server, v *authserver.Visitor, client string) error {
	b.s.ledger.forgetBegins(b.owner, client)
	err := e.Forget(b.s.ctx, v, client)
	for _, known := range b.s.versions[c.version : c.replica.version+1] {
		if first := b.s.versions[c.version].byID[client]; err == nil && first != nil && (known.byID[client] == nil || known.byID[client].UID != first.UID) {
			return err // whom it was about is not certain
		}
	}
	if known := b.s.versions[c.version].byID[client]; err == nil && known != nil {
		b.s.ledger.forgot(c, b.owner, client, known.UID)
		b.s.coverage.count("forget: ok")
	}
	return err
}

// signOut ends the browser's session.
func (b *browser) signOut(e *authserver.Server, v *authserver.Visitor) error {
	mine := b.s.ledger.sessionOf(v)
	mine.uncertain = true
	err := e.SignOut(b.s.ctx, v)
	if err == nil && mine.ended == 0 {
		mine.ended = b.s.tick()
		b.s.coverage.count("sign out: ok")
	}
	return err
}

// endSessions ends all of the owner's sessions that were there, but the browser's.
func (b *browser) endSessions(c *call, e *authserver.Server, v *authserver.Visitor) error {
	var others []*session
	mine := b.s.ledger.sessionOf(v)
	for _, other := range b.s.ledger.sessions {
		if other.owner == b.owner && other != mine {
			other.uncertain = true
			others = append(others, other)
		}
	}
	b.s.ledger.endings = append(b.s.ledger.endings, b.owner)
	err := e.EndOtherSessions(b.s.ctx, v)
	if err == nil {
		b.s.coverage.count("end sessions: ok")
		for _, other := range others {
			if other.ended == 0 {
				other.ended = b.s.tick()
			}
		}
	}
	return err
}
