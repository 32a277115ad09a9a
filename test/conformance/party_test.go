// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// party is a relying party. It finds the server's endpoints in the discovery document, and checks all that the server says.
type party struct {
	t        *testing.T
	w        *environment
	metadata metadata
	verifier *oidc.IDTokenVerifier

	id, secret, callback string
	// mode is the response mode that it asks for; empty: it asks for none.
	mode string
	// inBody has it send its secret in the body (client_secret_post), and not by Basic.
	inBody bool
}

// metadata is what the modules read of the discovery document.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	Keys          string   `json:"jwks_uri"`
	EndSession    string   `json:"end_session_endpoint"`
	Levels        []string `json:"acr_values_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	Scopes        []string `json:"scopes_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
}

// party returns a registered client as a relying party.
func (w *environment) party(t *testing.T, name, mode string) *party {
	t.Helper()
	p := &party{t: t, w: w, callback: callbackOf(name), mode: mode}
	p.id, p.secret = w.secretOf(t, name)
	ctx := oidc.ClientContext(t.Context(), w.client())
	provider, err := oidc.NewProvider(ctx, w.issuer)
	if err != nil {
		t.Fatalf("discover the provider: %v", err)
	}
	if err := provider.Claims(&p.metadata); err != nil {
		t.Fatal(err)
	}
	p.verifier = provider.VerifierContext(ctx, &oidc.Config{ClientID: p.id, SupportedSigningAlgs: []string{oidc.RS256}, Now: w.now})
	return p
}

// request returns an authorization request for openid with a state and a nonce, changed: an empty list takes a parameter out.
func (p *party) request(changes url.Values) url.Values {
	query := url.Values{
		"response_type": {"code"}, "client_id": {p.id}, "redirect_uri": {p.callback}, "scope": {"openid"},
		"state": {rand.Text()}, "nonce": {rand.Text()},
	}
	if p.mode != "" {
		query.Set("response_mode", p.mode)
	}
	maps.Copy(query, changes)
	maps.DeleteFunc(query, func(_ string, values []string) bool { return len(values) == 0 })
	return query
}

// ask sends a person to the server with a request and returns what came back with them. The test fails where they do not come back.
func (p *party) ask(by *person, request url.Values) url.Values {
	p.t.Helper()
	return p.back(by, request, by.open(p.metadata.Authorization+"?"+request.Encode(), nil, ""))
}

// back follows an answer to the authorization request back to the callback.
func (p *party) back(by *person, request url.Values, shown *page) url.Values {
	p.t.Helper()
	address, brought := by.follow(shown)
	if address != p.callback {
		p.t.Fatalf("the request ends at %q with %d: %s", address, by.shown.status, by.shown.text())
	}
	if form := by.shown.status == http.StatusOK; form != (p.mode == "form_post") {
		p.t.Fatalf("the response mode is %q, and the browser comes back by a form: %t", p.mode, form)
	}
	if got, want := brought.Get("state"), request.Get("state"); got != want {
		p.t.Errorf("the state is %q, and was %q", got, want)
	}
	if got := brought.Get("iss"); got != p.w.issuer { // RFC 9207 §2.4
		p.t.Errorf("the issuer of the response is %q", got)
	}
	return brought
}

// refusal sends a person with a request that is to come back with an error.
func (p *party) refusal(by *person, request url.Values, codes ...string) {
	p.t.Helper()
	brought := p.ask(by, request)
	if brought.Has("code") {
		p.t.Fatalf("the response has a code: %v", brought)
	}
	for _, code := range codes {
		if brought.Get("error") == code {
			return
		}
	}
	p.t.Errorf("the error is %q, want one of %v", brought.Get("error"), codes)
}

// answer is what an endpoint answers.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a *answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// send sends a request and reads a JSON answer.
func (p *party) send(r *http.Request) *answer {
	p.t.Helper()
	res, err := p.w.client().Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		p.t.Fatal(err)
	}
	a := &answer{status: res.StatusCode, header: res.Header, raw: string(text)}
	if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		p.t.Errorf("%s %s answers %s", r.Method, r.URL.Path, kind)
	} else if err := json.Unmarshal(text, &a.body); err != nil {
		p.t.Errorf("%s %s answers %q: %v", r.Method, r.URL.Path, text, err)
	}
	return a
}

