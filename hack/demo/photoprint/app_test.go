// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStartSendsTheBrowserToGatehouse(t *testing.T) {
	s := newFixture(t)
	sent := s.start(t)
	got := sent.Query()
	if len(got.Get("state")) < 22 || len(got.Get("code_challenge")) != 43 {
		t.Errorf("state %q, code_challenge %q", got.Get("state"), got.Get("code_challenge"))
	}
	got.Del("state")
	got.Del("code_challenge")
	want := url.Values{"response_type": {"code"}, "client_id": {"photos.photoprint"}, "scope": {"photos.read"},
		"redirect_uri": {s.app.callback}, "code_challenge_method": {"S256"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(sent.String(), s.gatehouse.URL+"/oauth2/authorize?") {
		t.Errorf("sent to %s", sent)
	}
}

func TestACodeBecomesPhotos(t *testing.T) {
	s := newFixture(t)
	status, body := s.answer(t, s.start(t), url.Values{"code": {"a-code"}})
	if status != http.StatusOK || !strings.Contains(body, "<li>beach.jpg</li>") || !strings.Contains(body, "Photos of bob") {
		t.Errorf("%d\n%s", status, body)
	}
	want := url.Values{"grant_type": {"authorization_code"}, "code": {"a-code"}, "redirect_uri": {s.app.callback}}
	if diff := cmp.Diff(want, s.tokenForm); diff != "" {
		t.Error(diff)
	}
}

func TestAnAnswerThatDoesNotBelongToThisBrowserIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		name   string
		change url.Values
		title  string
		status int
	}{
		{"another state", url.Values{"state": {"forged"}}, "That was not our question", 400},
		{"no state", url.Values{"state": {""}}, "That was not our question", 400},
		{"another issuer", url.Values{"iss": {"https://evil.example"}}, "That was not our question", 400},
		{"no issuer", url.Values{"iss": {""}}, "That was not our question", 400},
		{"a forged error", url.Values{"state": {"forged"}, "code": {""}, "error": {"access_denied"}},
			"That was not our question", 400},
		{"a refusal", url.Values{"code": {""}, "error": {"access_denied"}}, "No photos, then", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			change := url.Values{"code": {"a-code"}}
			for key, value := range c.change {
				change[key] = value
			}
			status, body := s.answer(t, s.start(t), change)
			if status != c.status || !strings.Contains(body, "<h1>"+c.title+"</h1>") {
				t.Errorf("%d\n%s", status, body)
			}
			if s.tokenForm != nil {
				t.Error("the code was redeemed")
			}
		})
	}
}

func TestAStateIsGoodForOneAnswer(t *testing.T) {
	s := newFixture(t)
	sent := s.start(t)
	s.answer(t, sent, url.Values{"code": {""}, "error": {"access_denied"}})
	if status, body := s.answer(t, sent, url.Values{"code": {"a-code"}}); status != http.StatusBadRequest {
		t.Errorf("%d\n%s", status, body)
	}
}

func TestAnExpiredTokenIsRefreshedOnce(t *testing.T) {
	s := newFixture(t)
	s.expiresIn = 1 // x/oauth2 takes a token that ends within 10 seconds for expired
	s.answer(t, s.start(t), url.Values{"code": {"a-code"}})
	if got := s.tokenForm; got.Get("grant_type") != "refresh_token" || got.Get("refresh_token") != "refresh-1" {
		t.Errorf("sent to the token endpoint: %v", got)
	}
	s.expiresIn = 3600
	s.get(t, "/photos")
	if got := s.tokenForm.Get("refresh_token"); got != "refresh-2" {
		t.Errorf("the token that was replaced last was used again: %q", got)
	}
	s.tokenForm = nil
	if status, _ := s.get(t, "/photos"); status != http.StatusOK || s.tokenForm != nil {
		t.Errorf("%d, sent to the token endpoint: %v", status, s.tokenForm)
	}
}

func TestAnEndedGrantIsToldToThePerson(t *testing.T) {
	s := newFixture(t)
	s.answer(t, s.start(t), url.Values{"code": {"a-code"}})
	s.revoked = true
	if status, body := s.get(t, "/photos"); status != http.StatusForbidden || !strings.Contains(body, "Access has ended") {
		t.Errorf("%d\n%s", status, body)
	}
}

func TestARefusedRefreshIsToldToThePerson(t *testing.T) {
	s := newFixture(t)
	s.expiresIn = 1
	s.answer(t, s.start(t), url.Values{"code": {"a-code"}})
	s.revoked = true
	if status, body := s.get(t, "/photos"); status != http.StatusForbidden || !strings.Contains(body, "Access has ended") {
		t.Errorf("%d\n%s", status, body)
	}
}

