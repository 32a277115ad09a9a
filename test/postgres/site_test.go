// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
)

// codeVerifier is PhotoPrint's (RFC 7636).
const codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// site is the real site on a store in PostgreSQL.
type site struct {
	*authtest.Env
	store  store.Store
	server *httptest.Server
}

// newSite opens the store at dsn and serves the site on it.
func newSite(t *testing.T, dsn string) *site {
	t.Helper()
	s := &site{Env: authtest.New(t), store: openStore(t, dsn)}
	s.Env.Store.Store = s.store
	made, err := web.New(web.Config{
		Auth: s.Auth, Issuer: "https://auth.example.com", Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Now: s.Clock.Now,
	})
	check(t, err)
	s.server = httptest.NewServer(made.Handler())
	t.Cleanup(s.server.Close)
	return s
}

// openStore opens the store at dsn until the test ends.
func openStore(t *testing.T, dsn string) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dsn)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// answer is what a client got.
type answer struct {
	status     int
	retryAfter string
	access     string
	refresh    string
	active     bool
	err        string
}

// post sends a form as a client.
func (s *site) post(clientID, path string, form url.Values) (answer, error) {
	r, err := http.NewRequest(http.MethodPost, s.server.URL+path, strings.NewReader(form.Encode())) //nolint:noctx // the test server ends with the test
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(s.Secret(clientID)))
	response, err := s.server.Client().Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	var body struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Error   string `json:"error"`
		Active  bool   `json:"active"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return answer{}, fmt.Errorf("%s: %d %q is no JSON: %w", path, response.StatusCode, raw, err)
	}
	return answer{response.StatusCode, response.Header.Get("Retry-After"), body.Access, body.Refresh, body.Active, body.Error}, nil
}

// refresh sends PhotoPrint's refresh token.
func (s *site) refresh(token string) (answer, error) {
	return s.post(authtest.PhotoPrint, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// introspect asks about a token as PhotoStorage.
func (s *site) introspect(token string) (answer, error) {
	return s.post(authtest.PhotoStorage, "/oauth2/introspect", url.Values{"token": {token}})
}

// allow has Bob give PhotoPrint access, and returns its refresh token.
func (s *site) allow(t *testing.T) string {
	t.Helper()
	challenge := sha256.Sum256([]byte(codeVerifier))
	i, err := s.Auth.Authorize(t.Context(), authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: authtest.PhotoPrint, Callback: authtest.PhotoPrintCallback,
		CodeChallenge: base64.RawURLEncoding.EncodeToString(challenge[:]),
	})
	check(t, err)
	position, err := s.Auth.Next(t.Context(), i, s.Visit(t, authtest.Bob, authtest.BobPassword))
	check(t, err)
	approval, err := s.Auth.Decide(t.Context(), position, authserver.Decision{Allow: true, Ticket: position.Ticket})
	check(t, err)
	got, err := s.post(authtest.PhotoPrint, "/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {approval.Proof},
		"redirect_uri": {authtest.PhotoPrintCallback}, "code_verifier": {codeVerifier}})
	check(t, err)
	if got.status != http.StatusOK {
		t.Fatalf("the code was answered with %+v", got)
	}
	return got.refresh
}

// admin runs a statement as the administrator of the server, in the database of the store.
func admin(t *testing.T, server *postgrestest.Server, statement string, args ...any) {
	t.Helper()
	c := connect(t, server.Admin("postgres"))
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	check(t, err)
	return c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
