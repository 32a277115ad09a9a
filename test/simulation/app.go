// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// app is an application that runs a client.
type app struct {
	s      *simulation
	client string
	uid    string // of the object whose secret it has
	inbox  []delivery
	acts   bool
	grants []*tokens
}

// delivery is a proof that a browser brought, with what binds it.
type delivery struct {
	code     string
	verifier string // of the code; of a request token it is the secret
	token    string // the request token
}

// tokens is what the app has of one grant. Refresh is empty where it cannot be refreshed.
type tokens struct {
	refresh, access, secret string
}

func (a *app) receive(d delivery) {
	a.inbox = append(a.inbox, d)
	if a.acts {
		a.s.wake()
		return
	}
	a.acts = true
	a.s.add(a.client, func() {
		a.act()
		a.acts = false
	})
}

// act is what the app does when it has got a code.
func (a *app) act() {
	for range 4 + a.s.rng.IntN(6) {
		switch {
		case len(a.inbox) > 0:
			d := a.inbox[0]
			a.inbox = a.inbox[1:]
			a.redeem(d)
		case len(a.grants) == 0:
			return
		default:
			a.use(a.grants[a.s.rng.IntN(len(a.grants))])
		}
	}
}

// use does something with a grant.
func (a *app) use(t *tokens) {
	n := a.s.rng.IntN(12)
	switch {
	case t.secret != "" && n > 2:
		a.verify(t)
	case n == 0:
		a.revoke(t)
	case n < 4 || t.refresh == "":
		a.introspect(t.access)
	case n < 6:
		a.introspect(t.refresh)
	case n < 8:
		a.refreshTwice(t)
	default:
		a.refresh(t)
	}
}

// authenticate proves to a replica who the app is.
func (a *app) authenticate(c *call, e *authserver.Server) (authserver.Caller, error) {
	c.anonymous = true
	secret := authserver.ClientSecret{ID: a.client, Secret: templates[a.client].secret[a.uid]}
	secret.None = secret.Secret == ""
	caller, err := e.AuthenticateClient(a.s.ctx, authserver.ProfileOAuth2, secret)
	c.anonymous = err != nil
	return caller, err
}

// redeem redeems a code, and again while there is no answer, as a simple client does.
func (a *app) redeem(d delivery) {
	if a.s.one(12) { // two workers of the app at once
		a.s.spawn("second worker of "+a.client, func() { _ = a.exchange(d) })
	}
	for range 3 {
		if err := a.exchange(d); !mayRetry(err) {
			return
		}
	}
}

// exchange sends a proof once.
func (a *app) exchange(d delivery) error {
	if a.client == photoBook {
		return a.exchangeSigned(d)
	}
	verifier := d.verifier
	if a.s.one(15) {
		verifier = "w" + verifier[1:]
	}
	t, err := ask(a.s, "redeem", func(c *call, e *authserver.Server) (*authserver.Tokens, error) {
		caller, err := a.authenticate(c, e)
		if err != nil {
			return nil, err
		}
		f := a.s.ledger.byCode[d.code]
		bound := f != nil && f.uid == caller.Client.UID && verifier == d.verifier
		if bound {
			a.s.ledger.redeemBegins(f)
		}
		t, err := e.Token(a.s.ctx, caller, authserver.TokenRequest{
			GrantType: authserver.GrantAuthorizationCode, Proof: d.code, Callback: callbackOf(a.client), CodeVerifier: verifier,
		})
		a.s.ledger.redeemed(c, d.code, bound, t, err)
		return t, err
	})
	if err == nil {
		a.keep(t)
	}
	return err
}

func (a *app) keep(t *authserver.Tokens) {
	a.grants = append(a.grants, &tokens{t.RefreshToken, t.AccessToken, t.TokenSecret})
}

// sendRefresh sends a refresh token once. The one it gets replaces it.
func (a *app) sendRefresh(t *tokens, token string) error {
	var scopes []string
	if a.s.one(8) {
		scopes = a.s.ledger.refresh[token].family.scopes[:1]
	}
	got, err := ask(a.s, "refresh", func(c *call, e *authserver.Server) (*authserver.Tokens, error) {
		caller, err := a.authenticate(c, e)
		if err != nil {
			return nil, err
		}
		return a.s.refresh(c, e, caller, token, scopes)
	})
	if err == nil {
		t.refresh, t.access = got.RefreshToken, got.AccessToken
	}
	return err
}

