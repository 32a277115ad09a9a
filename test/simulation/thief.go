// SPDX-License-Identifier: Apache-2.0

package simulation

import "github.com/gatehouse-dev/gatehouse/authserver"

// theft is a proof that a browser leaked.
type theft struct {
	client string
	delivery
}

// thief is somebody who has a client of their own, reads what leaks, and knows some clients' secrets.
type thief struct {
	s   *simulation
	own *app // its own client
}

// act is what the thief does in a run.
func (t *thief) act() {
	for range 3 + t.s.rng.IntN(5) {
		t.s.block("wait for something to steal", func() bool { return len(t.s.stolen) > 0 || len(t.s.ledger.tokens) > 0 || t.s.owners == 0 })
		switch n := t.s.rng.IntN(6); {
		case n < 2 && len(t.s.stolen) > 0:
			t.useCode(t.s.stolen[t.s.rng.IntN(len(t.s.stolen))])
		case n < 5:
			t.useRefreshToken()
		default:
			t.look()
		}
	}
}

// as returns the app that the thief acts as: its own, or one whose secret leaked.
func (t *thief) as(client string, leaked bool) *app {
	if !leaked {
		return t.own
	}
	return &app{s: t.s, client: client, uid: templates[client].client.UID}
}

// useCode brings a stolen code, without the code verifier that binds it.
func (t *thief) useCode(stolen theft) {
	if stolen.client == photoBook {
		return // its verifier is worth nothing without the secret of the request token
	}
	who := t.as(stolen.client, templates[stolen.client].client.Public || t.s.one(2))
	_, _ = ask(t.s, "stolen code", func(c *call, e *authserver.Server) (*authserver.Tokens, error) {
		caller, err := who.authenticate(c, e)
		if err != nil {
			return nil, err
		}
		got, err := e.Token(t.s.ctx, caller, authserver.TokenRequest{
			GrantType: authserver.GrantAuthorizationCode, Proof: stolen.code, Callback: callbackOf(who.client),
		})
		t.s.ledger.redeemed(c, stolen.code, false, got, err)
		return got, err
	})
}

// useRefreshToken brings a stolen refresh token of any generation.
func (t *thief) useRefreshToken() {
	families := t.s.ledger.liveFamilies()
	if len(families) == 0 {
		return
	}
	f := families[t.s.rng.IntN(len(families))]
	token := f.chain[t.s.rng.IntN(len(f.chain))].token
	who := t.as(f.client, f.client == desktop || t.s.one(3))
	_, _ = ask(t.s, "stolen refresh token", func(c *call, e *authserver.Server) (*authserver.Tokens, error) {
		caller, err := who.authenticate(c, e)
		if err != nil {
			return nil, err
		}
		if caller.Client.UID == f.uid {
			f.uncertain = true
		}
		return t.s.refresh(c, e, caller, token, nil)
	})
}

// look asks about, and tries to revoke, a token that is somebody else's.
func (t *thief) look() {
	tokens := t.s.ledger.tokens
	if len(tokens) == 0 {
		return
	}
	token := tokens[t.s.rng.IntN(len(tokens))].token
	revokes := t.s.one(2)
	_, _ = ask(t.s, "look at a stolen token", func(c *call, e *authserver.Server) (bool, error) {
		caller, err := t.own.authenticate(c, e)
		if err != nil {
			return false, err
		}
		if revokes {
			return t.s.revoke(e, caller, token)
		}
		return t.s.introspect(c, e, caller, token, t.s.ledger.uidOf(token) == caller.Client.UID)
	})
}

// guard is an API that checks the tokens that are out there.
func (s *simulation) guard() {
	for range 3 + s.rng.IntN(6) {
		s.block("wait for tokens", func() bool { return len(s.ledger.tokens) > 0 || s.owners == 0 })
		if len(s.ledger.tokens) == 0 {
			return
		}
		token := s.ledger.tokens[s.rng.IntN(len(s.ledger.tokens))].token
		_, _ = ask(s, "introspect", func(c *call, e *authserver.Server) (bool, error) { return s.introspectAsStorage(c, e, token) })
	}
}
