// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// integrator is Integrator, which was written for webMethods Integration Cloud.
type integrator struct {
	*flow
	id, secret, authorization, token string
	code                             string
	tokens                           integrationTokens
}

// integrationTokens is the old server's answer: expires_in is a string.
type integrationTokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    string `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
}

func (i *integrator) section() section {
	return section{"IntegrationCloud: Integrator was written for webMethods Integration Cloud", []step{
		{"authorize", i.authorize},
		{"token", i.redeem},
		{"API call", i.callAPI},
		{"refresh", i.refresh},
	}}
}

// authorize: Bob chooses what Integrator gets.
func (i *integrator) authorize(ctx context.Context) (string, error) {
	if err := i.mounted(devenv.Integrator, map[string]*string{"client-id": &i.id, "client-secret": &i.secret,
		"authorization-endpoint": &i.authorization, "token-endpoint": &i.token}); err != nil {
		return "", err
	}
	address := i.authorization + "?" + url.Values{
		"response_type": {"code"}, "client_id": {i.id}, "redirect_uri": {i.Callback(devenv.Integrator)},
		"scope": {"photos.read albums.read"}, "state": {"from-2016"},
	}.Encode()
	back, err := i.decide(ctx, devenv.Integrator, address, url.Values{"decision": {"allow"}, "scope": {"photos.read"}},
		"See your photos", "See your albums")
	if err != nil {
		return "", err
	}
	if i.code = back.Get("code"); i.code == "" || back.Get("state") != "from-2016" {
		return "", fmt.Errorf("the callback gets %s", names(back))
	}
	return "Integrator asks for photos and albums, and Bob allows it the photos", nil
}

// getToken posts nothing: what it has to say is in the address, which this client's object allows until a date.
func (i *integrator) getToken(ctx context.Context, query url.Values) (tokens integrationTokens, err error) {
	answer, err := i.ask(ctx, http.MethodPost, i.token+"?"+query.Encode(), nil, func(r *http.Request) { r.SetBasicAuth(i.id, i.secret) })
	if err != nil {
		return tokens, err
	}
	if err := answer.read(&tokens); err != nil {
		return tokens, fmt.Errorf("getToken: %w", err)
	}
	if tokens.AccessToken == "" || tokens.TokenType != "Bearer" {
		return tokens, errors.New("getToken answers without an access token")
	}
	return tokens, nil
}

func (i *integrator) redeem(ctx context.Context) (said string, err error) {
	query := url.Values{"grant_type": {"authorization_code"}, "code": {i.code}, "redirect_uri": {i.Callback(devenv.Integrator)}}
	if i.tokens, err = i.getToken(ctx, query); err != nil {
		return "", err
	}
	if i.tokens.ExpiresIn != "3600" || i.tokens.Scope != "photos.read" {
		return "", fmt.Errorf("getToken answers with expires_in=%q, scope=%q", i.tokens.ExpiresIn, i.tokens.Scope)
	}
	return `getToken takes a POST without a body, and answers with expires_in "3600", as a string`, nil
}

// photos asks PhotoStorage.
func (i *integrator) photos(ctx context.Context) (reply, error) {
	return i.ask(ctx, http.MethodGet, i.PhotosURL, nil, bearer(i.tokens.AccessToken))
}

func (i *integrator) callAPI(ctx context.Context) (string, error) {
	answer, err := i.photos(ctx)
	if err != nil {
		return "", err
	}
	return "PhotoStorage introspects the access token as any other", answer.holds(`"bob"`, "grandma-at-90.jpg")
}

func (i *integrator) refresh(ctx context.Context) (string, error) {
	next, err := i.getToken(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {i.tokens.RefreshToken}})
	if err != nil {
		return "", err
	}
	if next.AccessToken == i.tokens.AccessToken || next.RefreshToken == i.tokens.RefreshToken {
		return "", errors.New("the tokens are still the same")
	}
	i.tokens = next
	_, err = i.callAPI(ctx)
	return "new access and refresh tokens, and PhotoStorage takes the new one", err
}
