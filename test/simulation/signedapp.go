// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// sign returns a request that the app signed. One signed request is one value: who sends it again sends the same.
func (a *app) sign(kind authserver.TokenKind, token, tokenSecret string) authserver.SignedRequest {
	secret := templates[a.client].secret[a.uid]
	return authserver.SignedRequest{
		Profile: authserver.ProfileOAuth1, ClientID: a.client, Method: "HMAC-SHA256", Kind: kind, Token: token,
		Nonce: fmt.Sprint(a.s.tick()), Timestamp: start.Add(a.s.elapsed).Unix(),
		Matches: func(clientSecret, otherSecret string) bool {
			return clientSecret == secret && otherSecret == tokenSecret
		},
	}
}

// authenticateSigned makes a replica check a signed request, and checks that it is taken once.
func (a *app) authenticateSigned(e *authserver.Server, r authserver.SignedRequest) (authserver.Caller, error) {
	caller, err := e.AuthenticateSigned(a.s.ctx, r)
	if err == nil && !a.s.wildClocks {
		a.s.ledger.nonceTaken(r.Nonce)
	}
	return caller, err
}

func (a *app) requestToken() (*authserver.TemporaryCredentials, error) {
	r := a.sign(authserver.NoToken, "", "")
	return ask(a.s, "request token", func(_ *call, e *authserver.Server) (*authserver.TemporaryCredentials, error) {
		caller, err := a.authenticateSigned(e, r)
		if err != nil {
			return nil, err
		}
		return e.RequestToken(a.s.ctx, caller, callbackOf(a.client))
	})
}

// exchangeSigned exchanges a verifier once.
func (a *app) exchangeSigned(d delivery) error {
	r := a.sign(authserver.RequestTokenKind, d.token, d.verifier)
	t, err := ask(a.s, "exchange", func(c *call, e *authserver.Server) (*authserver.Tokens, error) {
		caller, err := a.authenticateSigned(e, r)
		if err != nil {
			return nil, err
		}
		code := d.token + " " + d.code
		f := a.s.ledger.byCode[code]
		bound := f != nil && f.uid == caller.Client.UID
		if bound {
			a.s.ledger.redeemBegins(f)
		}
		t, err := e.Exchange(a.s.ctx, caller, d.token, d.code)
		a.s.ledger.redeemed(c, code, bound, t, err)
		return t, err
	})
	if err == nil {
		a.keep(t)
	}
	return err
}

// verify brings a signed request to the resource server, which asks what it is worth.
func (a *app) verify(t *tokens) {
	r := a.sign(authserver.AccessTokenKind, t.access, t.secret)
	_, _ = ask(a.s, "verify", func(c *call, e *authserver.Server) (bool, error) {
		caller := authserver.Caller{ResourceServer: resources, CredentialID: resources.Credentials[0].ID}
		info, err := e.Verify(a.s.ctx, caller, r)
		if err == nil && info.Active {
			if !a.s.wildClocks {
				a.s.ledger.nonceTaken(r.Nonce)
			}
			a.s.ledger.inspected(c, t.access, info)
		}
		a.s.coverage.count(fmt.Sprint("verify: active: ", info.Active))
		return info.Active, err
	})
}

func (a *app) revokeSigned(_ *call, e *authserver.Server, t *tokens) (bool, error) {
	caller, err := a.authenticateSigned(e, a.sign(authserver.AccessTokenKind, t.access, t.secret))
	if err != nil {
		return false, err
	}
	a.s.ledger.revokeBegins(t.access)
	if err := e.RevokeSigned(a.s.ctx, caller, t.access); err != nil {
		return false, err
	}
	a.s.ledger.revoked(t.access)
	return true, nil
}

// report is what a client does that acts for itself.
func (a *app) report() {
	var token string
	for range 4 + a.s.rng.IntN(4) {
		switch n := a.s.rng.IntN(6); {
		case token == "" || n == 0:
			token = a.ownToken()
		case n == 1:
			a.revoke(&tokens{access: token})
		default:
			a.introspect(token)
		}
	}
}

// ownToken gets a token of the client credentials grant; "": it got none.
func (a *app) ownToken() string {
	t, err := ask(a.s, "client credentials", func(c *call, e *authserver.Server) (string, error) {
		caller, err := a.authenticate(c, e)
		if err != nil {
			return "", err
		}
		c.anonymous = true // nothing is written
		t, err := e.Token(a.s.ctx, caller, authserver.TokenRequest{GrantType: authserver.GrantClientCredentials})
		if err != nil {
			return "", err
		}
		a.s.ledger.checkServed(c, a.client, caller.Client.UID, "a token was issued")
		a.s.ledger.checkScopes(c, a.client, caller.Client.UID, []string{scopeRead}, t.Scopes)
		a.s.ledger.keepAccess(&accessToken{
			token: t.AccessToken, client: a.client, uid: caller.Client.UID, scopes: t.Scopes, expires: t.ExpiresAt.Sub(start),
		})
		return t.AccessToken, nil
	})
	if err != nil {
		return ""
	}
	return t
}
