// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var carol = authserver.Owner{
	Subject: authserver.SubjectOf("partner", "7"), Source: "partner", SourceID: "7", Name: "carol", DisplayName: "Carol",
	Email: "carol@partner.example", Groups: []string{"staff"},
}

// refusedAs fails the test unless nobody was logged in because of the cause. What the error says is checked for secrets.
func refusedAs(t *testing.T, what string, login authserver.UpstreamLogin, err error, cause error) {
	t.Helper()
	if !errors.Is(err, cause) || login.Owner.Subject != "" {
		t.Errorf("%s: %+v, %v, want %v", what, login.Owner, err, cause)
		return
	}
	text := err.Error()
	if e, ok := errors.AsType[authserver.UpstreamError](err); ok && e.Detail() != nil {
		text += e.Detail().Error()
	}
	for _, hidden := range []string{secret, code, "an access token", url.QueryEscape(secret)} {
		if strings.Contains(text, hidden) {
			t.Errorf("%s: the error holds %q: %s", what, hidden, text)
		}
	}
}

func TestALoginYieldsWhoTheClaimsSay(t *testing.T) {
	s := newServer(t)
	s.token["refresh_token"] = "first"
	login, err := s.login(s.source())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(carol, login.Owner); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if login.RefreshToken != "first" || time.Since(login.AuthenticatedAt) > time.Minute {
		t.Errorf("%+v", login)
	}
}

