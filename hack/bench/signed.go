// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// resource is what the signed requests are for.
const resource = "https://photos.bench.example/photos"

// allowSigned walks an owner through the engine and returns the access token of the app that signs.
func (b *bench) allowSigned(ctx context.Context, owner string) (*authserver.Tokens, error) {
	caller := authserver.Caller{Client: b.clients.byID[signerID], CredentialID: "first"}
	asking, err := b.auth.RequestToken(ctx, caller, callback)
	if err != nil {
		return nil, fmt.Errorf("request token: %w", err)
	}
	i, err := b.auth.BeginSigned(authserver.ProfileOAuth1, asking.Token)
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	v, err := b.visit(ctx, owner)
	if err != nil {
		return nil, err
	}
	p, err := b.auth.Next(ctx, i, v)
	if err != nil {
		return nil, fmt.Errorf("authorize: %w", err)
	}
	a, err := b.auth.Decide(ctx, p, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		return nil, fmt.Errorf("consent: %w", err)
	}
	tokens, err := b.auth.Exchange(ctx, caller, asking.Token, a.Proof)
	if err != nil {
		return nil, fmt.Errorf("access token: %w", err)
	}
	return tokens, nil
}

// verifying asks about a request that is signed anew each time: no nonce is taken twice.
func (b *bench) verifying(tokens *authserver.Tokens) requester {
	return func(answer []byte) ([]byte, error) {
		if answer != nil && !bytes.Contains(answer, []byte(`"active":true`)) {
			return nil, errors.New("a signed request is refused")
		}
		authorization, err := b.sign(tokens)
		if err != nil {
			return nil, err
		}
		return b.request(oauth1.PathVerify, apiID, url.Values{"method": {"GET"}, "url": {resource}, "authorization": {authorization}}), nil
	}
}

// sign is the app's work, and not measured.
func (b *bench) sign(tokens *authserver.Tokens) (authorization string, err error) {
	params := []oauth1.Param{
		{Name: oauth1.ParamConsumerKey, Value: signerID},
		{Name: oauth1.ParamToken, Value: tokens.AccessToken},
		{Name: oauth1.ParamSignatureMethod, Value: string(oauth1.HMACSHA256)},
		{Name: oauth1.ParamTimestamp, Value: strconv.FormatInt(time.Now().Unix(), 10)},
		{Name: oauth1.ParamNonce, Value: rand.Text()},
	}
	text, err := oauth1.BaseString("GET", resource, params)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signature := oauth1.Sign(oauth1.HMACSHA256, text, b.clients.secrets[signerID], tokens.TokenSecret)
	return oauth1.Authorization("", append(params, oauth1.Param{Name: oauth1.ParamSignature, Value: signature})), nil
}
