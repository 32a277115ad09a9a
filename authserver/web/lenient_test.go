// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// bearerProfile is how one profile of OAuth 2.0 is called.
type bearerProfile struct {
	older
	scoped bool // it has a scope parameter
}

// bearerProfiles are all profiles of OAuth 2.0.
func bearerProfiles() map[string]bearerProfile {
	return map[string]bearerProfile{
		"OAuth2": {older{
			client: authtest.PhotoPrint, callback: authtest.PhotoPrintCallback, callbackName: "redirect_uri",
			authorize: "/oauth2/authorize", token: "/oauth2/token",
			badClient: said{http.StatusUnauthorized, `"invalid_client"`}, badCode: said{http.StatusBadRequest, `"invalid_grant"`},
		}, true},
		"ConnectionsCloudOAuth2": {olders["ConnectionsCloudOAuth2"], false},
		"IntegrationCloud":       {olders["IntegrationCloud"], true},
	}
}

// withChallenge returns what each profile takes of PKCE.
func withChallenge(changes url.Values) url.Values {
	asked, err := url.Parse(request(nil))
	if err != nil {
		panic(err)
	}
	v := url.Values{"code_challenge": asked.Query()["code_challenge"], "code_challenge_method": {"S256"}}
	maps.Copy(v, changes)
	return v
}

func (p bearerProfile) redeemBound(h *house, code string) url.Values {
	form := p.redemption(h, code)
	form.Set("code_verifier", codeVerifier)
	return form
}

func TestN140WhatClientsSendBesideAnAuthorizationRequestIsIgnored(t *testing.T) {
	for name, p := range bearerProfiles() {
		for _, extra := range []string{
			"audience=https%3A%2F%2Fone.example&audience=https%3A%2F%2Ftwo.example", "utm=1&utm=2", "utm=100%", "x=a;b", "nonce=&audience=&",
			"state=s", "state=",
		} {
			t.Run(name+" "+extra, func(t *testing.T) {
				h := newHouse(t)
				changes := withChallenge(url.Values{"state": nil})
				path := h.browser(t).get(p.request(changes)+"&"+extra).wants(http.StatusSeeOther, "").Header.Get("Location")
				if !strings.HasPrefix(path, "/interaction/") {
					t.Errorf("the browser is sent to %s", path)
				}
			})
		}
	}
}

func TestN140AParameterGivenTwiceIsNamedOnThePage(t *testing.T) {
	for name, p := range bearerProfiles() {
		h := newHouse(t)
		for _, parameter := range []string{"state", "response_type", "code_challenge", "client_id", p.callbackName} {
			changes := withChallenge(nil)
			changes[parameter] = []string{"a", "b"}
			page := h.browser(t).get(p.request(changes))
			if page.StatusCode/100 != 4 || !strings.Contains(page.text(), parameter) {
				t.Errorf("%s, %s: %d %s", name, parameter, page.StatusCode, page.text())
			}
		}
	}
}

func TestN140EmptyParametersBesideBasicAreOmitted(t *testing.T) {
	for _, name := range []string{"OAuth2", "IntegrationCloud"} {
		p := bearerProfiles()[name]
		h := newHouse(t)
		form := p.redeemBound(h, p.code(t, h, withChallenge(nil)))
		for _, empty := range []string{"client_id", "client_secret", "scope", "refresh_token", "resource"} {
			form[empty] = []string{"", ""}
		}
		app := &app{h: h, t: t, id: p.client, secret: h.Secret(p.client)}
		tokens := app.post(p.token, form).wants(http.StatusOK)
		app.post(p.token, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {tokens.text("refresh_token")}, "scope": {""}, "client_id": {""}, "client_secret": {""},
		}).wants(http.StatusOK)
	}
	h := newHouse(t)
	access := h.tokens(t).text("access_token")
	about := url.Values{"token": {access}, "token_type_hint": {"", "access_token", "nonsense"}, "client_id": {""}, "client_secret": {""}}
	if got := h.client(t, authtest.PhotoPrint).post("/oauth2/introspect", about).wants(http.StatusOK); got.body["active"] != true {
		t.Errorf("introspection says %s", got.raw)
	}
	h.client(t, authtest.PhotoPrint).post("/oauth2/revoke", about).wants(http.StatusOK)
	if h.active(t, access) {
		t.Error("the token was not revoked")
	}
}

