// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// speakers are a client of each profile.
var speakers = map[authserver.Profile]string{
	authserver.ProfileOAuth2:                 authtest.BookShelf,
	authserver.ProfileOAuth1:                 authtest.PhotoBook,
	authserver.ProfileConnectionsCloudOAuth2: authtest.Album,
	authserver.ProfileConnectionsCloudOAuth1: authtest.Scrapbook,
	authserver.ProfileIntegrationCloud:       authtest.Flows,
}

// door is where clients of a profile get their tokens, and how one says there who it is.
type door struct {
	profile authserver.Profile
	path    string
	knock   func(t *testing.T, h *house, d door, id, secret string) crossAnswer
	greeted int // the status for the profile's own client, which the knock is good enough for
}

var doors = []door{
	{authserver.ProfileOAuth2, oauth2.PathToken, knockWithSecret, http.StatusBadRequest},
	{authserver.ProfileConnectionsCloudOAuth2, oauth2.PathConnectionsCloudToken, knockWithSecret, http.StatusUnauthorized},
	{authserver.ProfileIntegrationCloud, oauth2.PathIntegrationCloudToken, knockWithSecret, http.StatusBadRequest},
	{authserver.ProfileOAuth1, oauth1.PathRequestToken, knockSigned(oauth1.HMACSHA1), http.StatusOK},
	{authserver.ProfileConnectionsCloudOAuth1, oauth1.PathConnectionsRequestToken, knockSigned(oauth1.Plaintext), http.StatusOK},
}

// crossAnswer is all that a client can tell two answers apart by, but for the time.
type crossAnswer struct {
	Status int
	Header http.Header
	Body   string
}

func crossAnswerOf(r *http.Response, raw string) crossAnswer {
	header := r.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} { // of the request, whoever sends it
		header.Del(name)
	}
	return crossAnswer{r.StatusCode, header, raw}
}

// knockWithSecret redeems a code that there is not: only who is known there is told so.
func knockWithSecret(t *testing.T, h *house, d door, id, secret string) crossAnswer {
	t.Helper()
	got := h.ask(t, d.path, url.Values{
		"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://x.example"}, "callback_uri": {"https://x.example"},
		"code_verifier": {codeVerifier}, "client_id": {id}, "client_secret": {secret},
	})
	return crossAnswerOf(got.Response, got.raw)
}

// knockSigned asks for a request token that is shown.
func knockSigned(method oauth1.SignatureMethod) func(*testing.T, *house, door, string, string) crossAnswer {
	return func(t *testing.T, h *house, d door, id, secret string) crossAnswer {
		t.Helper()
		c := &signer{h: h, t: t, id: id, secret: secret, method: method}
		got := c.post(d.path, pair{}, params{"oauth_callback": "oob"})
		return crossAnswerOf(got.Response, got.raw)
	}
}

func TestCrossProfileAClientIsUnknownAtTheEndpointsOfOtherProfiles(t *testing.T) {
	h := newHouse(t)
	for _, id := range speakers { // so that no signature method tells a client from an unknown one
		h.Clients.Change(id, func(c *authserver.Client) { c.SignatureMethods = []string{"HMAC-SHA1", "PLAINTEXT"} })
	}
	for _, d := range doors {
		unknown := d.knock(t, h, d, "photos.nobody", h.Secret(authtest.BookShelf))
		if unknown.Status != http.StatusUnauthorized {
			t.Errorf("%s: an unknown client gets %d %s", d.path, unknown.Status, unknown.Body)
		}
		for profile, id := range speakers {
			t.Run(string(profile)+" at "+d.path, func(t *testing.T) {
				got := d.knock(t, h, d, id, h.Secret(id))
				diff := cmp.Diff(unknown, got)
				switch {
				case profile != d.profile && diff != "":
					t.Errorf("the answer is not that of an unknown client (-unknown +%s):\n%s", id, diff)
				case profile == d.profile && (diff == "" || got.Status != d.greeted):
					t.Errorf("the profile's own client gets %d %s, want %d and another answer", got.Status, got.Body, d.greeted)
				}
			})
		}
	}
}

func TestCrossProfileAPublicClientIsUnknownAtTheEndpointsOfOtherProfiles(t *testing.T) {
	h := newHouse(t)
	h.Clients.Change(authtest.Flows, func(c *authserver.Client) { c.Public = true })
	public := map[authserver.Profile]string{authserver.ProfileOAuth2: authtest.Desktop, authserver.ProfileIntegrationCloud: authtest.Flows}
	for _, d := range doors {
		unknown := d.knock(t, h, d, "photos.nobody", "")
		for profile, id := range public {
			t.Run(string(profile)+" at "+d.path, func(t *testing.T) {
				diff := cmp.Diff(unknown, d.knock(t, h, d, id, ""))
				if (diff == "") != (profile != d.profile) {
					t.Errorf("%s is told from an unknown client: %v (-unknown +%s):\n%s", id, diff != "", id, diff)
				}
			})
		}
	}
}
