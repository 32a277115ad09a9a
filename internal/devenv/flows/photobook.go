// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// photoBook is PhotoBook, which speaks OAuth 1.0a through dghubble/oauth1.
type photoBook struct {
	*flow
	config        *oauth1.Config
	revocation    string
	token, secret string // the request token, then the access token
	verifier      string
	api           *http.Client // signs
	last          *http.Request
}

func (b *photoBook) section() section {
	return section{"OAuth1: PhotoBook signs its requests, as RFC 5849 says", []step{
		{"authorize", b.authorize},
		{"token", b.redeem},
		{"API call", b.callAPI},
		{"sent again", b.replay},
		{"given back", b.revoke},
	}}
}

// authorize: PhotoBook asks for a request token, and Bob allows what it stands for.
func (b *photoBook) authorize(ctx context.Context) (string, error) {
	b.config = &oauth1.Config{CallbackURL: b.Callback(devenv.PhotoBook), HTTPClient: b.client}
	if err := b.mounted(devenv.PhotoBook, map[string]*string{
		"client-id": &b.config.ConsumerKey, "client-secret": &b.config.ConsumerSecret, "revocation-endpoint": &b.revocation,
		"request-token-endpoint": &b.config.Endpoint.RequestTokenURL, "authorization-endpoint": &b.config.Endpoint.AuthorizeURL,
		"access-token-endpoint": &b.config.Endpoint.AccessTokenURL,
	}); err != nil {
		return "", err
	}
	b.config.Signer = &oauth1.HMAC256Signer{ConsumerSecret: b.config.ConsumerSecret}
	var err error
	if b.token, b.secret, err = b.config.RequestToken(); err != nil {
		return "", fmt.Errorf("get a request token: %w", err)
	}
	address, err := b.config.AuthorizationURL(b.token)
	if err != nil {
		return "", errors.New("the authorization endpoint cannot be read")
	}
	back, err := b.decide(ctx, devenv.PhotoBook, address.String(), url.Values{"decision": {"allow"}}, "PhotoBook", "See your photos")
	if err != nil {
		return "", err
	}
	if back.Get("oauth_token") != b.token || back.Get("oauth_verifier") == "" {
		return "", fmt.Errorf("the callback gets %s, or another token", names(back))
	}
	b.verifier = back.Get("oauth_verifier")
	return "PhotoBook gets a request token, Bob allows it, and is sent back with a verifier", nil
}

// redeem: the verifier is exchanged.
func (b *photoBook) redeem(ctx context.Context) (said string, err error) {
	if b.token, b.secret, err = b.config.AccessToken(b.token, b.secret, b.verifier); err != nil {
		return "", fmt.Errorf("get an access token: %w", err)
	}
	signing := context.WithValue(ctx, oauth1.HTTPClient, &http.Client{Transport: b, Timeout: b.client.Timeout})
	b.api = b.config.Client(signing, oauth1.NewToken(b.token, b.secret))
	return "PhotoBook exchanges the verifier for an access token and its secret", nil
}

// RoundTrip is of http.RoundTripper: it sends what was signed, and keeps it.
func (b *photoBook) RoundTrip(r *http.Request) (*http.Response, error) {
	b.last = r
	return b.client.Transport.RoundTrip(r)
}

// signed makes a request that PhotoBook signs.
func (b *photoBook) signed(ctx context.Context, method, address string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return reply{}, errors.New("an address of the mounted Secret cannot be read")
	}
	return speak(b.api, req)
}

// callAPI: PhotoStorage, which knows nothing of signatures, gives PhotoBook the photos.
func (b *photoBook) callAPI(ctx context.Context) (string, error) {
	answer, err := b.signed(ctx, http.MethodGet, b.PhotosURL+"?size=a4&from=2015%2F06")
	if err != nil {
		return "", err
	}
	return "PhotoStorage has the signed request verified, and gives PhotoBook the photos of bob", answer.holds(`"bob"`, "grandma-at-90.jpg")
}

// replay: whoever saw the request cannot send it again.
func (b *photoBook) replay(context.Context) (string, error) {
	answer, err := speak(b.client, b.last)
	if err == nil && answer.status != http.StatusUnauthorized {
		err = fmt.Errorf("PhotoStorage answers with %d", answer.status)
	}
	return "the same request a second time is refused", err
}

// revoke: PhotoBook needs it no more.
func (b *photoBook) revoke(ctx context.Context) (string, error) {
	answer, err := b.signed(ctx, http.MethodPost, b.revocation)
	if err != nil || answer.status != http.StatusOK {
		return "", errors.Join(fmt.Errorf("the revocation endpoint answers with %d", answer.status), err)
	}
	answer, err = b.signed(ctx, http.MethodGet, b.PhotosURL)
	if err == nil && answer.status != http.StatusUnauthorized {
		err = fmt.Errorf("PhotoStorage answers with %d", answer.status)
	}
	return "PhotoBook revokes its access, and PhotoStorage refuses the next request", err
}