// The old server had an error of its own for each empty parameter.
func TestN140ConnectionsCloudNamesWhatIsEmpty(t *testing.T) {
	h, o := newHouse(t), olders["ConnectionsCloudOAuth2"]
	form := o.redemption(h, o.code(t, h, nil))
	for empty, want := range map[string]string{
		"client_secret": "oauth_missing_clientsecret", "callback_uri": "oauth_missing_callbackurl", "code": "oauth_missing_authorizationcode", "client_id": "oauth_invalid_clientid",
	} {
		changed := maps.Clone(form)
		changed[empty] = []string{""}
		h.ask(t, o.token, changed).says(said{http.StatusUnauthorized, want})
		changed[empty] = []string{"", form.Get(empty)}
		h.ask(t, o.token, changed).says(said{http.StatusBadRequest, "oauth_duplicated_parameters: " + empty})
	}
	h.ask(t, o.token, form).ok()
}

func TestN141BlanksInAScopeAreTakenAtEachStep(t *testing.T) {
	for name, p := range bearerProfiles() {
		if !p.scoped {
			continue
		}
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			form := p.redeemBound(h, p.code(t, h, withChallenge(url.Values{"scope": {" photos.read  "}})))
			form.Set("scope", "  photos.read\t")
			tokens := h.ask(t, p.token, form).ok()
			refresh := p.refresh(h, tokens.fields["refresh_token"])
			refresh.Set("scope", "photos.read  ")
			if got := h.ask(t, p.token, refresh).ok(); got.fields["scope"] != "photos.read" {
				t.Errorf("the scope is %q", got.fields["scope"])
			}
		})
	}
}

func TestN141BasicWithBlanksAndInAnyCase(t *testing.T) {
	h := newHouse(t)
	for _, change := range []func(string) string{
		func(basic string) string { return strings.Replace(basic, "Basic ", "Basic   ", 1) },
		func(basic string) string { return strings.Replace(basic, "Basic ", "bASIC\t", 1) },
	} {
		form := url.Values{"grant_type": {"client_credentials"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(authtest.BookShelf, h.Secret(authtest.BookShelf))
		r.Header.Set("Authorization", change(r.Header.Get("Authorization")))
		h.client(t, authtest.BookShelf).send(r).wants(http.StatusOK)
	}
}

func TestN142TheCallbackMayBeMissingAtTheTokenEndpointWithPKCE(t *testing.T) {
	for name, p := range bearerProfiles() {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			form := p.redeemBound(h, p.code(t, h, withChallenge(nil)))
			form.Del(p.callbackName)
			if name == "ConnectionsCloudOAuth2" { // its own table demands the callback
				h.ask(t, p.token, form).says(said{http.StatusBadRequest, "oauth_absent_parameters: callback_uri"})
				form.Set(p.callbackName, p.callback)
				h.ask(t, p.token, form).ok()
				return
			}
			wrong := maps.Clone(form)
			wrong.Set("code_verifier", strings.Repeat("w", 43))
			h.ask(t, p.token, wrong).says(p.badCode)
			wrong.Del("code_verifier")
			h.ask(t, p.token, wrong).says(p.badCode)
			h.ask(t, p.token, form).ok()
		})
	}
	h, o := newHouse(t), olders["IntegrationCloud"]
	form := o.redemption(h, o.code(t, h, nil)) // without a challenge
	form.Del("redirect_uri")
	h.ask(t, o.token, form).says(said{http.StatusBadRequest, "redirect_uri is missing"})
	form.Set("redirect_uri", "")
	h.ask(t, o.token, form).says(said{http.StatusBadRequest, "redirect_uri is missing"})
	form.Set("redirect_uri", o.callback)
	h.ask(t, o.token, form).ok()
}

func TestN143AScopeBeyondWhatWasApprovedBurnsNoCode(t *testing.T) {
	for name, p := range bearerProfiles() {
		if !p.scoped {
			continue
		}
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			form := p.redeemBound(h, p.code(t, h, withChallenge(url.Values{"scope": {"photos.read"}})))
			for _, scope := range []string{"photos.read offline_access", "openid", "photos.read\nphotos.write"} {
				form.Set("scope", scope)
				h.ask(t, p.token, form).says(said{http.StatusBadRequest, `"invalid_scope"`})
			}
			form.Set("scope", "photos.read") // the same list again
			h.ask(t, p.token, form).ok()
		})
	}
}

