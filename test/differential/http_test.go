// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// server is the authorization server over TLS. PhotoBook is its client.
type server struct {
	*authtest.Env
	*httptest.Server
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{authtest.New(t), httptest.NewUnstartedServer(nil)}
	s.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) {
		c.SignatureMethods = []string{string(oauth1.HMACSHA1), string(oauth1.HMACSHA256), string(oauth1.Plaintext)}
	})
	site, err := web.New(web.Config{
		Auth: s.Auth, Issuer: "https://" + s.Listener.Addr().String(), Metrics: web.NewMetrics(),
		Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard, Ready: func(*http.Request) error { return nil }, Now: s.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = site.Handler()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// approve has Bob approve a new request token.
func (s *server) approve(t *testing.T) (token *authserver.TemporaryCredentials, verifier string) {
	t.Helper()
	token, err := s.Auth.RequestToken(t.Context(), s.photoBook(), authtest.PhotoBookCallback)
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Auth.BeginSigned(authserver.ProfileOAuth1, token.Token)
	if err != nil {
		t.Fatal(err)
	}
	visitor := s.Visit(t, authtest.Bob, authtest.BobPassword)
	position, err := s.Auth.Next(t.Context(), i, visitor)
	if err != nil {
		t.Fatal(err)
	}
	approval, err := s.Auth.Decide(t.Context(), position, authserver.Decision{Allow: true, Ticket: position.Ticket})
	if err != nil {
		t.Fatal(err)
	}
	return token, approval.Proof
}

func (s *server) photoBook() authserver.Caller {
	client, _ := s.Clients.ByID(authtest.PhotoBook)
	return authserver.Caller{Client: client, CredentialID: client.Credentials[0].ID}
}

// post posts a form, or another body, and returns the status and the answer.
func (s *server) post(t *testing.T, address, contentType, authorization, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", address, err)
		return 0, ""
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		t.Errorf("%s: %v", address, err)
		return 0, ""
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("%s: %v", address, err)
	}
	return res.StatusCode, string(answer)
}

// verify asks as PhotoStorage about a request that it was sent.
func (s *server) verify(t *testing.T, m oauth1.Message) (active bool) {
	t.Helper()
	question := url.Values{"method": {m.Method}, "url": {m.URL}}
	if m.Authorization != "" {
		question.Set("authorization", m.Authorization)
	}
	if m.Form != "" {
		question.Set("body", m.Form)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+oauth1.PathVerify, strings.NewReader(question.Encode()))
	if err != nil {
		t.Error(err)
		return false
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(authtest.PhotoStorage), url.QueryEscape(s.Secret(authtest.PhotoStorage)))
	res, err := s.Client().Do(r)
	if err != nil {
		t.Error(err)
		return false
	}
	defer res.Body.Close()
	var answer struct {
		Active bool   `json:"active"`
		Client string `json:"client_id"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK || answer.Active && answer.Client != authtest.PhotoBook {
		t.Errorf("verification answers %s %+v: %v", res.Status, answer, err)
	}
	return answer.Active
}

// generated makes a request of PhotoBook from a generated one. It reports false where no signer can
// sign it, and where the profile takes no such request: PLAINTEXT with a secret in the query.
func (s *server) generated(n int, change func(r *request)) (request, bool) {
	r := generate(n)
	r.ConsumerKey, r.ConsumerSecret = authtest.PhotoBook, s.Secret(authtest.PhotoBook)
	r.Timestamp = strconv.FormatInt(s.Clock.Now().Unix(), 10)
	change(&r)
	inQuery := r.Place == oauth1.InQuery || slices.ContainsFunc(r.query, func(f field) bool { return f.name == oauth1.ParamVerifier })
	able := slices.ContainsFunc(signers, func(s signer) bool { return differenceOf(s, &r) == nil })
	return r, able && (r.SignatureMethod != oauth1.Plaintext || !inQuery)
}

func TestN155ForeignSignaturesAreVerifiedForAnAPI(t *testing.T) {
	s := newServer(t)
	asked, verifier := s.approve(t)
	access, err := s.Auth.Exchange(t.Context(), s.photoBook(), asked.Token, verifier)
	if err != nil {
		t.Fatal(err)
	}
	var requests []request
	for n := range 900 {
		r, ok := s.generated(n, func(r *request) {
			r.Token, r.TokenSecret, r.Callback, r.Verifier = access.AccessToken, access.TokenSecret, "", ""
		})
		if ok {
			requests = append(requests, r)
		}
	}
	if len(requests) < 250 {
		t.Fatalf("only %d requests can be signed", len(requests))
	}
	signAll(t, requests, 0, func(by signer, r *request, a answer) {
		m, err := r.signed(a)
		changed := m
		if changeProtocol(oauth1.ParamSignature)(generator{}, &changed); err != nil || s.verify(t, changed) {
			t.Errorf("%s: a changed signature is accepted: %v\n%+v", by.name, err, *r)
		}
		if !s.verify(t, m) {
			t.Errorf("%s: refused\n%+v\n%q", by.name, *r, printed(m))
		}
		if again := s.verify(t, m); again != (r.SignatureMethod == oauth1.Plaintext) { // which has no nonce
			t.Errorf("%s: sent twice, it is accepted: %v\n%+v", by.name, again, *r)
		}
	})
}

func TestN155ForeignSignaturesAreVerifiedAtTheTokenAddresses(t *testing.T) {
	s := newServer(t)
	var requests []request
	for n := range 400 {
		r, ok := s.generated(n, func(r *request) {
			r.Method, r.URL = http.MethodPost, s.URL+oauth1.PathRequestToken
			r.Callback, r.Verifier, r.Token, r.TokenSecret = authtest.PhotoBookCallback, "", "", ""
			if n%8 == 0 {
				token, verifier := s.approve(t)
				r.URL = s.URL + oauth1.PathAccessToken
				r.Callback, r.Verifier, r.Token, r.TokenSecret = "", verifier, token.Token, token.Secret
			}
			r.placeApart(n)
		})
		if ok {
			requests = append(requests, r)
		}
	}
	if len(requests) < 250 {
		t.Fatalf("only %d requests can be signed", len(requests))
	}
	signAll(t, requests, 0, func(by signer, r *request, a answer) {
		m, err := r.signed(a)
		changed := m
		if !changeProtocol(oauth1.ParamSignature)(generator{}, &changed) || err != nil {
			t.Errorf("%s: no signature: %v\n%+v", by.name, err, *r)
		}
		body := a.Body
		if r.Form {
			body = changed.Form
		}
		if status, text := s.post(t, changed.URL, r.ContentType, changed.Authorization, body); status != http.StatusUnauthorized {
			t.Errorf("%s: a changed signature is answered with %d %s\n%+v", by.name, status, text, *r)
		}
		if status, text := s.post(t, m.URL, r.ContentType, m.Authorization, a.Body); status != http.StatusOK || !strings.Contains(text, "oauth_token_secret=") {
			t.Errorf("%s: %d %s\n%+v\n%q", by.name, status, text, *r, printed(m))
		}
	})
}

// placeApart puts the generated fields back, and of each third request the callback or the
// verifier among them: into the form, or without one into the query.
func (r *request) placeApart(n int) {
	name, value := oauth1.ParamCallback, &r.Callback
	if r.Verifier != "" {
		name, value = oauth1.ParamVerifier, &r.Verifier
	}
	isProtocol := func(f field) bool { return strings.HasPrefix(f.name, "oauth_") }
	r.query, r.form = slices.DeleteFunc(r.query, isProtocol), slices.DeleteFunc(r.form, isProtocol)
	if n%3 == 0 {
		f := field{name, *value, name + "=" + oauth1.Encode(*value)}
		if r.Form {
			r.form = append(r.form, f)
		} else {
			r.query = append(r.query, f)
		}
		*value = ""
	}
	if r.query != nil {
		r.URL += "?" + texts(r.query)
	}
	if r.Form {
		r.Body = texts(r.form)
	}
}

func texts(fields []field) string {
	var list []string
	for _, f := range fields {
		list = append(list, f.text)
	}
	return strings.Join(list, "&")
}
