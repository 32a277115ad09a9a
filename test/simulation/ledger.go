// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// ledger knows what people wanted and what replicas answered, and says when the two do not fit. It knows nothing of how
// the engine works. "Before" and "after" are by calls: a call is after another one if it began when the other had ended.
type ledger struct {
	s         *simulation
	decisions map[string]*decision
	always    []remembered
	forgotten []forgetting
	families  []*family
	byCode    map[string]*family
	refresh   map[string]generation
	access    map[string]*accessToken
	tokens    []*accessToken // in the order in which they were issued
	sessions  map[string]*session
	nonces    map[string]int
	// touched are clients (by ID), owners and pairs of both that somebody took something from: less is promised of them.
	touched map[string]bool
	removed map[string]int // by owner: since when nothing of theirs is worth anything
	logins  []*login
	// withdrawn are pairs of owner and client, and since when the owner may not use the client.
	withdrawn map[string]int
	changed   map[string]change // by owner: the newest password that counts everywhere
	endings   []string          // owners who ended all other sessions: a login of theirs may have been under way
	// deadlines are moments at which something ends: clocks like to be set there.
	deadlines []time.Duration
}

// change is when a password was changed, and how often it had been by then.
type change struct{ tick, password int }

// decision is what became of one request of one owner.
type decision struct {
	allowed bool   // the owner pressed the button
	code    string // that was answered
	denied  bool
}

// remembered is an "always" of an owner.
type remembered struct {
	owner, uid string
	scopes     []string
	by         *call
}

// forgetting is what an owner took back on the account page.
type forgetting struct {
	owner, uid   string
	begun, ended int
}

// family is all that comes from one approval.
type family struct {
	name       string
	owner      string
	client     string // its ID
	uid        string
	scopes     []string
	code       string
	verifier   string        // that binds the code
	approvedAt time.Duration // when the ledger heard of it
	redeemed   int           // the call that redeemed it ended then; 0: not yet
	dead       int           // since when nothing of it may be active; 0: it lives
	why        string
	presented  bool // its client brought the code
	remembered bool // it was approved without a page
	// uncertain is set as soon as anybody did what may have ended it.
	uncertain bool
	chain     []link // its refresh tokens
	attempts  []*attempt
}

// link is a generation of refresh tokens.
type link struct {
	token string
	born  time.Duration
	tried time.Duration // when it was first used; 0: not yet
	tick  int
}

type generation struct {
	family *family
	number int
}

// attempt is a refresh that is under way.
type attempt struct {
	number int
	at     time.Duration
}

// accessToken is one that was issued.
type accessToken struct {
	token, secret string
	family        *family // nil: of the client credentials grant
	client        string
	uid           string
	scopes        []string
	expires       time.Duration
	revoked       int
	uncertain     bool
}

// login is one that was sent. Complete is set if it was answered, and its own last check with it.
type login struct {
	owner    string
	by       *call
	complete bool
}

// session is a login that was answered.
type session struct {
	owner     string
	password  int
	ended     int
	uncertain bool
}

func newLedger(s *simulation) *ledger {
	return &ledger{
		s: s, decisions: map[string]*decision{}, byCode: map[string]*family{}, refresh: map[string]generation{},
		access: map[string]*accessToken{}, sessions: map[string]*session{}, nonces: map[string]int{},
		touched: map[string]bool{}, removed: map[string]int{}, withdrawn: map[string]int{}, changed: map[string]change{},
	}
}

// writes is told of each write of the store.
func (l *ledger) writes(what string) {
	if c := l.s.current.call; c != nil && c.anonymous {
		l.s.fail("%s writes (%s) before anybody has been authenticated", c.kind, what)
	}
}

// doubled is told that a write was sent again. A redemption that happened twice looks like a thief's.
func (l *ledger) doubled() {
	for _, f := range l.families {
		if f.redeemed == 0 {
			f.uncertain = true
		}
	}
}

// touch notes that something was taken from a client, an owner, or both together.
func (l *ledger) touch(keys ...string) {
	for _, key := range keys {
		l.touched[key] = true
	}
}

func (l *ledger) isTouched(client, owner string) bool {
	return l.touched[client] || l.touched[owner] || l.touched[owner+" "+client]
}

// kill notes that the family has ended: whatever begins from now on must find it dead.
func (l *ledger) kill(f *family, why string) {
	f.uncertain = true
	if f.dead == 0 {
		f.dead, f.why = l.s.tick(), why
		l.s.note(f.name + " must be dead: " + why)
	}
}

// isRefusal reports whether the answer is a refusal with the code.
func isRefusal(err error, code authserver.Code) bool {
	refusal, ok := errors.AsType[authserver.Refusal](err)
	return ok && refusal.Code() == code
}
