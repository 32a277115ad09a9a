// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

const identityPath = "/manage/oauth/getUserIdentity"

// query returns the protocol parameters of a request as the old SDKs put them into an address.
func (c *signer) query(with pair, changes params) url.Values {
	c.t.Helper()
	all := c.protocol(with.token, changes)
	v := url.Values{"oauth_signature": {c.signature("GET", c.h.issuer, with.secret, all)}}
	for name, value := range all {
		v.Set(name, value)
	}
	return v
}

func (c *signer) secretsInURLUntil(moment time.Time) {
	c.h.Clients.Change(c.id, func(client *authserver.Client) { client.SecretInURLUntil = moment })
}

func TestScrapbookSendsItsParametersInThreeWays(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	app.secretsInURLUntil(h.Clock.Now().Add(time.Hour))
	ways := map[string]func(path string, with pair, changes params) *told{
		"the header of a POST": app.post,
		"the header of a GET": func(path string, with pair, changes params) *told {
			return app.send("GET", path, app.authorization("GET", h.issuer+path, with, changes), nil)
		},
		"the body of a POST": func(path string, with pair, changes params) *told {
			return app.send("POST", path, "", app.query(with, changes))
		},
		"the query of a GET": func(path string, with pair, changes params) *told {
			return app.send("GET", path+"?"+app.query(with, changes).Encode(), "", nil)
		},
		"the query of a POST": func(path string, with pair, changes params) *told {
			return app.send("POST", path+"?"+app.query(with, changes).Encode(), "", nil)
		},
	}
	for name, ask := range ways {
		t.Run(name, func(t *testing.T) {
			request := ask(app.requestPath, pair{}, params{"oauth_callback": app.callback}).credentials()
			verifier := app.allowedBy(h.bob(t), request)
			token := ask(app.accessPath, request, params{"oauth_verifier": verifier}).credentials()
			if !app.works(token) {
				t.Error("the token does not work")
			}
		})
	}
}

func TestSecretsInAnAddressAreForATimeAndForThoseWhoMay(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	ask := func(c *signer) *told {
		return c.send("GET", c.requestPath+"?"+c.query(pair{}, params{"oauth_callback": c.callback}).Encode(), "", nil)
	}
	closed := func() {
		t.Helper()
		if got := ask(app).wants(http.StatusBadRequest); got.raw != "oauth_invalid_parameters: oauth_signature" {
			t.Errorf("closed: %s", got.raw)
		}
	}
	closed()
	app.secretsInURLUntil(h.Clock.Now().Add(time.Minute))
	ask(app).credentials()
	h.Clock.Advance(time.Minute)
	closed()
	wrong := *app // who is nobody does not learn what is open to whom
	wrong.secret = "wrong"
	app.refused(ask(&wrong), "signature_invalid")
	if refused := h.Audit.Events(authserver.EventClientRefused); len(refused) == 0 || !strings.Contains(refused[0].Reason, "not open to the client") {
		t.Errorf("the audit log tells %+v", refused)
	}
}

