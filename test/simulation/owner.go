// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// browser is an owner in front of a browser.
type browser struct {
	s       *simulation
	owner   string
	address string
	session string
	device  string
	opened  []*request
}

// request is an authorization request that a client sent the browser with.
type request struct {
	client   string
	id       string
	sealed   string
	key      string // names it in the ledger
	verifier string
	page     shown
	again    int // how often the browser came back to it
}

// shown is what the browser shows of a request.
type shown struct {
	step     authserver.Step
	ticket   string
	uid      string
	scopes   []string
	approval *authserver.Approval
}

// someScopes are what clients ask for: nil is all they may have.
var someScopes = [][]string{nil, {scopeRead}, {scopeRead}, {scopeWrite}, {scopeRead, scopeWrite}}

// act is what the owner does in a run.
func (b *browser) act() {
	if b.s.one(8) {
		b.regret()
	}
	for range 3 + b.s.rng.IntN(4) {
		if b.session == "" || b.s.one(12) {
			b.logIn()
			continue
		}
		switch b.s.rng.IntN(10) {
		case 0:
			b.account()
		case 1, 2:
			if len(b.opened) > 0 {
				b.visit(b.opened[b.s.rng.IntN(len(b.opened))])
				continue
			}
			fallthrough
		default:
			if r := b.begin(b.chooseClient(), someScopes[b.s.rng.IntN(len(someScopes))]); r != nil {
				b.opened = append(b.opened, r)
				b.visit(r)
			}
		}
	}
}

func (b *browser) chooseClient() string {
	if len(b.opened) > 0 && b.s.one(2) {
		return b.opened[len(b.opened)-1].client
	}
	clients := []string{photoPrint, photoPrint, photoPrint, desktop, desktop, limited, photoBook, calendar, rogue}
	return clients[b.s.rng.IntN(len(clients))]
}

// logIn types a password: mostly the right one.
func (b *browser) logIn() {
	typed, known := b.s.directory.password(b.owner), b.s.directory.passwords[b.owner]
	if b.s.one(10) {
		typed, known = typed+"?", -1
	} else if known > 0 && b.s.one(4) {
		known--
		typed = fmt.Sprintf("%s%d", b.owner, known)
	}
	login, err := askOnce(b.s, "login", func(c *call, e *authserver.Server) (authserver.Login, error) {
		sent := &login{owner: b.owner, by: c}
		b.s.ledger.logins = append(b.s.ledger.logins, sent)
		login, err := e.Login(b.s.ctx, authserver.Credentials{Username: b.owner, Password: typed, Address: b.address, Device: b.device})
		_, refused := errors.AsType[authserver.Refusal](err)
		sent.complete = err == nil || refused
		if err != nil {
			return login, err
		}
		if known < 0 {
			b.s.fail("%s logged in with a wrong password", b.owner)
		}
		b.s.ledger.loggedIn(c, b.owner, known, login.Session)
		return login, nil
	})
	if err == nil {
		b.session, b.device = login.Session, login.Device
	}
}

// begin lets a client send the browser to the server. nil: the client gave up.
func (b *browser) begin(client string, scopes []string) *request {
	r := &request{client: client, verifier: strings.Repeat("v", 43) + fmt.Sprint(b.s.tick())}
	if client == photoBook {
		return b.beginSigned(r)
	}
	sum := sha256.Sum256([]byte(r.verifier))
	i, err := ask(b.s, "authorize", func(c *call, e *authserver.Server) (pair[string, string], error) {
		c.anonymous = true
		i, err := e.Authorize(b.s.ctx, authserver.AuthorizeRequest{
			Profile: authserver.ProfileOAuth2, ClientID: client, Callback: callbackOf(client), Scopes: scopes,
			CodeChallenge: base64.RawURLEncoding.EncodeToString(sum[:]), State: "state",
		})
		return sealed(e, i, err)
	})
	r.id, r.sealed, r.key = i.a, i.b, i.a+" "+b.owner
	if err != nil {
		return nil
	}
	return r
}

func callbackOf(client string) string { return templates[client].client.CallbackURLs[0] }

func sealed(e *authserver.Server, i authserver.Interaction, err error) (pair[string, string], error) {
	if err != nil {
		return pair[string, string]{}, err
	}
	cookie, err := e.SealInteraction(i)
	return both(i.ID, cookie, err)
}