func TestTheRequestHasStateNonceAndChallenge(t *testing.T) {
	s := newServer(t)
	zero := authserver.Seconds(0)
	source := s.source(func(c *OpenIDConnect) { c.AuthorizationParameters = map[string]string{"access_type": "offline"} })
	address, err := source.Begin(t.Context(), authserver.UpstreamRequest{
		RedirectURI: callback, State: "a state", Nonce: "a nonce", CodeVerifier: strings.Repeat("v", 43), LoginHint: "carol", MaxAge: &zero, SelectAccount: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, s.http.URL+"/authorize?") {
		t.Fatalf("the address is %s: %v", address, err)
	}
	want := url.Values{
		"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile email"}, "state": {"a state"}, "nonce": {"a nonce"},
		"code_challenge": {u.Query().Get("code_challenge")}, "code_challenge_method": {"S256"}, "login_hint": {"carol"}, "max_age": {"0"}, "prompt": {"login"}, "access_type": {"offline"},
	}
	if diff := cmp.Diff(want, u.Query()); diff != "" || len(u.Query().Get("code_challenge")) != 43 {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestN246TheCodeOfAnotherServerIsSentNowhere(t *testing.T) {
	for name, edit := range map[string]func(*authserver.UpstreamAnswer){
		"another issuer":   func(a *authserver.UpstreamAnswer) { a.Issuer = "https://evil.example" },
		"no issuer":        func(a *authserver.UpstreamAnswer) { a.Issuer = "" },
		"a slash too many": func(a *authserver.UpstreamAnswer) { a.Issuer += "/" },
		"no code":          func(a *authserver.UpstreamAnswer) { a.Code = "" },
		"a long code":      func(a *authserver.UpstreamAnswer) { a.Code = strings.Repeat("c", 5000) },
	} {
		s := newServer(t)
		login, err := s.login(s.source(), edit)
		refusedAs(t, name, login, err, authserver.UpstreamAnswerUnfit)
		if len(s.served) != 0 {
			t.Errorf("%s: the token endpoint was asked", name)
		}
	}
	s := newServer(t)
	s.metadata["authorization_response_iss_parameter_supported"] = false
	source := s.source()
	if _, err := s.login(source, func(a *authserver.UpstreamAnswer) { a.Issuer = "" }); err != nil {
		t.Errorf("a server that names no issuer: %v", err)
	}
	login, err := s.login(source, func(a *authserver.UpstreamAnswer) { a.Issuer = "https://evil.example" })
	refusedAs(t, "an issuer that nobody announced", login, err, authserver.UpstreamAnswerUnfit)
}

func TestN248AnotherNonceOrCodeVerifierIsRefused(t *testing.T) {
	for name, edit := range map[string]func(*authserver.UpstreamAnswer){
		"no nonce":          func(a *authserver.UpstreamAnswer) { a.Nonce = "" },
		"another nonce":     func(a *authserver.UpstreamAnswer) { a.Nonce = "the nonce of another login" },
		"another verifier":  func(a *authserver.UpstreamAnswer) { a.CodeVerifier = strings.Repeat("w", 43) },
		"another code":      func(a *authserver.UpstreamAnswer) { a.Code = "another code" },
		"another callback":  func(a *authserver.UpstreamAnswer) { a.RedirectURI += "/x" },
		"an empty verifier": func(a *authserver.UpstreamAnswer) { a.CodeVerifier = "" },
	} {
		s := newServer(t)
		login, err := s.login(s.source(), edit)
		refusedAs(t, name, login, err, authserver.UpstreamAnswerUnfit)
	}
	s := newServer(t)
	s.claims["nonce"] = nil
	login, err := s.login(s.source())
	refusedAs(t, "no nonce in the ID token", login, err, authserver.UpstreamAnswerUnfit)
}

func TestN249AnIDTokenThatProvesNothingIsRefused(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := func(alg string) func(any) string {
		return func(claims any) string {
			payload, _ := json.Marshal(claims)
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
		}
	}
	for name, change := range map[string]func(*server){
		"alg none":            func(s *server) { s.sign = unsigned("none") },
		"alg None":            func(s *server) { s.sign = unsigned("None") },
		"alg ES256, no bytes": func(s *server) { s.sign = unsigned("ES256") },
		"HS256 by the secret": func(s *server) {
			s.sign = func(c any) string { return sign(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(secret)}, c) }
		},
		"another key": func(s *server) {
			s.sign = func(c any) string {
				return sign(t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: other, KeyID: "1"}}, c)
			}
		},
		"another issuer":       func(s *server) { s.claims["iss"] = "https://evil.example" },
		"another audience":     func(s *server) { s.claims["aud"] = "somebody else" },
		"audiences, no azp":    func(s *server) { s.claims["aud"] = []string{clientID, "somebody else"} },
		"azp of somebody else": func(s *server) { s.claims["azp"] = "somebody else" },
		"expired":              func(s *server) { s.claims["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no end":               func(s *server) { s.claims["exp"] = nil },
		"not yet":              func(s *server) { s.claims["nbf"] = time.Now().Add(time.Hour).Unix() },
		"no sub":               func(s *server) { s.claims["sub"] = nil },
		"another access token": func(s *server) { s.claims["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" },
		"no ID token":          func(s *server) { s.token["id_token"] = nil },
		"no JWT":               func(s *server) { s.token["id_token"] = "x" },
		"a number":             func(s *server) { s.token["id_token"] = 1 },
	} {
		s := newServer(t)
		change(s)
		login, err := s.login(s.source())
		refusedAs(t, name, login, err, authserver.UpstreamAnswerUnfit)
	}
	s := newServer(t)
	s.claims["aud"], s.claims["azp"] = []string{clientID, "somebody else"}, clientID
	if _, err := s.login(s.source()); err != nil {
		t.Errorf("with azp: %v", err)
	}
}

func TestN249AServerThatSignsWithNoKeyIsRefused(t *testing.T) {
	s := newServer(t)
	s.metadata["id_token_signing_alg_values_supported"] = []string{"none", "HS256"}
	login, err := s.login(s.source())
	refusedAs(t, "none and HS256", login, err, authserver.ErrUnavailable)
}

func TestN250UserInfoOfSomebodyElseIsRefused(t *testing.T) {
	for _, sub := range []any{"8", nil, 7, ""} {
		s := newServer(t)
		s.userInfo = with(map[string]any{"sub": sub, "groups": []string{"admins"}}, nil)
		login, err := s.login(s.source(func(c *OpenIDConnect) { c.UserInfo = true }))
		refusedAs(t, "sub", login, err, authserver.UpstreamAnswerUnfit)
	}
	s := newServer(t)
	s.userInfo = map[string]any{"sub": "7", "groups": []string{"admins"}, "iss": "x", "aud": "x", "email": "new@partner.example", "email_verified": true}
	login, err := s.login(s.source(func(c *OpenIDConnect) { c.UserInfo = true }))
	if err != nil || !slices.Equal(login.Owner.Groups, []string{"admins"}) || login.Owner.Email != "new@partner.example" {
		t.Errorf("%+v: %v", login.Owner, err)
	}
}

// N251: an address that UserInfo says is not verified by what the ID token says of another one.
func TestN251AnAddressIsVerifiedBySomebodyWhoSaysSo(t *testing.T) {
	s := newServer(t)
	s.userInfo = map[string]any{"sub": "7", "email": "admin@partner.example"}
	source := s.source(func(c *OpenIDConnect) { c.UserInfo = true })
	if login, err := s.login(source); err != nil || login.Owner.Email != "" {
		t.Errorf("an address that nobody verified is taken: %+v: %v", login.Owner, err)
	}
	s.userInfo["email_verified"] = true
	if login, err := s.login(source); err != nil || login.Owner.Email != "admin@partner.example" {
		t.Errorf("a verified address is not taken: %+v: %v", login.Owner, err)
	}
}

func TestN251AMailAddressCountsIfItIsVerified(t *testing.T) {
	byMail := func(c *OpenIDConnect) { c.ClaimMappings.Username = Mapping{Claim: "email"} }
	byExpression := func(c *OpenIDConnect) { c.ClaimMappings.Username = Mapping{Expression: "claims.email"} }
	for _, verified := range []any{false, nil, "true", 1} {
		s := newServer(t)
		s.claims["email_verified"] = verified
		login, err := s.login(s.source())
		if err != nil || login.Owner.Email != "" {
			t.Errorf("email_verified %v: %+v: %v", verified, login.Owner, err)
		}
		for _, edit := range []func(*OpenIDConnect){byMail, byExpression} {
			login, err = s.login(s.source(edit))
			refusedAs(t, "the name", login, err, authserver.UpstreamPersonUnfit)
		}
		login, err = s.login(s.source(byMail, func(c *OpenIDConnect) { c.EmailAlwaysVerified = true }))
		if err != nil || login.Owner.Name != "carol@partner.example" || login.Owner.Email != "carol@partner.example" {
			t.Errorf("with emailAlwaysVerified: %+v: %v", login.Owner, err)
		}
	}
	s := newServer(t)
	if login, err := s.login(s.source(byExpression)); err != nil || login.Owner.Name != "carol@partner.example" {
		t.Errorf("%+v: %v", login.Owner, err)
	}
}

func TestN252MetadataOfAnotherServerIsRefused(t *testing.T) {
	for name, change := range map[string]map[string]any{
		"another issuer":            {"issuer": "https://evil.example"},
		"no issuer":                 {"issuer": nil},
		"a token endpoint in clear": {"token_endpoint": "http://partner.example/token"},
		"keys in clear":             {"jwks_uri": "http://partner.example/keys"},
		"a login in clear":          {"authorization_endpoint": "http://partner.example/authorize"},
		"a script":                  {"authorization_endpoint": "javascript:alert(1)"},
		"no token endpoint":         {"token_endpoint": nil},
	} {
		s := newServer(t)
		s.metadata = change
		source := s.source()
		login, err := s.login(source)
		refusedAs(t, name, login, err, authserver.ErrUnavailable)
		if !source.Down() || len(s.served) != 0 {
			t.Errorf("%s: down is %v, %d tokens", name, source.Down(), len(s.served))
		}
		s.change(func() { s.metadata = nil })
		if _, err := s.login(source); err != nil || source.Down() {
			t.Errorf("%s: after it was set right: %v", name, err)
		}
	}
}

func TestN252ARedirectOfTheServerIsNotFollowed(t *testing.T) {
	s := newServer(t)
	var elsewhere int
	s.serve = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/elsewhere" {
			elsewhere++
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return true
	}
	login, err := s.login(s.source())
	if refusedAs(t, "a redirect", login, err, authserver.ErrUnavailable); elsewhere != 0 {
		t.Error("it was followed")
	}
}

// stall answers nothing until the client goes away.
func stall(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body) // before that, nobody notices that the client has gone
		<-r.Context().Done()
		return true
	}
}

