// SPDX-License-Identifier: Apache-2.0

// Command xoauth2 drives golang.org/x/oauth2.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/test/foreign/go/talk"
)

func main() {
	settings, ctx := talk.Read(), context.Background()
	config := &oauth2.Config{
		ClientID: settings["client-id"], ClientSecret: settings["client-secret"], RedirectURL: settings["callback"],
		Endpoint: oauth2.Endpoint{AuthURL: settings["authorization-endpoint"], TokenURL: settings["token-endpoint"]},
		Scopes:   []string{settings["scope"]},
	}
	state, codeVerifier := rand.Text(), oauth2.GenerateVerifier()
	back, err := url.Parse(talk.Open(config.AuthCodeURL(state, oauth2.S256ChallengeOption(codeVerifier)))) // the switch: PKCE is an option
	talk.Check(err)
	if back.Query().Get("state") != state {
		talk.Check(errors.New("this is not an answer to our question"))
	}
	token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(codeVerifier)) // its other half
	talk.Check(err)
	talk.Did("token")
	talk.Call(config.Client(ctx, token), settings["api"])

	token, err = config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	talk.Check(err)
	talk.Did("refresh")
	talk.Call(config.Client(ctx, token), settings["api"])
}