// refresh makes a replica refresh, and checks its answer.
func (s *simulation) refresh(c *call, e *authserver.Server, caller authserver.Caller, token string, scopes []string) (*authserver.Tokens, error) {
	g := s.ledger.refresh[token]
	own := caller.Client.UID == g.family.uid
	var a *attempt
	if own {
		a = s.ledger.refreshBegins(g)
		defer func() { s.ledger.refreshEnds(g.family, a) }()
	}
	t, err := e.Token(s.ctx, caller, authserver.TokenRequest{GrantType: authserver.GrantRefreshToken, RefreshToken: token, Scopes: scopes})
	switch {
	case own:
		s.ledger.refreshed(c, g, t, err)
	case err == nil:
		s.fail("%s was refreshed by %s", g.family.name, caller.Client.ID)
	}
	return t, err
}

// refresh refreshes, and again while there is no answer.
func (a *app) refresh(t *tokens) {
	token := t.refresh
	for range 5 {
		if err := a.sendRefresh(t, token); !mayRetry(err) {
			if err != nil {
				a.drop(t)
			}
			return
		}
	}
}

// refreshTwice refreshes from two workers with one token, and goes on when both are done.
func (a *app) refreshTwice(t *tokens) {
	token, under := t.refresh, 2
	worker := func() {
		_ = a.sendRefresh(t, token)
		under--
		a.s.wake()
	}
	a.s.spawn("second worker of "+a.client, worker)
	worker()
	a.s.block("wait for the other worker", func() bool { return under == 0 })
}

// drop forgets a grant that is refused: the app would send the owner through the flow again.
func (a *app) drop(t *tokens) {
	for n, other := range a.grants {
		if other == t && !a.s.one(3) { // some apps go on trying
			a.grants = append(a.grants[:n:n], a.grants[n+1:]...)
			return
		}
	}
}

// introspect asks what a token is worth.
func (a *app) introspect(token string) {
	_, _ = ask(a.s, "introspect", func(c *call, e *authserver.Server) (bool, error) {
		if a.client == photoBook || templates[a.client].client.Public {
			return a.s.introspectAsStorage(c, e, token)
		}
		caller, err := a.authenticate(c, e)
		if err != nil {
			return false, err
		}
		c.anonymous = true // it only reads
		return a.s.introspect(c, e, caller, token, a.s.ledger.uidOf(token) == caller.Client.UID)
	})
}

// introspectAsStorage asks as the resource server does.
func (s *simulation) introspectAsStorage(c *call, e *authserver.Server, token string) (bool, error) {
	c.anonymous = true
	caller := authserver.Caller{ResourceServer: resources, CredentialID: resources.Credentials[0].ID}
	a := s.ledger.access[token]
	return s.introspect(c, e, caller, token, a != nil && a.secret == "")
}

// introspect asks and checks the answer. Full is set if the caller may see all of an active token.
func (s *simulation) introspect(c *call, e *authserver.Server, caller authserver.Caller, token string, full bool) (bool, error) {
	info, err := e.Introspect(s.ctx, caller, token)
	switch {
	case err != nil:
		return false, err
	case full:
		s.ledger.inspected(c, token, info)
	case info.Active:
		s.fail("a token is told of to somebody whom it does not concern")
	}
	s.coverage.count(fmt.Sprint("introspect: active: ", info.Active))
	return info.Active, nil
}

// revoke gives a grant back, and again while there is no answer.
func (a *app) revoke(t *tokens) {
	token := t.access
	if t.refresh != "" && a.s.one(2) {
		token = t.refresh
	}
	for range 3 {
		_, err := ask(a.s, "revoke", func(c *call, e *authserver.Server) (bool, error) {
			if a.client == photoBook {
				return a.revokeSigned(c, e, t)
			}
			caller, err := a.authenticate(c, e)
			if err != nil {
				return false, err
			}
			return a.s.revoke(e, caller, token)
		})
		if !mayRetry(err) {
			return
		}
	}
}

// revoke makes a replica revoke a token, and notes what it answered.
func (s *simulation) revoke(e *authserver.Server, caller authserver.Caller, token string) (bool, error) {
	own := s.ledger.uidOf(token) == caller.Client.UID
	if own {
		s.ledger.revokeBegins(token)
	}
	err := e.Revoke(s.ctx, caller, token)
	if err == nil && own {
		s.ledger.revoked(token)
	}
	return err == nil, err
}