// flood answers without end.
func flood(path string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"a":"`))
		for block := []byte(strings.Repeat("a", 64<<10)); ; {
			if _, err := w.Write(block); err != nil {
				return true
			}
		}
	}
}

func TestN253AServerThatHangsOrAnswersWithoutEndTakesOnlyItsOwnPeopleOut(t *testing.T) {
	for name, misbehave := range map[string]func(string) func(http.ResponseWriter, *http.Request) bool{"hangs": stall, "floods": flood} {
		for _, path := range []string{"/.well-known/openid-configuration", "/token", "/keys", "/userinfo"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				s.serve = misbehave(path)
				source := s.source(func(c *OpenIDConnect) { c.UserInfo, c.Timeout = true, time.Second })
				login, err := s.login(source)
				refusedAs(t, name, login, err, authserver.ErrUnavailable)
				if !source.Down() {
					t.Error("nobody is told that the source is down")
				}
			})
		}
	}
}

func TestN253WhoGoesAwayDoesNotTakeTheSourceDown(t *testing.T) {
	s := newServer(t)
	source := s.source(func(c *OpenIDConnect) { c.Timeout = 5 * time.Second })
	ctx, cancel := context.WithCancel(t.Context())
	s.serve = func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	if _, err := source.Begin(ctx, authserver.UpstreamRequest{RedirectURI: callback}); err == nil {
		t.Fatal("the login began")
	}
	if source.Down() {
		t.Error("the source is down")
	}
}