func TestWithoutASessionThePhotosLeadHome(t *testing.T) {
	s := newFixture(t)
	if status, body := s.get(t, "/photos"); status != http.StatusOK || !strings.Contains(body, "Print my photos") {
		t.Errorf("%d\n%s", status, body)
	}
}

func TestAMissingSecretIsToldWithoutDetails(t *testing.T) {
	s := newFixture(t)
	s.app.secret = filepath.Join(t.TempDir(), "empty")
	status, body := s.get(t, "/start")
	if status != http.StatusBadGateway || strings.Contains(body, s.app.secret) {
		t.Errorf("%d\n%s", status, body)
	}
}

func TestTheOldestSessionIsForgottenFirst(t *testing.T) {
	var s sessions
	w := httptest.NewRecorder()
	for range maxSessions + 5 {
		s.begin(w)
	}
	if len(s.byID) != maxSessions || len(s.order) != maxSessions {
		t.Errorf("%d sessions, %d in order", len(s.byID), len(s.order))
	}
	first := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/callback", nil)
	first.AddCookie(w.Result().Cookies()[0])
	if _, found := s.answered(first); found {
		t.Error("the oldest session is still there")
	}
}

// fixture is PhotoPrint, a browser, and stand-ins for Gatehouse's token endpoint and for PhotoStorage.
type fixture struct {
	app                *app
	gatehouse, printer *httptest.Server
	browser            *http.Client
	challenge          string
	expiresIn          int        // what the token endpoint says of its tokens
	revoked            bool       // both refuse everything
	tokenForm          url.Values // the last request at the token endpoint, without the code verifier
	tokens             int        // how many were issued
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := &fixture{expiresIn: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", s.token)
	mux.HandleFunc("GET /photos", s.photos)
	s.gatehouse = httptest.NewTLSServer(mux)
	t.Cleanup(s.gatehouse.Close)
	s.app = &app{secret: t.TempDir(), photos: s.gatehouse.URL + "/photos", client: s.gatehouse.Client()}
	s.printer = httptest.NewTLSServer(s.app.routes())
	t.Cleanup(s.printer.Close)
	s.app.callback = s.printer.URL + "/callback"
	for key, value := range map[string]string{
		"client-id": "photos.photoprint", "client-secret": "s+cret", "issuer": s.gatehouse.URL,
		"authorization-endpoint": s.gatehouse.URL + "/oauth2/authorize", "token-endpoint": s.gatehouse.URL + "/oauth2/token",
	} {
		if err := os.WriteFile(filepath.Join(s.app.secret, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.browser = s.printer.Client()
	s.browser.Jar, _ = cookiejar.New(nil)
	s.browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/oauth2/authorize" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return s
}

// start follows the link on PhotoPrint's page and returns where Gatehouse was asked.
func (s *fixture) start(t *testing.T) *url.URL {
	t.Helper()
	res, err := s.browser.Get(s.printer.URL + "/start")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sent, err := res.Location()
	if err != nil {
		t.Fatalf("%s: %v", res.Status, err)
	}
	s.challenge = sent.Query().Get("code_challenge")
	return sent
}

// answer sends the browser back with a right answer to sent, but for change, and returns the page it ends at.
func (s *fixture) answer(t *testing.T, sent *url.URL, change url.Values) (status int, body string) {
	t.Helper()
	answer := url.Values{"state": {sent.Query().Get("state")}, "iss": {s.gatehouse.URL}}
	for key, value := range change {
		answer[key] = value
	}
	return s.get(t, "/callback?"+answer.Encode())
}

func (s *fixture) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	res, err := s.browser.Get(s.printer.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var text strings.Builder
	if err := res.Write(&text); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, text.String()
}

// token is a token endpoint that checks the client's credentials and, for a code, the code verifier.
func (s *fixture) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	right := base64.RawURLEncoding.EncodeToString(verifier[:]) == s.challenge || r.PostForm.Has("refresh_token")
	w.Header().Set("Content-Type", "application/json")
	if s.revoked || !right || id != "photos.photoprint" || secret != "s%2Bcret" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	r.PostForm.Del("code_verifier")
	s.tokenForm = r.PostForm
	s.tokens++
	fmt.Fprintf(w, `{"access_token":"access-%d","refresh_token":"refresh-%d","token_type":"Bearer","expires_in":%d}`,
		s.tokens, s.tokens, s.expiresIn)
}

// photos is a PhotoStorage that takes the token that was issued last.
func (s *fixture) photos(w http.ResponseWriter, r *http.Request) {
	if s.revoked || r.Header.Get("Authorization") != fmt.Sprintf("Bearer access-%d", s.tokens) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, `{"owner":"bob","photos":["beach.jpg"]}`)
}
