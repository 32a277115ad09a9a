// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/endpoints"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// environment is the authorization server and PhotoStorage, each behind TLS.
type environment struct {
	*authtest.Env
	gatehouse, photos *httptest.Server
	ca                string // file with the authority of both
}

func newEnvironment(t *testing.T) *environment {
	t.Helper()
	e := &environment{Env: authtest.New(t), gatehouse: httptest.NewUnstartedServer(nil)}
	e.Clock.Advance(time.Since(authtest.Start)) // a foreign clock shows the time of day
	e.mayUse("HMAC-SHA256", "HMAC-SHA1", "PLAINTEXT")
	site, err := web.New(web.Config{
		Auth: e.Auth, Issuer: "https://" + e.gatehouse.Listener.Addr().String(), Metrics: web.NewMetrics(),
		Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard, Ready: func(*http.Request) error { return nil }, Now: e.Clock.Now,
	})
	if err != nil {
		t.Fatalf("make the site: %v", err)
	}
	e.gatehouse.Config.Handler = site.Handler()
	e.gatehouse.StartTLS()
	t.Cleanup(e.gatehouse.Close)
	e.photos = httptest.NewTLSServer(e.photoStorage(t))
	t.Cleanup(e.photos.Close)
	e.ca = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.gatehouse.Certificate().Raw})
	if err := os.WriteFile(e.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return e
}

// photoStorage answers each request with what it understood.
func (e *environment) photoStorage(t *testing.T) http.Handler {
	t.Helper()
	guard, err := resourceserver.New(resourceserver.Config{
		IntrospectionEndpoint: e.gatehouse.URL + oauth2.PathIntrospect, VerificationEndpoint: e.gatehouse.URL + oauth1.PathVerify,
		ClientID: authtest.PhotoStorage, ClientSecret: resourceserver.Value(e.Secret(authtest.PhotoStorage)), HTTPClient: e.gatehouse.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return guard.RequireAny("photos.read", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		caller, _ := resourceserver.CallerFrom(r.Context())
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		_ = json.NewEncoder(rw).Encode([]string{caller.Owner, caller.ClientID, r.Method, r.URL.RawQuery, string(body)})
	}))
}

// trust are the environment variables by which libraries of several languages find the authority of the servers. In a pod, the
// certificates of the system do.
func (e *environment) trust() []string {
	var variables []string
	for _, name := range []string{
		"SSL_CERT_FILE",        // OpenSSL, Go
		"REQUESTS_CA_BUNDLE",   // Python's requests
		"PERL_LWP_SSL_CA_FILE", // Perl's LWP
		"NODE_EXTRA_CA_CERTS",  // Node.js
		"CURLOPT_CAINFO",       // liboauth
	} {
		variables = append(variables, name+"="+e.ca)
	}
	return append(variables, "NO_PROXY=*", "no_proxy=*")
}

// settings returns what an app finds in the Secret of the client, and its callback.
func (e *environment) settings(clientID, callback string) settings {
	client, ok := e.Clients.ByID(clientID)
	if !ok {
		panic("no client " + clientID)
	}
	s := settings(endpoints.Of(v1alpha1.Profile(client.Profile), e.gatehouse.URL))
	s["issuer"], s["client-id"] = e.gatehouse.URL, clientID
	if !client.Public {
		s["client-secret"] = e.Secret(clientID)
	}
	s["callback"], s["scope"], s["api"] = callback, "photos.read", e.photos.URL+"/photos"
	if identity, ok := s["identity-endpoint"]; ok { // the API of the Connections profiles, which have no scopes
		s["api"], s["scope"] = identity, ""
	}
	return s
}

// mayUse changes the signature methods of PhotoBook.
func (e *environment) mayUse(methods ...string) {
	e.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.SignatureMethods = methods })
}

// bob is Bob's browser, which follows no redirects.
type bob struct {
	*http.Client
	t    *testing.T
	home string
}

func (e *environment) bob(t *testing.T) *bob {
	t.Helper()
	client := *e.gatehouse.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &bob{Client: &client, t: t, home: e.gatehouse.URL}
}

// visit opens an address, or sends it a form, and returns where the answer points and its page.
func (b *bob) visit(address string, form url.Values) (location string, page *html.Node) {
	b.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.home + address
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, address, nil)
	if form != nil {
		r, err = http.NewRequestWithContext(b.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	}
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	if page, err = html.Parse(res.Body); err != nil || res.StatusCode >= http.StatusBadRequest {
		b.t.Fatalf("%s %s: %s, %v", r.Method, r.URL.Path, res.Status, err)
	}
	return res.Header.Get("Location"), page
}

// decide opens what the app asks Bob to, logs in, and allows or denies. It returns where he
// is sent, and the page he sees if that is nowhere.
func (b *bob) decide(address, decision string) (location string, page *html.Node) {
	b.t.Helper()
	interaction, _ := b.visit(address, nil)
	again, _ := b.visit(interaction+"/login", url.Values{"username": {authtest.Bob}, "password": {authtest.BobPassword}})
	_, page = b.visit(again, nil)
	return b.visit(interaction+"/consent", filledIn(page, decision))
}

// filledIn is the consent form of a page, with everything ticked that the client asks for.
func filledIn(page *html.Node, decision string) url.Values {
	form := url.Values{"decision": {decision}}
	for n := range page.Descendants() {
		if name := attribute(n, "name"); n.Data == "input" && (name == "ticket" || name == "scope") {
			form.Add(name, attribute(n, "value"))
		}
	}
	return form
}

// revoke takes back what Bob allowed, on his account page.
func (b *bob) revoke() {
	b.t.Helper()
	b.visit("/account/revoke", url.Values{"clientID": {authtest.PhotoBook}})
}

// shown is the proof on the page, as it is copied: in one piece.
func (b *bob) shown(page *html.Node) string {
	b.t.Helper()
	text := ""
	for n := range page.Descendants() {
		if n.Data != "output" {
			continue
		}
		for part := range n.Descendants() {
			if part.Type == html.TextNode {
				text += part.Data
			}
		}
	}
	if text == "" {
		b.t.Fatal("the page shows no verifier")
	}
	return text
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
