// SPDX-License-Identifier: Apache-2.0

package resourceserver_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

const (
	bobs    = `{"active":true,"scope":"openid photos.read","client_id":"photos.photoprint","token_type":"Bearer","username":"bob","sub":"mzxw6ytboi2tkmrzgq3tomrqgq","exp":1780000000}`
	jobs    = `{"active":true,"scope":"photos.read","client_id":"photos.job","token_type":"bearer","sub":"client:photos.job"}`
	other   = `{"active":true,"scope":"photos.readonly","client_id":"photos.photoprint","token_type":"Bearer","username":"bob","sub":"mzxw6ytboi2tkmrzgq3tomrqgq"}`
	refresh = `{"active":true,"scope":"photos.read","client_id":"photos.photoprint","username":"bob","sub":"mzxw6ytboi2tkmrzgq3tomrqgq"}`
	dead    = `{"active":false}`

	signature = `OAuth oauth_consumer_key="photos.photobook",oauth_signature="c2lnbg%3D%3D"`
)

func TestWhoMayPassAndWhatTheOthersAreTold(t *testing.T) {
	const (
		bearerOnly = `Bearer realm="PhotoStorage"`
		invalid    = `Bearer realm="PhotoStorage", error="invalid_token", error_description="the access token is not valid, or no longer"`
		bad        = `Bearer realm="PhotoStorage", error="invalid_request", error_description="the access token is malformed"`
		narrow     = `Bearer realm="PhotoStorage", error="insufficient_scope", ` +
			`error_description="the access token does not have the scope that is needed", scope="photos.read"`
		noOwner = `Bearer realm="PhotoStorage", error="insufficient_scope", ` +
			`error_description="the access token was not given by a person, and this is for persons", scope="photos.read"`
		oauth   = `OAuth realm="PhotoStorage"`
		bobBody = "bob photos.photoprint [openid photos.read] 1780000000"
	)
	for _, c := range []struct {
		name, authorization, says string
		status                    int
		challenges                []string
		body                      string
	}{
		{"a bearer token with the scope", "Bearer gha_1", bobs, 200, nil, bobBody},
		{"the scheme in lower case", "bearer  gha_1", bobs, 200, nil, bobBody},
		{"N94: a token that no person gave", "Bearer gha_2", jobs, 403, []string{noOwner, oauth},
			"The access token was not given by a person, and this is for persons."},
		{"a signed request", signature, bobs, 200, nil, bobBody},
		{"the signed scheme in upper case", "OAUTH" + signature[5:], bobs, 200, nil, bobBody},
		{"no token", "", bobs, 401, []string{bearerOnly, oauth}, "An access token is required."},
		{"a password", "Basic Ym9iOmJvYg==", bobs, 401, []string{bearerOnly, oauth}, "An access token is required."},
		{"a dead token", "Bearer gha_3", dead, 401, []string{invalid, oauth}, "The access token is not valid, or no longer."},
		{"a refresh token", "Bearer ghr_1", refresh, 401, []string{invalid, oauth}, "The access token is not valid, or no longer."},
		{"an empty token", "Bearer ", bobs, 400, []string{bad, oauth}, "The access token is malformed."},
		{"two tokens", "Bearer gha_1 gha_2", bobs, 400, []string{bad, oauth}, "The access token is malformed."},
		{"a token that is none", "Bearer gha_\u00e4", bobs, 400, []string{bad, oauth}, "The access token is malformed."},
		{"a token with another scope", "Bearer gha_4", other, 403, []string{narrow, oauth},
			"The access token does not have the scope that is needed."},
		{"a bad signature", signature, dead, 401, []string{bearerOnly, oauth},
			"The request is not well signed, was seen before, or its access token is not valid, or no longer."},
		{"a signed request with another scope", signature, other, 403, []string{bearerOnly, oauth},
			"The access token does not have the scope that is needed."},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.says = c.says
			got := s.call(t, http.MethodGet, "/photos", http.Header{"Authorization": {c.authorization}}, "")
			if diff := cmp.Diff([]any{c.status, c.challenges, c.body},
				[]any{got.StatusCode, got.Header["Www-Authenticate"], got.body}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestN94PersonsAndMachinesPassWhereTheyAreMeantTo(t *testing.T) {
	// Eve's client is called like Bob, or like Bob's subject: Gatehouse says what it is.
	const (
		asBob     = `{"active":true,"scope":"photos.read","client_id":"bob","token_type":"Bearer","sub":"client:bob"}`
		asSubject = `{"active":true,"scope":"photos.read","client_id":"mzxw6ytboi2tkmrzgq3tomrqgq","token_type":"Bearer","sub":"client:mzxw6ytboi2tkmrzgq3tomrqgq"}`
		strange   = `{"active":true,"scope":"photos.read","client_id":"x","token_type":"Bearer","sub":"client:x","username":"bob"}`
	)
	for _, c := range []struct {
		name, says string
		want       map[string]string
	}{
		{"a person", bobs, map[string]string{"/": "200 bob mzxw6ytboi2tkmrzgq3tomrqgq", "/client": "403", "/any": "200 bob mzxw6ytboi2tkmrzgq3tomrqgq"}},
		{"a machine", jobs, map[string]string{"/": "403", "/client": "200  ", "/any": "200  "}},
		{"a machine called bob", asBob, map[string]string{"/": "403", "/client": "200  ", "/any": "200  "}},
		{"a machine called like bob's subject", asSubject, map[string]string{"/": "403", "/client": "200  ", "/any": "200  "}},
		{"a machine with a user name", strange, map[string]string{"/": "403", "/client": "200  ", "/any": "200  "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.says = c.says
			who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				caller, _ := resourceserver.CallerFrom(r.Context())
				w.Header().Set("Who", caller.Owner+" "+caller.Subject)
			})
			for path, guarded := range map[string]http.Handler{
				"/": s.guard.Require("photos.read", who), "/client": s.guard.RequireClient("photos.read", who), "/any": s.guard.RequireAny("photos.read", who),
			} {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
				r.Header.Set("Authorization", "Bearer gha_1")
				w := httptest.NewRecorder()
				guarded.ServeHTTP(w, r)
				got := strconv.Itoa(w.Code)
				if w.Code == http.StatusOK {
					got += " " + w.Header().Get("Who")
				}
				if got != c.want[path] {
					t.Errorf("%s: %q, want %q", path, got, c.want[path])
				}
			}
		})
	}
}

func TestGatehouseIsAskedWithWhatTheRequestHolds(t *testing.T) {
	s := newFixture(t)
	s.call(t, http.MethodGet, "/photos", http.Header{"Authorization": {"Bearer gha_1~a+b/c=="}}, "")
	want := question{"/oauth2/introspect", "photos.photostorage", "s%2Bcret", url.Values{"token": {"gha_1~a+b/c=="}}}
	if diff := cmp.Diff([]question{want}, s.asked); diff != "" {
		t.Error(diff)
	}
	s.asked = nil
	s.call(t, http.MethodPut, "/a%2fb/%7Ec;d?file=x+y&z=%20&z", http.Header{
		"Authorization": {signature}, "Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, "caption=a+b&%C3%A4=")
	want = question{"/oauth1/verify", "photos.photostorage", "s%2Bcret", url.Values{
		"method": {"PUT"}, "url": {s.api.URL + "/a%2fb/%7Ec;d?file=x+y&z=%20&z"}, "authorization": {signature}, "body": {"caption=a+b&%C3%A4="}}}
	if diff := cmp.Diff([]question{want}, s.asked); diff != "" {
		t.Error(diff)
	}
}

func TestTheHandlerReadsTheBodyThatWasVerified(t *testing.T) {
	for _, c := range []struct {
		name, authorization, media, body, covered string
	}{
		{"a signed form", signature, "application/x-www-form-urlencoded", "a=1&b=2", "a=1&b=2"},
		{"a form with a broken parameter, which ParseForm reads", signature, "application/x-www-form-urlencoded; =", "a=1", "a=1"},
		{"a signed request with JSON", signature, "application/json", `{"a":1}`, ""},
		{"a signed request without a type", signature, "", "text", ""},
		{"a bearer token with a form", "Bearer gha_1", "application/x-www-form-urlencoded", "a=1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			got := s.call(t, http.MethodPost, "/echo", http.Header{"Authorization": {c.authorization}, "Content-Type": {c.media}}, c.body)
			if got.StatusCode != http.StatusOK || got.body != c.body || s.asked[0].form.Get("body") != c.covered {
				t.Errorf("%d, the handler read %q, Gatehouse was told %q", got.StatusCode, got.body, s.asked[0].form.Get("body"))
			}
		})
	}
}

func TestWhatCannotBeVerifiedIsNotAskedAbout(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name   string
		header http.Header
		body   string
		status int
	}{
		{"two Authorization headers", http.Header{"Authorization": {"Bearer gha_1", signature}}, "", 400},
		{"two Content-Type headers", http.Header{"Authorization": {signature}, "Content-Type": {"text/plain", form}}, "a=1", 400},
		{"a form of more than 64 KiB", http.Header{"Authorization": {signature}, "Content-Type": {form}}, strings.Repeat("a", 64<<10+1), 413},
		{"a form that is too large when it is encoded", http.Header{"Authorization": {signature}, "Content-Type": {form}},
			strings.Repeat("&", 40<<10), 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			if got := s.call(t, http.MethodPost, "/photos", c.header, c.body); got.StatusCode != c.status || len(s.asked) > 0 {
				t.Errorf("%d, asked %v", got.StatusCode, s.asked)
			}
		})
	}
}