// beginSigned does so for a client that signs: it gets a request token first.
func (b *browser) beginSigned(r *request) *request {
	app := b.s.apps[photoBook]
	t, err := app.requestToken()
	if err != nil {
		return nil
	}
	i, err := ask(b.s, "authorize signed", func(c *call, e *authserver.Server) (pair[string, string], error) {
		c.anonymous = true
		i, err := e.BeginSigned(authserver.ProfileOAuth1, t.Token)
		return sealed(e, i, err)
	})
	r.id, r.sealed, r.key, r.verifier = i.a, i.b, t.Token+" "+b.owner, t.Secret
	if err != nil {
		return nil
	}
	return r
}

// position opens the request in a replica, for whoever is in the browser.
func (b *browser) position(c *call, e *authserver.Server, r *request) (authserver.Position, error) {
	c.anonymous = true
	i, err := e.OpenInteraction(r.id, r.sealed)
	if err != nil {
		return authserver.Position{}, err
	}
	v, err := b.visitor(c, e)
	if err != nil {
		return authserver.Position{}, err
	}
	c.anonymous = v == nil
	return e.Next(b.s.ctx, i, v)
}

// look opens the page of a request.
func (b *browser) look(r *request) error {
	p, err := ask(b.s, "interaction", func(c *call, e *authserver.Server) (shown, error) {
		p, err := b.position(c, e, r)
		if err != nil {
			return shown{}, err
		}
		now := shown{step: p.Step, ticket: p.Ticket, scopes: namesOf(p.Scopes)}
		if p.Client != nil {
			now.uid = p.Client.UID
		}
		if p.Step == authserver.StepIssue {
			now.approval, err = e.Issue(b.s.ctx, p)
			if err == nil {
				b.s.ledger.approved(c, r.key, r.verifier, p, now.approval)
			}
		}
		return now, err
	})
	if err != nil {
		return err
	}
	if r.page = p; p.approval != nil {
		b.carry(r, p.approval)
	}
	return nil
}

// visit opens the page of a request and goes on from there.
func (b *browser) visit(r *request) {
	if b.s.one(12) { // another tab takes back meanwhile what the client had
		b.s.spawn("account page of "+b.s.current.name, func() { b.takeBack(r.client) })
	}
	err := b.look(r)
	if errors.Is(err, authserver.ConsentChanged) { // the browser is sent to the page again
		err = b.look(r)
	}
	if err != nil {
		return
	}
	switch r.page.step {
	case authserver.StepLogin:
		b.session = ""
		if r.again++; r.again < 3 {
			b.logIn()
			b.visit(r)
		}
	case authserver.StepConsent:
		b.answer(r)
	}
}

// answer is what the owner does with the page that asks.
func (b *browser) answer(r *request) {
	switch b.s.rng.IntN(12) {
	case 0: // the owner walks away
	case 1, 2:
		b.decide(r, false, false)
	case 3: // twice
		b.s.spawn("second click of "+b.s.current.name, func() { b.decide(r, true, false) })
		b.decide(r, true, false)
	case 4: // in two tabs
		b.s.spawn("other tab of "+b.s.current.name, func() { b.decide(r, false, false) })
		b.decide(r, true, b.s.one(2))
	case 5: // changes their mind
		b.decide(r, false, false)
		b.decide(r, true, false)
	case 6: // takes back, in another tab, what the client had
		b.s.spawn("account page of "+b.s.current.name, func() { b.takeBack(r.client) })
		b.decide(r, true, true)
	default:
		b.decide(r, true, b.s.one(2))
	}
}

// decide sends a decision, and again while there is no answer.
func (b *browser) decide(r *request, allow, always bool) {
	saw := r.page
	for range 3 {
		a, err := ask(b.s, "decide", func(c *call, e *authserver.Server) (*authserver.Approval, error) {
			p, err := b.position(c, e, r)
			if err != nil {
				return nil, err
			}
			b.s.ledger.decide(c, r.key, b.owner, saw.uid, saw.scopes, allow, always)
			a, err := e.Decide(b.s.ctx, p, authserver.Decision{Allow: allow, Always: always, Ticket: saw.ticket})
			switch {
			case err == nil:
				b.s.ledger.approved(c, r.key, r.verifier, p, a)
			case errors.Is(err, authserver.DeniedByOwner):
				b.s.ledger.denied(r.key, b.owner)
			}
			return a, err
		})
		if err == nil {
			b.carry(r, a)
		}
		if !mayRetry(err) {
			return
		}
	}
}

// carry brings the proof to the client, and at times to the thief too.
func (b *browser) carry(r *request, a *authserver.Approval) {
	d := delivery{code: a.Proof, verifier: r.verifier, token: a.RequestToken}
	b.s.apps[r.client].receive(d)
	if b.s.one(4) {
		b.s.stolen = append(b.s.stolen, theft{r.client, d})
		b.s.wake()
	}
}
