// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// hotRequests are the requests that a busy server answers all day, with the number of allocations
// that one of them may cost from the handler's begin to its end, audit line and access log
// included. The store answers from memory without an allocation, so that what is counted is the
// work above it. A change that lowers a number lowers it here too.
var hotRequests = []struct {
	name        string
	request     func(testing.TB, *hotSite) *hotRequest
	status      int
	allocations float64
}{
	{"client credentials", clientCredentials, http.StatusOK, 20},
	{"introspection", introspection, http.StatusOK, 17},
	{"refresh", refreshRequest, http.StatusOK, 21},
	{"OAuth 1.0a verification", verification, http.StatusOK, 84},
	{"authorize", authorizeRequest, http.StatusSeeOther, 47},
}

func TestARequestAllocatesNoMoreThanItsBound(t *testing.T) {
	for _, row := range hotRequests {
		t.Run(row.name, func(t *testing.T) {
			h := newHotSite(t)
			r := row.request(t, h)
			if status := h.serve(r); status != row.status {
				t.Fatalf("status %d, want %d: %s", status, row.status, h.answer.body)
			}
			got := testing.AllocsPerRun(200, func() { h.serve(r) })
			if bound := row.allocations + raceAllocations; got > bound {
				t.Errorf("%.0f allocations, want at most %.0f", got, bound)
			}
		})
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, row := range hotRequests {
		b.Run(row.name, func(b *testing.B) {
			h := newHotSite(b)
			r := row.request(b, h)
			b.ReportAllocs()
			for b.Loop() {
				h.serve(r)
			}
		})
	}
}

// hotSite is a whole handler, as a server has it, over a store that only remembers one grant.
type hotSite struct {
	*authtest.Env
	handler http.Handler
	answer  *reusedWriter
}

func newHotSite(t testing.TB) *hotSite {
	t.Helper()
	env := authtest.New(t)
	log, metrics := slog.New(slog.NewJSONHandler(io.Discard, nil)), web.NewMetrics()
	h := &hotSite{Env: env, answer: &reusedWriter{header: http.Header{}}}
	auth, err := authserver.New(authserver.Config{
		Clients: env.Clients, Directory: env.Directory, Entitlement: env.Entitlement, Now: env.Clock.Now,
		Store: &oneGrant{Store: env.Store}, Auditor: web.NewAuditor(io.Discard, log, metrics, env.Clock.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	auth.UseKeys(env.Keys())
	site, err := web.New(web.Config{
		Auth: auth, Issuer: "https://auth.example.com", Log: log, AccessLog: io.Discard, Metrics: metrics, Now: env.Clock.Now,
		Ready: func(*http.Request) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	env.Auth, h.handler = auth, site.Handler()
	return h
}

// hotRequest is a request that is served again and again.
type hotRequest struct {
	*http.Request
	body   string
	reader *strings.Reader
}

func (h *hotSite) post(clientID, path string, form url.Values) *hotRequest {
	r := httptest.NewRequest(http.MethodPost, path, nil)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "photoprint/1.0")
	r.SetBasicAuth(clientID, h.Secret(clientID))
	body := form.Encode()
	r.ContentLength = int64(len(body))
	return &hotRequest{Request: r, body: body, reader: strings.NewReader("")}
}

func (h *hotSite) serve(r *hotRequest) int {
	if r.reader != nil {
		r.reader.Reset(r.body)
		r.Body = io.NopCloser(r.reader)
	}
	h.answer.reset()
	h.handler.ServeHTTP(h.answer, r.Request)
	return h.answer.status
}

// reusedWriter takes answers without an allocation of its own.
type reusedWriter struct {
	header http.Header
	status int
	body   []byte
}

func (w *reusedWriter) reset()              { clear(w.header); w.status, w.body = 0, w.body[:0] }
func (w *reusedWriter) Header() http.Header { return w.header }

func (w *reusedWriter) WriteHeader(status int) { w.status = status }

func (w *reusedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.body = append(w.body, b...)
	return len(b), nil
}

// oneGrant answers from memory what a token asks for, from the grant that was read first. A
// generation is never used up, and no nonce either, so that one request can be sent again and again.
type oneGrant struct {
	authserver.Store
	grant  authserver.Grant
	person authserver.Person
}

func (s *oneGrant) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	if s.grant.ID == id {
		return s.grant, s.person, nil
	}
	var err error
	s.grant, s.person, err = s.Store.OwnedGrant(ctx, id)
	return s.grant, s.person, err
}

func (s *oneGrant) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	g, p, err := s.OwnedGrant(ctx, r.GrantID)
	g.Generation, g.RotatedAt = r.Generation+1, now
	return g, p, err
}

func (*oneGrant) Spend(context.Context, authserver.Hash, time.Time, time.Time) error { return nil }

func clientCredentials(_ testing.TB, h *hotSite) *hotRequest {
	return h.post(authtest.PhotoReport, oauth2.PathToken, url.Values{"grant_type": {"client_credentials"}, "scope": {"photos.read"}})
}

func introspection(t testing.TB, h *hotSite) *hotRequest {
	return h.post(authtest.PhotoStorage, oauth2.PathIntrospect, url.Values{"token": {h.allow(t).AccessToken}})
}

func refreshRequest(t testing.TB, h *hotSite) *hotRequest {
	return h.post(authtest.PhotoPrint, oauth2.PathToken, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {h.allow(t).RefreshToken}})
}

const (
	hotCodeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	hotResource     = "https://photos.example/photos"
)

func hotChallenge() string {
	sum := sha256.Sum256([]byte(hotCodeVerifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizeRequest(_ testing.TB, _ *hotSite) *hotRequest {
	query := url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback},
		"scope": {"photos.read"}, "state": {"af0ifjsldkj"}, "code_challenge": {hotChallenge()}, "code_challenge_method": {"S256"},
	}
	r := httptest.NewRequest(http.MethodGet, oauth2.PathAuthorize+"?"+query.Encode(), nil)
	r.Header.Set("User-Agent", "Mozilla/5.0")
	return &hotRequest{Request: r}
}

// allow walks Bob through the engine and returns PhotoPrint's tokens.
func (h *hotSite) allow(t testing.TB) *authserver.Tokens {
	t.Helper()
	i, err := h.Auth.Authorize(t.Context(), authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: authtest.PhotoPrint, Callback: authtest.PhotoPrintCallback, CodeChallenge: hotChallenge(),
	})
	if err != nil {
		t.Fatal(err)
	}
	a := h.decide(t, i)
	tokens, err := h.Auth.Token(t.Context(), h.caller(authtest.PhotoPrint), authserver.TokenRequest{
		GrantType: authserver.GrantAuthorizationCode, Proof: a.Proof, Callback: authtest.PhotoPrintCallback, CodeVerifier: hotCodeVerifier,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func (h *hotSite) decide(t testing.TB, i authserver.Interaction) *authserver.Approval {
	t.Helper()
	p, err := h.Auth.Next(t.Context(), i, h.Visit(t, authtest.Bob, authtest.BobPassword))
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Auth.Decide(t.Context(), p, authserver.Decision{Allow: true, Ticket: p.Ticket})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *hotSite) caller(id string) authserver.Caller {
	client, _ := h.Clients.ByID(id)
	return authserver.Caller{Client: client, CredentialID: client.Credentials[0].ID}
}

func verification(t testing.TB, h *hotSite) *hotRequest {
	t.Helper()
	caller := h.caller(authtest.PhotoBook)
	asked, err := h.Auth.RequestToken(t.Context(), caller, authtest.PhotoBookCallback)
	if err != nil {
		t.Fatal(err)
	}
	i, err := h.Auth.BeginSigned(authserver.ProfileOAuth1, asked.Token)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := h.Auth.Exchange(t.Context(), caller, asked.Token, h.decide(t, i).Proof)
	if err != nil {
		t.Fatal(err)
	}
	params := []oauth1.Param{
		{Name: oauth1.ParamConsumerKey, Value: authtest.PhotoBook}, {Name: oauth1.ParamToken, Value: tokens.AccessToken},
		{Name: oauth1.ParamSignatureMethod, Value: string(oauth1.HMACSHA256)},
		{Name: oauth1.ParamTimestamp, Value: strconv.FormatInt(h.Clock.Now().Unix(), 10)}, {Name: oauth1.ParamNonce, Value: "kllo9940pd9333jh"},
	}
	text, err := oauth1.BaseString("GET", hotResource, params)
	if err != nil {
		t.Fatal(err)
	}
	signature := oauth1.Sign(oauth1.HMACSHA256, text, h.Secret(authtest.PhotoBook), tokens.TokenSecret)
	return h.post(authtest.PhotoStorage, oauth1.PathVerify, url.Values{
		"method": {"GET"}, "url": {hotResource},
		"authorization": {oauth1.Authorization("", append(params, oauth1.Param{Name: oauth1.ParamSignature, Value: signature}))},
	})
}