func TestABoundInFrontOfTheGuardHolds(t *testing.T) {
	s := newFixture(t)
	handler := s.api.Config.Handler
	s.api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 10)
		handler.ServeHTTP(w, r)
	})
	header := http.Header{"Authorization": {signature}, "Content-Type": {"application/x-www-form-urlencoded"}}
	if got := s.call(t, http.MethodPost, "/echo", header, "a=12345678"); got.StatusCode != http.StatusOK {
		t.Errorf("10 bytes: %d", got.StatusCode)
	}
	if got := s.call(t, http.MethodPost, "/echo", header, "a=123456789"); got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("11 bytes: %d", got.StatusCode)
	}
}

func TestABodyThatIsCutOffIsRefused(t *testing.T) {
	s := newFixture(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/echo", io.MultiReader(strings.NewReader("a=1"), broken{}))
	r.Header = http.Header{"Authorization": {signature}, "Content-Type": {"application/x-www-form-urlencoded"}}
	w := httptest.NewRecorder()
	s.api.Config.Handler.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || len(s.asked) > 0 {
		t.Errorf("%d, asked %v", w.Code, s.asked)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWithoutAVerificationEndpointSignedRequestsAreRefused(t *testing.T) {
	s := newFixture(t, func(c *resourceserver.Config) { c.VerificationEndpoint = "" })
	got := s.call(t, http.MethodGet, "/photos", http.Header{"Authorization": {signature}}, "")
	if diff := cmp.Diff([]any{401, []string{`Bearer realm="PhotoStorage"`}}, []any{got.StatusCode, got.Header["Www-Authenticate"]}); diff != "" {
		t.Error(diff)
	}
}

func TestTheSignedURLIsTheOneThatClientsUse(t *testing.T) {
	for _, c := range []struct{ name, external, target, want string }{
		{"without TLS and configuration", "", "/photos?a=b", "http://api.internal:8080/photos?a=b"},
		{"behind a proxy that ends TLS", "https://photos.example", "/photos?a=b", "https://photos.example/photos?a=b"},
		{"behind a proxy that takes a prefix away", "https://photos.example/api/", "/photos", "https://photos.example/api/photos"},
		{"in absolute form", "https://photos.example", "http://api.internal:8080/a%2Fb?c=%20", "https://photos.example/a%2Fb?c=%20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t, func(config *resourceserver.Config) { config.ExternalURL = c.external })
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.target, nil)
			r.Host = "api.internal:8080"
			r.Header.Set("X-Forwarded-Proto", "https")
			r.Header.Set("X-Forwarded-Host", "evil.example")
			r.Header.Set("Authorization", signature)
			s.api.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
			if got := s.asked[0].form.Get("url"); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestNestedGuardsAskOnce(t *testing.T) {
	s := newFixture(t)
	for path, want := range map[string]int{"/nested/read": 200, "/nested/write": 403} {
		s.asked = nil
		got := s.call(t, http.MethodGet, path, http.Header{"Authorization": {signature}}, "")
		if got.StatusCode != want || len(s.asked) != 1 {
			t.Errorf("%s: %d, asked %d times", path, got.StatusCode, len(s.asked))
		}
	}
}

func TestAnotherGuardAsksForItself(t *testing.T) {
	outer, inner := newFixture(t), newFixture(t)
	inner.says = dead
	both := outer.guard.Require("photos.read", inner.guard.Require("photos.read", http.NotFoundHandler()))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer gha_1")
	w := httptest.NewRecorder()
	both.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || len(inner.asked) != 1 {
		t.Errorf("%d, the inner guard asked %d times", w.Code, len(inner.asked))
	}
}

func TestNobodyPassesWhenGatehouseCannotBeAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"our own secret is refused", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, bobs)
		}},
		{"not JSON", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }},
		{"an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"active":true,"scope":"`+strings.Repeat("photos.read ", 64<<10/10)+`"}`)
		}},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		}},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			s.gatehouse.Config.Handler = c.answer
			for _, authorization := range []string{"Bearer gha_hush", strings.Replace(signature, "c2lnbg", "hush", 1)} {
				got := s.call(t, http.MethodGet, "/photos", http.Header{"Authorization": {authorization}}, "")
				if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "5" {
					t.Errorf("%d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
				}
			}
			log := s.log.String()
			if strings.Count(log, "access tokens cannot be checked") != 2 || strings.Contains(log, "hush") || strings.Contains(log, "cret") {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func TestAMountedSecretIsAllAnAPINeeds(t *testing.T) {
	s := newFixture(t)
	dir := t.TempDir()
	mount(t, dir, map[string]string{"client-id": "photos.photostorage", "client-secret": "one\n",
		"introspection-endpoint": s.gatehouse.URL + "/oauth2/introspect"})
	config, err := resourceserver.Mounted(dir)
	if err != nil || config.VerificationEndpoint != "" {
		t.Fatalf("%q, %v", config.VerificationEndpoint, err)
	}
	mount(t, dir, map[string]string{"verification-endpoint": s.gatehouse.URL + "/oauth1/verify"})
	if config, err = resourceserver.Mounted(dir); err != nil || config.VerificationEndpoint != s.gatehouse.URL+"/oauth1/verify" {
		t.Fatalf("%q, %v", config.VerificationEndpoint, err)
	}
	config.HTTPClient = s.gatehouse.Client()
	guard, err := resourceserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	handler := guard.Require("", http.NotFoundHandler())
	for _, secret := range []string{"one", "two"} {
		mount(t, dir, map[string]string{"client-secret": secret})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer gha_1")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if got := s.asked[len(s.asked)-1].secret; got != secret {
			t.Errorf("asked with the secret %q, want %q", got, secret)
		}
	}
	if err := os.Remove(filepath.Join(dir, "client-secret")); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer gha_1")
	w := httptest.NewRecorder()
	if handler.ServeHTTP(w, r); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a secret: %d", w.Code)
	}
}