// Libraries try one way to authenticate after the other: a refusal costs the code nothing, and no
// password of anybody.
func TestN145ARefusedClientAuthenticationBurnsNoCodeAndIsNoGuess(t *testing.T) {
	for name, p := range bearerProfiles() {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			form := p.redeemBound(h, p.code(t, h, withChallenge(nil)))
			wrong, nobody, both := maps.Clone(form), maps.Clone(form), maps.Clone(form)
			wrong.Set("client_secret", h.Secret(authtest.BookShelf))
			nobody.Set("client_id", "photos.nobody")
			for range 40 { // more than the failed logins that an address or an account has free
				h.ask(t, p.token, wrong).says(p.badClient)
				h.ask(t, p.token, nobody).says(p.badClient)
			}
			basic := &app{h: h, t: t, id: p.client, secret: h.Secret(p.client)}
			if got := h.sendForm(t, p.token, both, basic); got.StatusCode != http.StatusBadRequest {
				t.Errorf("two ways at once: %d %s", got.StatusCode, got.raw)
			}
			h.bob(t)
			h.ask(t, p.token, form).ok()
		})
	}
}

// sendForm posts a form with HTTP Basic besides.
func (h *house) sendForm(t *testing.T, path string, form url.Values, who *app) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(who.id, who.secret)
	return h.send(t, r)
}

// The real detection of golang.org/x/oauth2: HTTP Basic first, then the body.
func TestN145XOAuth2FindsTheWayToAuthenticate(t *testing.T) {
	for _, name := range []string{"OAuth2", "IntegrationCloud"} {
		p := bearerProfiles()[name]
		for kind, secret := range map[string]func(*house) string{
			"the right secret": func(h *house) string { return h.Secret(p.client) },
			"a wrong secret":   func(h *house) string { return h.Secret(authtest.BookShelf) },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				h := newHouse(t)
				code := p.code(t, h, withChallenge(nil))
				ctx := context.WithValue(t.Context(), oauth2.HTTPClient, h.server.Client())
				config := func(secret string) *oauth2.Config {
					return &oauth2.Config{ClientID: p.client, ClientSecret: secret, RedirectURL: p.callback, Endpoint: oauth2.Endpoint{TokenURL: h.issuer + p.token}}
				}
				token, err := config(secret(h)).Exchange(ctx, code, oauth2.VerifierOption(codeVerifier))
				if kind == "a wrong secret" {
					refused, ok := errors.AsType[*oauth2.RetrieveError](err)
					if !ok || refused.ErrorCode != "invalid_client" {
						t.Fatalf("a wrong secret in both ways: %v, %v", token, err)
					}
					token, err = config(h.Secret(p.client)).Exchange(ctx, code, oauth2.VerifierOption(codeVerifier))
				}
				if err != nil || token.AccessToken == "" {
					t.Fatalf("%+v, %v", token, err)
				}
			})
		}
	}
}

// ConnectionsCloudOAuth2 has no HTTP Basic, so the second way is the one that works.
func TestN145XOAuth2FallsBackToTheBodyWithTheSameCode(t *testing.T) {
	h, o := newHouse(t), olders["ConnectionsCloudOAuth2"]
	code := o.code(t, h, nil)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, h.server.Client())
	config := &oauth2.Config{ClientID: o.client, ClientSecret: h.Secret(o.client), RedirectURL: o.callback, Endpoint: oauth2.Endpoint{TokenURL: h.issuer + o.token}}
	token, err := config.Exchange(ctx, code)
	if err != nil || token.AccessToken == "" {
		t.Fatalf("%+v, %v", token, err)
	}
	reused := h.Audit.Events(authserver.EventProofReused)
	if refused := h.Audit.Events(authserver.EventClientRefused); len(reused) > 0 || slices.ContainsFunc(refused, func(e authserver.Event) bool { return e.ClientID == o.client }) {
		t.Errorf("the audit log says %v and %v", reused, refused)
	}
}
