// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// account is what the owner does on the account page.
func (b *browser) account() {
	what, client := b.s.rng.IntN(5), b.chooseClient()
	_, _ = ask(b.s, "account", func(c *call, e *authserver.Server) (bool, error) {
		v, err := b.visitor(c, e)
		if err != nil || v == nil {
			return false, err
		}
		switch what {
		case 0:
			return true, b.endSessions(c, e, v)
		case 1:
			return true, b.signOut(e, v)
		default:
			if _, err := e.Accesses(b.s.ctx, v); err != nil {
				return false, err
			}
			return true, b.forget(c, e, v, client)
		}
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
	mine := b.s.ledger.sessions[b.session]
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
	mine := b.s.ledger.sessions[b.session]
	for _, other := range b.s.ledger.sessions {
		if other.owner == b.owner && other != mine {
			other.uncertain = true
			others = append(others, other)
		}
	}
	b.s.ledger.endings[b.owner] = math.MaxInt // a login that is under way may end with them
	defer func() { b.s.ledger.endings[b.owner] = b.s.tick() }()
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
