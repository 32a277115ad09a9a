// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// cloudAlbum is CloudAlbum, which was written for IBM Connections Cloud when that offered OAuth 1.0a by default.
type cloudAlbum struct {
	*flow
	config        *oauth1.Config
	identity      string
	token, secret string // the request token, then the access token
	verifier      string
}

// plaintext signs as the old server asked for: with the secrets themselves, over TLS.
type plaintext struct{ consumerSecret string }

// Name is of oauth1.Signer.
func (plaintext) Name() string { return "PLAINTEXT" }

// Sign is of oauth1.Signer.
func (s plaintext) Sign(tokenSecret, _ string) (string, error) {
	return oauth1.PercentEncode(s.consumerSecret) + "&" + oauth1.PercentEncode(tokenSecret), nil
}

func (a *cloudAlbum) section() section {
	return section{"ConnectionsCloudOAuth1: CloudAlbum was written for it even earlier", []step{
		{"denied", a.deny},
		{"authorize", a.authorize},
		{"token", a.redeem},
		{"identity", a.identify},
	}}
}

// requestToken asks for a request token and returns where Bob is sent with it.
func (a *cloudAlbum) requestToken() (address string, err error) {
	a.config = &oauth1.Config{CallbackURL: a.Callback(devenv.CloudAlbum), HTTPClient: a.client}
	if err := a.mounted(devenv.CloudAlbum, map[string]*string{
		"client-id": &a.config.ConsumerKey, "client-secret": &a.config.ConsumerSecret, "identity-endpoint": &a.identity,
		"request-token-endpoint": &a.config.Endpoint.RequestTokenURL, "authorization-endpoint": &a.config.Endpoint.AuthorizeURL,
		"access-token-endpoint": &a.config.Endpoint.AccessTokenURL,
	}); err != nil {
		return "", err
	}
	a.config.Signer = plaintext{a.config.ConsumerSecret}
	if a.token, a.secret, err = a.config.RequestToken(); err != nil {
		return "", fmt.Errorf("getRequestToken: %w", err)
	}
	u, err := a.config.AuthorizationURL(a.token)
	if err != nil {
		return "", errors.New("the authorization endpoint cannot be read")
	}
	return u.String(), nil
}

// deny: Bob does not want it, and CloudAlbum is told in the old words.
func (a *cloudAlbum) deny(ctx context.Context) (string, error) {
	address, err := a.requestToken()
	if err != nil {
		return "", err
	}
	back, err := a.decide(ctx, devenv.CloudAlbum, address, url.Values{"decision": {"deny"}}, "CloudAlbum")
	if err != nil {
		return "", err
	}
	if back.Get("oauth_error") != "oauth_denied" || !slices.Equal(back["oauth_verifier"], []string{""}) {
		return "", fmt.Errorf("the callback gets %s, and oauth_error=%q", names(back), back.Get("oauth_error"))
	}
	return "Bob denies it at authorizeToken: oauth_verifier is empty, and oauth_error=oauth_denied", nil
}

// authorize: the second time Bob allows it.
func (a *cloudAlbum) authorize(ctx context.Context) (string, error) {
	address, err := a.requestToken()
	if err != nil {
		return "", err
	}
	back, err := a.decide(ctx, devenv.CloudAlbum, address, url.Values{"decision": {"allow"}}, "CloudAlbum")
	if err != nil {
		return "", err
	}
	if a.verifier = back.Get("oauth_verifier"); a.verifier == "" || back.Get("oauth_token") != a.token {
		return "", fmt.Errorf("the callback gets %s, or another token", names(back))
	}
	return "CloudAlbum asks again, with PLAINTEXT, and Bob allows it", nil
}

func (a *cloudAlbum) redeem(context.Context) (said string, err error) {
	if a.token, a.secret, err = a.config.AccessToken(a.token, a.secret, a.verifier); err != nil {
		return "", fmt.Errorf("getAccessToken: %w", err)
	}
	return "getAccessToken gives it an access token and its secret", nil
}

// who asks Gatehouse who gave the access token.
func (a *cloudAlbum) who(ctx context.Context) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.identity, nil)
	if err != nil {
		return reply{}, errors.New("the identity endpoint cannot be read")
	}
	return speak(a.config.Client(context.WithValue(ctx, oauth1.HTTPClient, a.client), oauth1.NewToken(a.token, a.secret)), req)
}

func (a *cloudAlbum) identify(ctx context.Context) (string, error) {
	answer, err := a.who(ctx)
	if err != nil {
		return "", err
	}
	return "getUserIdentity tells it the same as CloudPrint", answer.holds(`"bob@photos.example"`)
}
