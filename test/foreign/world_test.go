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

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// world is the authorization server and PhotoStorage, each behind TLS.
type world struct {
	*authtest.Env
	gatehouse, photos *httptest.Server
	ca                string // file with the authority of both
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Env: authtest.New(t), gatehouse: httptest.NewUnstartedServer(nil)}
	w.Clock.Advance(time.Since(authtest.Start)) // a foreign clock shows the time of day
	w.mayUse("HMAC-SHA256", "HMAC-SHA1", "PLAINTEXT")
	site, err := web.New(web.Config{
		Auth: w.Auth, Issuer: "https://" + w.gatehouse.Listener.Addr().String(), Metrics: web.NewMetrics(),
		Log: slog.New(slog.DiscardHandler), Ready: func(*http.Request) error { return nil }, Now: w.Clock.Now,
	})
	if err != nil {
		t.Fatalf("make the site: %v", err)
	}
	w.gatehouse.Config.Handler = site.Handler()
	w.gatehouse.StartTLS()
	t.Cleanup(w.gatehouse.Close)
	w.photos = httptest.NewTLSServer(w.photoStorage(t))
	t.Cleanup(w.photos.Close)
	w.ca = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.gatehouse.Certificate().Raw})
	if err := os.WriteFile(w.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// photoStorage answers each request with what it understood.
func (w *world) photoStorage(t *testing.T) http.Handler {
	t.Helper()
	guard, err := resourceserver.New(resourceserver.Config{
		IntrospectionEndpoint: w.gatehouse.URL + oauth2.PathIntrospect, VerificationEndpoint: w.gatehouse.URL + oauth1.PathVerify,
		ClientID: authtest.PhotoStorage, ClientSecret: resourceserver.Value(w.Secret(authtest.PhotoStorage)), HTTPClient: w.gatehouse.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return guard.Require("photos.read", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		caller, _ := resourceserver.CallerFrom(r.Context())
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		_ = json.NewEncoder(rw).Encode([]string{caller.Owner, caller.ClientID, r.Method, r.URL.RawQuery, string(body)})
	}))
}

// settings are those of PhotoBook as it was registered.
func (w *world) settings(method, place, callback string) settings {
	return settings{
		Key: authtest.PhotoBook, Secret: w.Secret(authtest.PhotoBook), Method: method, Place: place, Callback: callback, CA: w.ca,
		RequestTokenURL: w.gatehouse.URL + oauth1.PathRequestToken, AuthorizationURL: w.gatehouse.URL + oauth1.PathAuthorize,
		AccessTokenURL: w.gatehouse.URL + oauth1.PathAccessToken,
	}
}

// mayUse changes the signature methods of PhotoBook.
func (w *world) mayUse(methods ...string) {
	w.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.SignatureMethods = methods })
}

// bob is Bob's browser, which follows no redirects.
type bob struct {
	*http.Client
	t    *testing.T
	home string
}

func (w *world) bob(t *testing.T) *bob {
	t.Helper()
	client := *w.gatehouse.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &bob{Client: &client, t: t, home: w.gatehouse.URL}
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
	ticket := ""
	for n := range page.Descendants() {
		if n.Data == "input" && attribute(n, "name") == "ticket" {
			ticket = attribute(n, "value")
		}
	}
	return b.visit(interaction+"/consent", url.Values{"decision": {decision}, "ticket": {ticket}})
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
