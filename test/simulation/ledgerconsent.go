// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// decide is what an owner wants when a decision is sent.
func (l *ledger) decide(c *call, key, owner, uid string, scopes []string, allow, always bool) {
	if allow {
		l.decision(key).allowed = true
	}
	if allow && always {
		l.always = append(l.always, remembered{owner, uid, scopes, c})
	}
}

// approved checks an approval that was answered.
func (l *ledger) approved(c *call, key, verifier string, p authserver.Position, a *authserver.Approval) {
	owner, scopes := p.Owner.Name, namesOf(p.Scopes)
	d := l.decision(key)
	if d.denied {
		l.s.fail("a request that %s denied was approved later", owner)
	}
	code := a.Proof
	if a.RequestToken != "" {
		code = a.RequestToken + " " + a.Proof
	}
	if d.code != "" && d.code != code {
		l.s.fail("one request of %s was answered with two codes", owner)
	}
	first := d.code == ""
	d.code = code
	if !first {
		return
	}
	if !d.allowed {
		l.checkRemembered(c, owner, p.Client, scopes)
	}
	if l.byCode[code] != nil {
		l.s.fail("two requests were answered with one code")
	}
	f := &family{
		name: "family " + string(rune('A'+len(l.families))), owner: owner, client: p.Client.ID, uid: p.Client.UID,
		scopes: scopes, code: code, verifier: verifier, approvedAt: l.s.elapsed,
	}
	f.remembered = !d.allowed && p.Client.Consent != authserver.ConsentSkip
	l.families = append(l.families, f)
	l.byCode[code] = f
	l.crowd(f)
	for _, taken := range l.forgotten {
		if taken.owner == owner && taken.uid == f.uid && c.begun < taken.ended {
			l.undone(f, taken)
		}
	}
	l.deadlines = append(l.deadlines, l.s.elapsed+l.lifetimeOfCode(f))
	l.s.note(f.name + " is " + owner + "'s for " + f.client)
}

func namesOf(scopes []authserver.Scope) []string {
	names := make([]string, len(scopes))
	for n, scope := range scopes {
		names[n] = scope.Name
	}
	return names
}

// crowd notes that older grants may have been revoked because there are too many.
func (l *ledger) crowd(f *family) {
	same := 0
	for _, other := range l.families {
		if other.owner == f.owner && other.uid == f.uid {
			same++
		}
	}
	if same+l.s.filled < authserver.MaxGrants/2 {
		return
	}
	for _, other := range l.families {
		other.uncertain = true
	}
}

func (l *ledger) lifetimeOfCode(f *family) time.Duration {
	if f.client == photoBook {
		return 10 * time.Minute
	}
	return time.Minute
}

// checkRemembered checks an approval for which the owner saw no page.
func (l *ledger) checkRemembered(c *call, owner string, client *authserver.Client, scopes []string) {
	if client.Consent == authserver.ConsentSkip {
		return
	}
	if templates[client.ID].client.Public {
		l.s.fail("%s got a code of %s without a page, though it is Public and has not proven who it is", client.ID, owner)
	}
	for _, scope := range scopes {
		if !slices.ContainsFunc(l.always, func(r remembered) bool { return l.holds(c, r, owner, client.UID, scope) }) {
			l.s.fail("%s got %s of %s without a page, and nobody said always", client.ID, scope, owner)
		}
	}
}

// holds reports whether an "always" may count for a call: it is for the scope, and the owner did not take it back between
// the two.
func (l *ledger) holds(c *call, r remembered, owner, uid, scope string) bool {
	if r.owner != owner || r.uid != uid || !slices.Contains(r.scopes, scope) {
		return false
	}
	return !slices.ContainsFunc(l.forgotten, func(f forgetting) bool {
		return f.owner == owner && f.uid == uid && r.by.ended != 0 && r.by.ended < f.begun && f.ended < c.begun
	})
}

// denied checks a denial that was answered.
func (l *ledger) denied(key, owner string) {
	d := l.decision(key)
	if d.code != "" {
		l.s.fail("a request that %s approved was denied later", owner)
	}
	d.denied = true
}

func (l *ledger) decision(key string) *decision {
	d := l.decisions[key]
	if d == nil {
		d = &decision{}
		l.decisions[key] = d
	}
	return d
}

// forgetBegins notes that an owner takes back what they allowed a client.
func (l *ledger) forgetBegins(owner, client string) {
	for _, f := range l.families {
		if f.owner == owner && f.client == client {
			f.uncertain = true
		}
	}
	l.touch(owner + " " + client)
}

// forgot notes that this was answered: what was answered to the owner before is dead.
func (l *ledger) forgot(c *call, owner, client, uid string) {
	taken := forgetting{owner, uid, c.begun, l.s.tick()}
	l.forgotten = append(l.forgotten, taken)
	for _, f := range l.families {
		switch {
		case f.owner != owner || f.uid != uid:
		case f.approvedBefore(c):
			l.kill(f, "the owner forgot the client")
		default:
			l.undone(f, taken)
		}
	}
}

// undone notes that an "always" was taken back while a request was approved without a page: either way round, what it
// gave is dead, unless the owner said "always" again.
func (l *ledger) undone(f *family, taken forgetting) {
	again := slices.ContainsFunc(l.always, func(r remembered) bool {
		return r.owner == taken.owner && r.uid == taken.uid && (r.by.ended == 0 || r.by.ended >= taken.begun)
	})
	if f.remembered && !again {
		l.kill(f, "the owner took back what it rests on")
	}
}

// approvedBefore reports whether the family was there when the call began.
func (f *family) approvedBefore(c *call) bool { return f.approvedAt < c.at }
