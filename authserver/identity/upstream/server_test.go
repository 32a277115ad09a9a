// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const (
	clientID = "gatehouse"
	secret   = "a secret of the client that stands in no log"
	code     = "a code that stands in no log"
	callback = "https://auth.example.com/login/callback/partner"
)

// server is another server, which does what a test says.
type server struct {
	t      *testing.T
	http   *httptest.Server
	key    *ecdsa.PrivateKey
	secret string // of the client, in its file
	logged bytes.Buffer

	// serve reports whether it has answered; nil: it never does. It is set before the first request.
	serve func(http.ResponseWriter, *http.Request) bool

	mu       sync.Mutex
	metadata map[string]any    // what differs from good metadata
	claims   map[string]any    // of the ID token, beside good ones
	sign     func(any) string  // instead of the key
	token    map[string]any    // what differs from a good answer of the token endpoint
	userInfo map[string]any    // what UserInfo answers
	refused  string            // error of the token endpoint
	served   []url.Values      // forms of the token endpoint
	asked    map[string]string // nonce and challenge of the login
	refresh  string            // the refresh token that is good
}

func newServer(t *testing.T) *server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, key: key, secret: filepath.Join(t.TempDir(), "secret"), asked: map[string]string{}, metadata: map[string]any{},
		claims: map[string]any{}, token: map[string]any{}, userInfo: map[string]any{"sub": "7"}}
	s.http = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.http.Close)
	write(t, s.secret, secret+"\n")
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	if s.serve != nil && s.serve(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	issuer := s.http.URL
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		s.json(w, with(map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/keys",
			"userinfo_endpoint": issuer + "/userinfo", "id_token_signing_alg_values_supported": []string{"none", "HS256", "ES256"},
			"authorization_response_iss_parameter_supported": true,
		}, s.metadata))
	case "/keys":
		s.json(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		s.giveToken(w, r)
	case "/userinfo":
		if r.Header.Get("Authorization") != "Bearer an access token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.json(w, s.userInfo)
	default:
		http.NotFound(w, r)
	}
}

func (s *server) giveToken(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.served = append(s.served, r.PostForm)
	id, password, _ := r.BasicAuth()
	if id == "" {
		id, password = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if password, _ = url.QueryUnescape(password); id != clientID || password != secret && r.PostForm.Get("client_secret") != secret {
		s.refuse(w, "invalid_client")
		return
	}
	if s.refused != "" {
		s.refuse(w, s.refused)
		return
	}
	nonce := s.asked["nonce"]
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if r.PostForm.Get("code") != code || base64.RawURLEncoding.EncodeToString(sum[:]) != s.asked["code_challenge"] || r.PostForm.Get("redirect_uri") != callback {
			s.refuse(w, "invalid_grant")
			return
		}
	case "refresh_token":
		if nonce = ""; r.PostForm.Get("refresh_token") != s.refresh {
			s.refuse(w, "invalid_grant")
			return
		}
	}
	claims := with(map[string]any{
		"iss": s.http.URL, "sub": "7", "aud": clientID, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(), "auth_time": time.Now().Unix(),
		"nonce": nonce, "preferred_username": "carol", "name": "Carol", "email": "carol@partner.example", "email_verified": true, "groups": []string{"staff"},
	}, s.claims)
	token := s.signed(claims)
	if s.sign != nil {
		token = s.sign(claims)
	}
	s.json(w, with(map[string]any{"access_token": "an access token", "token_type": "Bearer", "expires_in": 60, "id_token": token}, s.token))
}

func (s *server) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	s.json(w, map[string]string{"error": code})
}

func (s *server) json(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// with changes a map. Nil takes something out.
func with(good, changes map[string]any) map[string]any {
	out := maps.Clone(good)
	for name, value := range changes {
		if out[name] = value; value == nil {
			delete(out, name)
		}
	}
	return out
}

// signed signs with the key of the server.
func (s *server) signed(claims any) string {
	return sign(s.t, jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: s.key, KeyID: "1"}}, claims)
}

func sign(t *testing.T, key jose.SigningKey, claims any) string {
	t.Helper()
	return authtest.JWT(t, key, (&jose.SignerOptions{}).WithType("JWT"), claims)
}

// change changes what the server does.
func (s *server) change(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
}

// authority is a file with the certificate of the server.
func (s *server) authority() string {
	path := filepath.Join(s.t.TempDir(), "ca.crt")
	write(s.t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})))
	return path
}

func (s *server) config() OpenIDConnect {
	prefix := ""
	return OpenIDConnect{Issuer: s.http.URL, Common: Common{
		ClientID: clientID, ClientSecretFile: s.secret, CAFile: s.authority(), Timeout: 5 * time.Second,
		ClaimMappings: ClaimMappings{Username: Mapping{Claim: "preferred_username", Prefix: &prefix}, Groups: Mapping{Claim: "groups"}},
	}}
}

// source returns the people of the server.
func (s *server) source(edits ...func(*OpenIDConnect)) *Source {
	s.t.Helper()
	c := s.config()
	for _, edit := range edits {
		edit(&c)
	}
	source, err := NewOpenIDConnect("partner", c, slog.New(slog.NewTextHandler(&s.logged, nil)))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = source.Close() })
	return source
}

// login walks a login, with changes to what the browser brings back.
func (s *server) login(source *Source, edits ...func(*authserver.UpstreamAnswer)) (authserver.UpstreamLogin, error) {
	s.t.Helper()
	address, err := source.Begin(s.t.Context(), authserver.UpstreamRequest{
		Source: "partner", RedirectURI: callback, State: "a state", Nonce: "a nonce", CodeVerifier: strings.Repeat("v", 43),
	})
	if err != nil {
		return authserver.UpstreamLogin{}, err
	}
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.change(func() {
		for _, name := range []string{"nonce", "code_challenge"} {
			s.asked[name] = u.Query().Get(name)
		}
	})
	a := authserver.UpstreamAnswer{
		Source: "partner", RedirectURI: callback, Code: code, Issuer: s.http.URL, Nonce: "a nonce", CodeVerifier: strings.Repeat("v", 43), BegunAt: time.Now(),
	}
	for _, edit := range edits {
		edit(&a)
	}
	return source.Finish(s.t.Context(), a)
}
