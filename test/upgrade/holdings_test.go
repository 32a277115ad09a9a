// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/dghubble/oauth1"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// holdings are what Bob, two applications and an API have.
type holdings struct {
	site    *site
	secrets map[string]map[string][]byte
	bob     *person // who is logged in
	print   *oauth2.Config
	access  string // of print, for Bob
	refresh string
	book    *http.Client // signs with a token of OAuth 1.0a
	api     *httptest.Server
}

// secretsOf reads the Secrets of the objects.
func (s *site) secretsOf(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	all := map[string]map[string][]byte{}
	for _, name := range secrets {
		secret := &corev1.Secret{}
		must(t, s.API.Get(t.Context(), client.ObjectKey{Namespace: "photos", Name: name}, secret))
		all[name] = secret.Data
	}
	return all
}

// newHoldings has Bob log in and allow both applications.
func newHoldings(t *testing.T, s *site) *holdings {
	t.Helper()
	h := &holdings{site: s, secrets: s.secretsOf(t), bob: newPerson(t, s)}
	h.startAPI(t)
	secret := h.secrets["print-oauth"]
	h.print = &oauth2.Config{ClientID: string(secret["client-id"]), ClientSecret: string(secret["client-secret"]),
		RedirectURL: "https://app.example/print", Scopes: []string{"photos.read"}, Endpoint: oauth2.Endpoint{
			AuthURL: installation.Issuer + "/oauth2/authorize", TokenURL: installation.Issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader}}
	verifier := oauth2.GenerateVerifier()
	code := h.bob.allow(t, h.print.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier))).Get("code")
	tokens, err := h.print.Exchange(h.context(t), code, oauth2.VerifierOption(verifier))
	must(t, err)
	h.access, h.refresh = tokens.AccessToken, tokens.RefreshToken
	h.sign(t)
	return h
}

func (h *holdings) context(t *testing.T) context.Context {
	return context.WithValue(t.Context(), oauth2.HTTPClient, h.site.client())
}

// sign has Bob allow the application that signs.
func (h *holdings) sign(t *testing.T) {
	t.Helper()
	secret := h.secrets["book-oauth"]
	config := &oauth1.Config{ConsumerKey: string(secret["client-id"]), ConsumerSecret: string(secret["client-secret"]),
		CallbackURL: "https://app.example/book", HTTPClient: h.site.client(), Endpoint: oauth1.Endpoint{
			RequestTokenURL: installation.Issuer + "/oauth1/request-token", AuthorizeURL: installation.Issuer + "/oauth1/authorize",
			AccessTokenURL: installation.Issuer + "/oauth1/access-token"}}
	token, tokenSecret, err := config.RequestToken()
	must(t, err)
	address, err := config.AuthorizationURL(token)
	must(t, err)
	token, tokenSecret, err = config.AccessToken(token, tokenSecret, h.bob.allow(t, address.String()).Get("oauth_verifier"))
	must(t, err)
	h.book = config.Client(context.WithValue(t.Context(), oauth1.HTTPClient, h.api.Client()), oauth1.NewToken(token, tokenSecret))
}

// startAPI starts the API, with package resourceserver of the tree.
func (h *holdings) startAPI(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	for key, value := range h.secrets["storage-resource-server"] {
		must(t, os.WriteFile(filepath.Join(folder, key), value, 0o600))
	}
	config, err := resourceserver.Mounted(folder)
	must(t, err)
	h.api = httptest.NewUnstartedServer(nil)
	config.HTTPClient, config.ExternalURL = h.site.client(), "https://"+h.api.Listener.Addr().String()
	guard, err := resourceserver.New(config)
	must(t, err)
	h.api.Config.Handler = guard.Require("photos.read", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := resourceserver.CallerFrom(r.Context())
		w.Header().Set("X-Subject", caller.Subject)
	}))
	h.api.StartTLS()
	t.Cleanup(h.api.Close)
}

// goOn checks that nobody has lost anything.
func (h *holdings) goOn(t *testing.T, when string) {
	t.Helper()
	now := h.site.secretsOf(t)
	for name, before := range h.secrets {
		for _, key := range []string{"client-id", "client-secret"} {
			if string(now[name][key]) != string(before[key]) {
				t.Errorf("%s: %s of %s has changed", when, key, name)
			}
		}
	}
	own := clientcredentials.Config{ClientID: h.print.ClientID, ClientSecret: h.print.ClientSecret, TokenURL: h.print.Endpoint.TokenURL, AuthStyle: oauth2.AuthStyleInHeader}
	if _, err := own.Token(h.context(t)); err != nil {
		t.Errorf("%s: the client secret: %v", when, err)
	}
	h.calls(t, when, "the access token of before", h.api.Client(), h.access)
	tokens, err := h.print.TokenSource(h.context(t), &oauth2.Token{RefreshToken: h.refresh}).Token()
	if err != nil {
		t.Errorf("%s: the refresh token: %v", when, err)
	} else {
		h.access, h.refresh = tokens.AccessToken, tokens.RefreshToken
		h.calls(t, when, "the access token from the refresh", h.api.Client(), h.access)
	}
	h.calls(t, when, "the OAuth 1.0a token", h.book, "")
	if status, _, _ := h.bob.open(t, "/account", nil); status != http.StatusOK {
		t.Errorf("%s: Bob's account page answers %d: he is logged in no more", when, status)
	}
}

// calls checks that the API lets a caller in, and knows Bob.
func (h *holdings) calls(t *testing.T, when, with string, caller *http.Client, bearer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.api.URL+"/photos?size=a4", nil)
	must(t, err)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	answer, err := caller.Do(r)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Subject") == "" {
		t.Errorf("%s: with %s the API answers %s: %v", when, with, answer.Status, maps.Collect(maps.All(answer.Header)))
	}
}