func TestN61WhatScrapbookPutsIntoAddressesIsNeverLogged(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	app.secretsInURLUntil(h.Clock.Now().Add(time.Hour))
	request, token := app.requestToken(), app.tokens()
	verifier := app.allowedBy(h.bob(t), request)
	w := newWitness(t, h)
	ask := func(method, path string, v url.Values) {
		r := httptest.NewRequest(method, path+"?"+v.Encode(), nil)
		r.Header.Set("Referer", h.issuer+path+"?"+v.Encode())
		w.ServeHTTP(httptest.NewRecorder(), r)
	}
	wrong := *app
	wrong.id = "someone"
	for path, queries := range map[string][]url.Values{
		app.requestPath: {app.query(pair{}, params{"oauth_callback": app.callback}), wrong.query(pair{}, params{"oauth_callback": app.callback})},
		app.accessPath:  {app.query(request, params{"oauth_verifier": verifier}), app.query(request, params{"oauth_verifier": "wrong"})},
		identityPath:    {app.query(token, nil)},
	} {
		for _, v := range queries {
			for _, method := range []string{http.MethodPut, http.MethodHead, http.MethodGet, http.MethodPost} {
				ask(method, path, v)
				ask(method, path+"/"+app.secret, v)
			}
		}
	}
	ask("GET", app.authorizePath, url.Values{"oauth_token": {request.token}})
	h.Store.Fail(http.ErrNoLocation)
	ask("POST", app.accessPath, app.query(request, params{"oauth_verifier": verifier}))
	told := w.told(t, h)
	if strings.Count(told, "GET "+app.accessPath) < 2 {
		t.Fatalf("the log lacks requests:\n%s", told)
	}
	for _, secret := range []string{app.secret, request.token, request.secret, token.token, token.secret, verifier, "oauth_signature=", url.QueryEscape(app.callback)} {
		if strings.Contains(told, secret) {
			t.Errorf("somebody who reads the logs learns %q", secret)
		}
	}
}

func TestScrapbookIsReadLeniently(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	request := app.requestToken()
	verifier := app.allowedBy(h.bob(t), request)
	// The PHP SDK: unescaped values, blanks after some commas; any nonce, any time.
	header := `OAuth oauth_consumer_key="` + app.id + `", oauth_token="` + request.token + `",oauth_signature_method="PLAINTEXT", oauth_signature="` +
		app.secret + `&` + request.secret + `",oauth_timestamp="yesterday", oauth_nonce="once", oauth_version="1.0",  oauth_verifier="` + verifier + `", x="?"`
	app.send("GET", app.accessPath, header, nil).credentials()
	for _, missing := range []string{"oauth_nonce", "oauth_timestamp", "oauth_version"} {
		app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, missing: ""}).credentials()
	}
	for range 2 { // with PLAINTEXT a nonce protects nobody
		app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_nonce": "once", "oauth_timestamp": "1"}).credentials()
	}
}

func TestScrapbookIsAnsweredInMilliseconds(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	got := app.request(app.callback)
	request := got.credentials()
	want := "oauth_token=" + request.token + "&oauth_token_secret=" + request.secret + "&oauth_callback_confirmed=true&issued_on=1780315200000&expires_in=600000"
	if diff := cmp.Diff(want, got.raw); diff != "" {
		t.Error(diff)
	}
	got = app.exchange(request, app.allowedBy(h.bob(t), request))
	token := got.credentials()
	want = "oauth_token=" + token.token + "&oauth_token_secret=" + token.secret + "&issued_on=1780315200000&expires_in=36000000"
	if diff := cmp.Diff(want, got.raw); diff != "" {
		t.Error(diff)
	}
}

func TestADenialTravelsAsTheOldPageSays(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	h.Clients.Change(app.id, func(c *authserver.Client) { c.CallbackURLs = append(c.CallbackURLs, app.callback+"?app=1") })
	bob := h.bob(t)
	for callback, join := range map[string]string{app.callback: "?", app.callback + "?app=1": "&"} {
		token := app.request(callback).credentials().token
		want := callback + join + "oauth_token=" + token + "&oauth_verifier=&oauth_error=oauth_denied"
		bob.consentTo(app.link(bob, token), "deny").wants(http.StatusSeeOther, want)
	}
}

func TestADefaultCallbackThatWasNeverReplacedShowsTheVerifier(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	h.Clients.Change(app.id, func(c *authserver.Client) { c.CallbackURLs = nil })
	bob := h.bob(t)
	for _, callback := range []string{"https://www.example.com/", "http://localhost", "oob"} {
		request := app.request(callback).credentials()
		verifier := bob.consentTo(app.link(bob, request.token), "allow").wants(http.StatusOK, "").verifier()
		app.exchange(request, verifier).credentials()
	}
	h.Clients.Change(app.id, func(c *authserver.Client) { c.OutOfBand = false })
	app.request("https://www.example.com/").wants(http.StatusBadRequest)
	book := h.photoBook(t) // the profile OAuth1 has no such default
	h.Clients.Change(book.id, func(c *authserver.Client) { c.CallbackURLs = nil })
	book.request("https://www.example.com/").problem(http.StatusBadRequest, "parameter_rejected")
}

