// SPDX-License-Identifier: Apache-2.0

// Command zitadel drives package rp of github.com/zitadel/oidc, for OAuth 2.0 without OpenID Connect.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/test/foreign/go/talk"
)

func main() {
	settings, ctx := talk.Read(), context.Background()
	// The switch: NewRelyingPartyOAuth. NewRelyingPartyOIDC asks for /.well-known/openid-configuration.
	party, err := rp.NewRelyingPartyOAuth(&oauth2.Config{
		ClientID: settings["client-id"], ClientSecret: settings["client-secret"], RedirectURL: settings["callback"],
		Endpoint: oauth2.Endpoint{AuthURL: settings["authorization-endpoint"], TokenURL: settings["token-endpoint"]},
		Scopes:   []string{settings["scope"]},
	})
	talk.Check(err)
	state, codeVerifier := rand.Text(), oauth2.GenerateVerifier()
	challenge := oidc.NewSHACodeChallenge(codeVerifier)
	back, err := url.Parse(talk.Open(rp.AuthURL(state, party, rp.WithCodeChallenge(challenge)))) // the other: PKCE
	talk.Check(err)
	if back.Query().Get("state") != state {
		talk.Check(errors.New("this is not an answer to our question"))
	}
	tokens, err := rp.CodeExchange[*oidc.IDTokenClaims](ctx, back.Query().Get("code"), party, rp.WithCodeVerifier(codeVerifier))
	talk.Check(err)
	talk.Did("token")
	talk.Call(party.OAuthConfig().Client(ctx, tokens.Token), settings["api"])

	token, err := party.OAuthConfig().TokenSource(ctx, &oauth2.Token{RefreshToken: tokens.RefreshToken}).Token()
	talk.Check(err)
	talk.Did("refresh")
	talk.Call(party.OAuthConfig().Client(ctx, token), settings["api"])
}
