// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	dghubble "github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// plaintextSigner is the signature method that dghubble/oauth1 leaves to its users.
type plaintextSigner struct{ secret string }

func (plaintextSigner) Name() string { return "PLAINTEXT" }

func (s plaintextSigner) Sign(tokenSecret, _ string) (string, error) {
	return dghubble.PercentEncode(s.secret) + "&" + dghubble.PercentEncode(tokenSecret), nil
}

// photoStorage is an API that leaves signatures to Gatehouse.
func (h *house) photoStorage(t *testing.T) *httptest.Server {
	t.Helper()
	guard, err := resourceserver.New(resourceserver.Config{
		IntrospectionEndpoint: h.issuer + "/oauth2/introspect", VerificationEndpoint: h.issuer + "/oauth1/verify",
		ClientID: authtest.PhotoStorage, ClientSecret: resourceserver.Value(h.Secret(authtest.PhotoStorage)), HTTPClient: h.server.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(guard.Require("photos.read", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := resourceserver.CallerFrom(r.Context())
		_, _ = io.WriteString(w, caller.Owner+" by "+caller.ClientID)
	})))
	t.Cleanup(server.Close)
	return server
}

// TestAnExistingClientWalksTheWholeWay uses a library that knows nothing of this server.
func TestAnExistingClientWalksTheWholeWay(t *testing.T) {
	for name, tc := range map[string]struct {
		client func(*house, *testing.T) *signer
		signer func(secret string) dghubble.Signer
	}{
		"HMAC-SHA1":                  {(*house).photoBook, func(secret string) dghubble.Signer { return &dghubble.HMACSigner{ConsumerSecret: secret} }},
		"HMAC-SHA256":                {(*house).photoBook, func(secret string) dghubble.Signer { return &dghubble.HMAC256Signer{ConsumerSecret: secret} }},
		"PLAINTEXT":                  {(*house).photoBook, func(secret string) dghubble.Signer { return plaintextSigner{secret} }},
		"PLAINTEXT at the old paths": {(*house).scrapbook, func(secret string) dghubble.Signer { return plaintextSigner{secret} }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.Clock.Advance(time.Since(authtest.Start)) // the library has no clock but the machine's
			app := tc.client(h, t)
			h.Clients.Change(app.id, func(c *authserver.Client) { c.SignatureMethods = []string{"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"} })
			config := &dghubble.Config{
				ConsumerKey: app.id, ConsumerSecret: app.secret, CallbackURL: app.callback, Signer: tc.signer(app.secret), HTTPClient: h.server.Client(),
				Endpoint: dghubble.Endpoint{RequestTokenURL: h.issuer + app.requestPath, AuthorizeURL: h.issuer + app.authorizePath, AccessTokenURL: h.issuer + app.accessPath},
			}
			request, requestSecret, err := config.RequestToken()
			if err != nil {
				t.Fatal(err)
			}
			link, err := config.AuthorizationURL(request)
			if err != nil {
				t.Fatal(err)
			}
			bob := h.bob(t)
			begun := bob.get(strings.TrimPrefix(link.String(), h.issuer)).wants(http.StatusSeeOther, "")
			back := bob.consentTo(begun.Header.Get("Location"), "allow").wants(http.StatusSeeOther, "")
			token, verifier, err := dghubble.ParseAuthorizationCallback(httptest.NewRequest("GET", back.Header.Get("Location"), nil))
			if err != nil {
				t.Fatal(err)
			}
			access, secret, err := config.AccessToken(token, requestSecret, verifier)
			if err != nil {
				t.Fatal(err)
			}
			seesPhotos(t, h, config, dghubble.NewToken(access, secret))
			if _, _, err := config.AccessToken(token, requestSecret, verifier); err == nil {
				t.Error("a verifier was taken twice")
			}
		})
	}
}

// seesPhotos makes requests of several shapes to PhotoStorage.
func seesPhotos(t *testing.T, h *house, config *dghubble.Config, token *dghubble.Token) {
	t.Helper()
	api := h.photoStorage(t)
	client := config.Client(context.WithValue(t.Context(), dghubble.HTTPClient, api.Client()), token)
	for _, tc := range []struct{ method, path, contentType, body string }{
		{"GET", "/photos?size=large&name=a+b%20c", "", ""},
		{"POST", "/photos", "application/x-www-form-urlencoded", url.Values{"caption": {"a b+c&d=e%"}, "ä": {"~!*'()"}}.Encode()},
		{"POST", "/photos/%C3%A4~b", "application/json", `{"caption":"a=b&c"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, api.URL+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if tc.contentType != "" {
			r.Header.Set("Content-Type", tc.contentType)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if want := "bob by " + config.ConsumerKey; err != nil || string(body) != want {
			t.Errorf("%s %s: %s %s, want %s", tc.method, tc.path, response.Status, body, want)
		}
	}
}