func TestScrapbookSignsWithPlaintextOnly(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256} {
		other := *app
		other.method = method
		if got := other.request(app.callback).wants(http.StatusBadRequest); got.raw != "oauth_invalid_parameters: oauth_signature_method" {
			t.Errorf("%s: %s", method, got.raw)
		}
	}
	for name, signature := range map[string]string{ // one PHP SDK puts the key after the ampersand
		"the key": app.secret + "&" + app.id, "nothing": app.secret, "the secret twice": app.secret + "&" + app.secret,
	} {
		got := app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_signature": signature})
		if app.refused(got, "signature_invalid"); got.Header.Get("WWW-Authenticate") != `OAuth realm="gatehouse"` {
			t.Errorf("%s: %v", name, got.Header)
		}
	}
}

func TestTheOldEndpointsNameWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	request := app.requestToken()
	for name, tc := range map[string]struct {
		got  *told
		want string
	}{
		"nothing":       {app.send("POST", app.requestPath, "", nil), "oauth_absent_parameters: oauth_consumer_key,oauth_signature_method,oauth_signature,oauth_timestamp,oauth_nonce,oauth_callback"},
		"no callback":   {app.post(app.requestPath, pair{}, nil), "oauth_absent_parameters: oauth_callback"},
		"only a client": {app.send("POST", app.accessPath, `OAuth oauth_consumer_key="x", oauth_signature_method="PLAINTEXT"`, nil), "oauth_absent_parameters: oauth_token,oauth_verifier,oauth_signature"},
		"twice": {app.send("POST", app.accessPath, app.authorization("POST", h.issuer+app.accessPath, request, params{"oauth_verifier": "v"})+
			`, oauth_verifier="w", oauth_token="x"`, nil), "oauth_duplicated_parameters: oauth_token,oauth_verifier"},
		"in two places": {app.send("POST", app.requestPath+"?oauth_x=x", app.authorization("POST", h.issuer+app.requestPath, pair{}, nil), nil), "oauth_invalid_parameters"},
		"a bad header":  {app.send("POST", app.requestPath, `OAuth oauth_consumer_key="x`, nil), "oauth_invalid_parameters"},
		"version 2":     {app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_version": "2.0"}), "oauth_invalid_parameters: oauth_version"},
		"callback":      {app.request("https://evil.example/"), "oauth_invalid_parameters: oauth_callback"},
	} {
		if tc.got.wants(http.StatusBadRequest); tc.got.raw != tc.want || tc.got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s, want %s", name, tc.got.raw, tc.want)
		}
	}
	h.Store.Fail(authserver.ErrUnavailable)
	if got := app.exchange(request, "v").wants(http.StatusServiceUnavailable); got.raw != "oauth_request_failed" || got.Header.Get("Retry-After") == "" {
		t.Errorf("without a store: %s %v", got.raw, got.Header)
	}
}

func TestHEADSpendsNothingAtTheOldPaths(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	request := app.requestToken()
	verifier := app.allowedBy(h.bob(t), request)
	for _, path := range []string{app.requestPath, app.accessPath, identityPath} {
		header := app.authorization("HEAD", h.issuer+path, request, params{"oauth_verifier": verifier})
		if got := app.send("HEAD", path, header, nil).wants(http.StatusMethodNotAllowed); got.Header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: %v", path, got.Header)
		}
	}
	app.exchange(request, verifier).credentials()
}