func TestAMountThatLacksAKeyIsRefused(t *testing.T) {
	if _, err := resourceserver.Mounted(t.TempDir()); err == nil {
		t.Error("an empty folder is taken")
	}
}

func TestAGuardThatCannotWorkIsNotMade(t *testing.T) {
	good := func() resourceserver.Config {
		return resourceserver.Config{IntrospectionEndpoint: "https://auth.example/oauth2/introspect",
			ClientID: "photos.photostorage", ClientSecret: resourceserver.Value("secret")}
	}
	if _, err := resourceserver.New(good()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*resourceserver.Config)
	}{
		{"without a client ID", func(c *resourceserver.Config) { c.ClientID = "" }},
		{"without a secret", func(c *resourceserver.Config) { c.ClientSecret = nil }},
		{"without an introspection endpoint", func(c *resourceserver.Config) { c.IntrospectionEndpoint = "" }},
		{"with tokens in the clear", func(c *resourceserver.Config) { c.IntrospectionEndpoint = "http://auth.example/" }},
		{"with signatures in the clear", func(c *resourceserver.Config) { c.VerificationEndpoint = "http://auth.example/" }},
		{"with a host alone", func(c *resourceserver.Config) { c.ExternalURL = "photos.example" }},
		{"with a query in its URL", func(c *resourceserver.Config) { c.ExternalURL = "https://photos.example/?a" }},
		{"with a realm that ends early", func(c *resourceserver.Config) { c.Realm = `Photo"Storage` }},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := good()
			c.change(&config)
			if _, err := resourceserver.New(config); err == nil {
				t.Error("it is made")
			}
		})
	}
}