func TestN258AnOldLoginIsRefusedWhereANewOneWasAskedFor(t *testing.T) {
	zero, hour := authserver.Seconds(0), authserver.Seconds(3600)
	for _, c := range []struct {
		age      *authserver.Seconds
		loggedIn any
		good     bool
	}{
		{&zero, time.Now().Unix(), true}, {&zero, time.Now().Add(-10 * time.Minute).Unix(), false}, {&zero, nil, false}, {&zero, "now", false},
		{&hour, time.Now().Add(-10 * time.Minute).Unix(), true}, {&hour, time.Now().Add(-2 * time.Hour).Unix(), false}, {nil, nil, true},
	} {
		s := newServer(t)
		s.claims["auth_time"] = c.loggedIn
		login, err := s.login(s.source(), func(a *authserver.UpstreamAnswer) { a.MaxAge = c.age })
		if !c.good {
			refusedAs(t, "max_age", login, err, authserver.UpstreamLoginOld)
		} else if err != nil {
			t.Errorf("max_age %v, auth_time %v: %v", c.age, c.loggedIn, err)
		}
	}
}

func TestN259ASecretThatChangesIsReadAnewAndStandsNowhere(t *testing.T) {
	s := newServer(t)
	source := s.source()
	write(t, s.secret, "an old secret")
	login, err := s.login(source)
	if refusedAs(t, "an old secret", login, err, authserver.ErrUnavailable); !source.Down() {
		t.Error("nobody is told that the source does not take the client")
	}
	write(t, s.secret, secret)
	if _, err := s.login(source); err != nil || source.Down() {
		t.Errorf("with the new secret: %v", err)
	}
	write(t, s.secret, "")
	login, err = s.login(source)
	refusedAs(t, "no secret", login, err, authserver.ErrUnavailable)
	for _, hidden := range []string{secret, "an old secret", code, "an access token"} {
		if strings.Contains(s.logged.String(), hidden) {
			t.Errorf("the log holds %q: %s", hidden, s.logged.String())
		}
	}
}

func TestAnotherAuthorityIsReadAnew(t *testing.T) {
	s := newServer(t)
	config := s.config()
	pem := config.CAFile
	good, err := os.ReadFile(pem)
	if err != nil {
		t.Fatal(err)
	}
	write(t, pem, "no certificate")
	source := s.source(func(c *OpenIDConnect) { c.CAFile = pem })
	login, err := s.login(source)
	refusedAs(t, "no certificate", login, err, authserver.ErrUnavailable)
	write(t, pem, string(good))
	if _, err := s.login(source); err != nil {
		t.Errorf("with the right authority: %v", err)
	}
}