func TestScrapbookLearnsWhoItsUserIs(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	token, request := app.tokens(), app.requestToken()
	ask := func(method string, with pair) *told {
		return app.send(method, identityPath, app.authorization(method, h.issuer+identityPath, with, nil), nil)
	}
	want := `{"name":"Bob","customerid":"127.0.0.1","subscriberid":"` + authtest.SubjectOf(authtest.Bob) + `","email":"bob@photos.example"}`
	for _, method := range []string{"GET", "POST"} {
		if got := ask(method, token).wants(http.StatusOK); strings.TrimSpace(got.raw) != want || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s", method, got.raw)
		}
	}
	// The header is the only place.
	app.secretsInURLUntil(h.Clock.Now().Add(time.Hour))
	for _, got := range []*told{
		app.send("GET", identityPath+"?"+app.query(token, nil).Encode(), "", nil), app.send("POST", identityPath, "", app.query(token, nil)),
	} {
		if got.StatusCode/100 != 4 {
			t.Errorf("%s opens it: %d", got.Request.URL, got.StatusCode)
		}
	}
	book := h.photoBook(t)
	for name, with := range map[string]pair{
		"a request token": request, "no token": {}, "another token's secret": {token.token, request.secret}, "another profile's token": book.tokens(),
	} {
		if got := ask("GET", with); got.StatusCode/100 != 4 {
			t.Errorf("%s opens it: %s", name, got.raw)
		}
	}
	foreign := book.authorization("GET", h.issuer+identityPath, book.tokens(), nil)
	if got := app.send("GET", identityPath, foreign, nil); got.StatusCode/100 != 4 {
		t.Errorf("a client of another profile gets %s", got.raw)
	}
	for _, wrong := range []string{token.token, token.secret} { // N30: without its signature a token is nothing
		h.identity(t, "Bearer "+wrong).says(said{http.StatusUnauthorized, "oauth_access_token_expired"})
	}
}

func TestWhoMayNotKnowWhoItsUserIsAnyMoreIsToldSo(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*testing.T, *house)
		want string
	}{
		"expired":        {func(_ *testing.T, h *house) { h.Clock.Advance(10 * time.Hour) }, "token_expired"},
		"the owner left": {func(_ *testing.T, h *house) { h.Directory.Remove(authtest.Bob) }, "token_expired"},
		"suspended": {func(_ *testing.T, h *house) {
			h.Clients.Change(authtest.Scrapbook, func(c *authserver.Client) { c.Suspended = true })
		}, "signature_invalid"},
		"revoked": {func(t *testing.T, h *house) {
			h.bob(t).post("/account/revoke", url.Values{"clientID": {authtest.Scrapbook}}).wants(http.StatusSeeOther, "/account")
		}, "token_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			app := h.scrapbook(t)
			token := app.tokens()
			tc.end(t, h)
			app.refused(app.send("GET", identityPath, app.authorization("GET", h.issuer+identityPath, token, nil), nil), tc.want)
		})
	}
}

func TestScrapbooksConsentPageSpeaksAsTheOldOneDid(t *testing.T) {
	h := newHouse(t)
	app, bob := h.scrapbook(t), h.bob(t)
	path := app.link(bob, app.requestToken().token)
	p := bob.get(path).wants(http.StatusOK, "").says("Scrapbook asks for access", "your name and your mail address", "Always grant Scrapbook access and do not show this message", "Allow", "Deny")
	if !p.hasField("always") {
		t.Error("there is no check box")
	}
	h.Clients.Change(app.id, func(c *authserver.Client) { c.Consent = authserver.ConsentPrompt })
	if bob.get(path).hasField("always") {
		t.Error("a client that asks each time offers to be remembered")
	}
}

func TestOlderRequestsOfBothProtocolsMeetInOneResource(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	bearer := olders["ConnectionsCloudOAuth2"].tokens(t, h).fields["access_token"]
	token := app.tokens()
	signed := app.authorization("GET", h.issuer+identityPath, token, nil)
	if a, b := h.identity(t, "Bearer "+bearer).ok(), h.identity(t, signed).ok(); !maps.Equal(a.fields, b.fields) {
		t.Errorf("they are told %s and %s", a.raw, b.raw)
	}
	h.identity(t, strings.Replace(signed, "OAuth", "oauth", 1)).ok()
}