// token sends a form to the token endpoint, with the client's secret.
func (p *party) token(fields url.Values) *answer {
	p.t.Helper()
	fields = maps.Clone(fields)
	if p.inBody {
		fields.Set("client_id", p.id)
		fields.Set("client_secret", p.secret)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.metadata.Token, strings.NewReader(fields.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !p.inBody {
		r.SetBasicAuth(url.QueryEscape(p.id), url.QueryEscape(p.secret))
	}
	a := p.send(r)
	if a.header.Get("Cache-Control") != "no-store" { // RFC 6749 §5.1
		p.t.Errorf("the answer of the token endpoint may be kept: %q", a.header.Get("Cache-Control"))
	}
	return a
}

// redeem redeems a code. more are further fields, such as the code verifier.
func (p *party) redeem(code string, more url.Values) *answer {
	p.t.Helper()
	fields := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {p.callback}}
	maps.Copy(fields, more)
	return p.token(fields)
}

// refused fails the test unless a token was refused with the error (RFC 6749 §5.2).
func (p *party) refused(a *answer, code string) {
	p.t.Helper()
	if a.status != http.StatusBadRequest || a.text("error") != code || a.body["access_token"] != nil {
		p.t.Errorf("the answer is %d %s, want 400 %s", a.status, a.raw, code)
	}
	if !regexp.MustCompile(`^[ !#-\[\]-~]*$`).MatchString(a.text("error_description")) {
		p.t.Errorf("the description holds characters that it may not: %q", a.text("error_description"))
	}
}

// tokens is a checked answer of the token endpoint.
type tokens struct {
	access, id, refresh string
	claims              map[string]any // of the ID token
}

func (t *tokens) authTime() time.Time {
	seconds, _ := t.claims["auth_time"].(float64)
	return time.Unix(int64(seconds), 0)
}

// opaque is what may stand in a token that goes into a header (RFC 6750 §2.1).
var opaque = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// checked checks a successful answer of the token endpoint, and the ID token in it.
func (p *party) checked(a *answer, nonce string) *tokens {
	p.t.Helper()
	if a.status != http.StatusOK {
		p.t.Fatalf("the token endpoint answers %d %s", a.status, a.raw)
	}
	got := &tokens{access: a.text("access_token"), id: a.text("id_token"), refresh: a.text("refresh_token")}
	if !strings.EqualFold(a.text("token_type"), "Bearer") || !opaque.MatchString(got.access) {
		p.t.Errorf("the access token is %q, a %q", got.access, a.text("token_type"))
	}
	if lifetime, _ := a.body["expires_in"].(float64); lifetime <= 0 {
		p.t.Errorf("the access token is valid for %v", a.body["expires_in"])
	}
	for name, token := range map[string]string{"access": got.access, "refresh": got.refresh} {
		if token != "" && entropy(token) < 96 {
			p.t.Errorf("the %s token has %.0f bits", name, entropy(token))
		}
	}
	got.claims = p.verified(got.id, got.access, nonce)
	return got
}

// entropy is Shannon's, of the characters of a text: what the suite asks of tokens.
func entropy(text string) float64 {
	count := map[rune]float64{}
	for _, c := range text {
		count[c]++
	}
	var bits float64
	for _, n := range count {
		bits -= n / float64(len(text)) * math.Log2(n/float64(len(text)))
	}
	return bits * float64(len(text))
}

// verified checks an ID token (OpenID Connect Core §3.1.3.7) and returns its claims.
func (p *party) verified(text, access, nonce string) map[string]any {
	p.t.Helper()
	token, err := p.verifier.Verify(oidc.ClientContext(p.t.Context(), p.w.client()), text)
	if err != nil {
		p.t.Fatalf("the ID token is refused: %v", err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	now := p.w.now()
	switch {
	case len(token.Audience) != 1 || token.Audience[0] != p.id:
		p.t.Errorf("the ID token is for %v", token.Audience)
	case token.Issuer != p.w.issuer:
		p.t.Errorf("the ID token is of %s", token.Issuer)
	case token.Subject == "" || len(token.Subject) > 255:
		p.t.Errorf("the subject is %q", token.Subject)
	case token.IssuedAt.After(now.Add(5*time.Second)) || token.IssuedAt.Before(now.Add(-5*time.Minute)):
		p.t.Errorf("the ID token was issued at %s; it is %s", token.IssuedAt, now)
	case token.Nonce != nonce:
		p.t.Errorf("the nonce is %q, want %q", token.Nonce, nonce)
	}
	if by, there := claims["azp"]; there && by != p.id {
		p.t.Errorf("the authorized party is %v", by)
	}
	if _, there := claims["at_hash"]; there {
		if err := token.VerifyAccessToken(access); err != nil {
			p.t.Errorf("at_hash: %v", err)
		}
	}
	return claims
}

// header returns the header of a JWT.
func (p *party) header(token string) map[string]any {
	p.t.Helper()
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		p.t.Fatalf("the token is no JWT: %v", err)
	}
	var header map[string]any
	if err := json.Unmarshal(text, &header); err != nil {
		p.t.Fatal(err)
	}
	return header
}

// login sends a person with a request, redeems the code and checks what comes of it.
func (p *party) login(by *person, changes url.Values) *tokens {
	p.t.Helper()
	request := p.request(changes)
	code := p.ask(by, request).Get("code")
	if code == "" {
		p.t.Fatalf("there is no code")
	}
	return p.checked(p.redeem(code, nil), request.Get("nonce"))
}

// refresh uses a refresh token. The answer has no nonce (OpenID Connect Core §12.2).
func (p *party) refresh(token, scope string) *answer {
	p.t.Helper()
	fields := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	if scope != "" {
		fields.Set("scope", scope)
	}
	return p.token(fields)
}

// userInfo asks for the claims of whoever gave the token, and checks whose they are.
func (p *party) userInfo(t *tokens, method string, inBody bool) *answer {
	p.t.Helper()
	a := p.protected(t.access, method, inBody)
	if a.status != http.StatusOK || a.text("sub") != t.claims["sub"] {
		p.t.Fatalf("UserInfo answers %d %s, and the ID token is about %v", a.status, a.raw, t.claims["sub"])
	}
	return a
}

// protected sends an access token to the UserInfo endpoint: in the header, or in the body (RFC 6750 §2).
func (p *party) protected(token, method string, inBody bool) *answer {
	p.t.Helper()
	body := ""
	if inBody {
		body = url.Values{"access_token": {token}}.Encode()
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.metadata.UserInfo, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if inBody {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return p.send(r)
}