func TestTwoScopesAreNotOne(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("they are taken for a scope")
		}
	}()
	newFixture(t).guard.Require("photos.read photos.write", http.NotFoundHandler())
}

func TestWithoutAGuardThereIsNoCaller(t *testing.T) {
	if _, found := resourceserver.CallerFrom(t.Context()); found {
		t.Error("there is one")
	}
}

// fixture is an API behind a guard, and a stand-in for Gatehouse.
type fixture struct {
	gatehouse, api *httptest.Server
	guard          *resourceserver.Guard
	says           string // Gatehouse, of each token
	asked          []question
	log            strings.Builder
}

// question is what Gatehouse was asked.
type question struct {
	path, id, secret string
	form             url.Values
}

// Equal is for cmp.
func (q question) Equal(other question) bool {
	return q.path == other.path && q.id == other.id && q.secret == other.secret && cmp.Equal(q.form, other.form)
}

func newFixture(t *testing.T, changes ...func(*resourceserver.Config)) *fixture {
	t.Helper()
	s := &fixture{says: bobs}
	s.gatehouse = httptest.NewTLSServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.gatehouse.Close)
	s.gatehouse.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	config := resourceserver.Config{
		IntrospectionEndpoint: s.gatehouse.URL + "/oauth2/introspect", VerificationEndpoint: s.gatehouse.URL + "/oauth1/verify",
		ClientID: "photos.photostorage", ClientSecret: resourceserver.Value("s+cret"), Realm: "PhotoStorage",
		HTTPClient: s.gatehouse.Client(), Log: slog.New(slog.NewTextHandler(&s.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	var err error
	if s.guard, err = resourceserver.New(config); err != nil {
		t.Fatal(err)
	}
	s.api = httptest.NewTLSServer(s.routes())
	t.Cleanup(s.api.Close)
	return s
}

// routes say who called, and what the body is.
func (s *fixture) routes() http.Handler {
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, found := resourceserver.CallerFrom(r.Context())
		if !found {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, "%s %s %v %d", c.Owner, c.ClientID, c.Scopes, c.ExpiresAt.Unix())
	})
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	nested := http.NewServeMux()
	nested.Handle("/nested/read", s.guard.Require("photos.read", who))
	nested.Handle("/nested/write", s.guard.Require("photos.write", who))
	mux := http.NewServeMux()
	mux.Handle("/", s.guard.Require("photos.read", who))
	mux.Handle("/echo", s.guard.Require("photos.read", echo))
	mux.Handle("/nested/", s.guard.Require("photos.read", nested))
	return mux
}

func (s *fixture) answer(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.asked = append(s.asked, question{r.URL.RequestURI(), id, secret, r.PostForm})
	fmt.Fprint(w, s.says)
}

type got struct {
	*http.Response
	body string
}

func (s *fixture) call(t *testing.T, method, target string, header http.Header, body string) got {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.api.URL+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	client := *s.api.Client()
	client.Timeout = time.Minute
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{res, strings.TrimSuffix(string(text), "\n")}
}

func mount(t *testing.T, dir string, keys map[string]string) {
	t.Helper()
	for key, value := range keys {
		if err := os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
