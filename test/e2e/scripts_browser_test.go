// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// served is a site in this process, with what browsers have asked of it.
type served struct {
	*authtest.Env
	issuer  string
	client  *http.Client
	started atomic.Bool

	mu    sync.Mutex
	asked []exchange
}

// exchange is a request of a browser with its answer.
type exchange struct {
	method, path, purpose string
	status                int
	cookies               bool
}

func newServed(t *testing.T, ways ...web.LoginWay) *served {
	t.Helper()
	e := authtest.New(t)
	return serve(t, e, e.Auth, ways...)
}

// serve serves an engine of the fixture.
func serve(t *testing.T, e *authtest.Env, auth *authserver.Server, ways ...web.LoginWay) *served {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	return serveOn(t, server, "https://"+server.Listener.Addr().String(), e, auth, ways...)
}

// newServedByName is at a host that passkeys can be for.
func newServedByName(t *testing.T) *served {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	e, issuer := authtest.New(t), "https://localhost:"+port
	e.UsePasskeys(t, issuer)
	return serveOn(t, server, issuer, e, e.Auth)
}

func serveOn(t *testing.T, server *httptest.Server, issuer string, e *authtest.Env, auth *authserver.Server, ways ...web.LoginWay) *served {
	t.Helper()
	s := &served{Env: e, issuer: issuer}
	s.started.Store(true)
	site, err := web.New(web.Config{
		Auth: auth, LoginWays: ways, Issuer: s.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Now: s.Clock.Now, Started: s.started.Load,
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := site.Handler()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		s.mu.Lock()
		s.asked = append(s.asked, exchange{
			r.Method, r.URL.Path, r.Header.Get("Sec-Purpose") + r.Header.Get("Purpose"), answer.Code, len(answer.Header()["Set-Cookie"]) > 0,
		})
		s.mu.Unlock()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = io.Copy(w, answer.Body)
	})
	server.StartTLS()
	t.Cleanup(server.Close)
	s.client = server.Client()
	return s
}

// find returns the exchanges that match.
func (s *served) find(matches func(exchange) bool) []exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []exchange
	for _, e := range s.asked {
		if matches(e) {
			found = append(found, e)
		}
	}
	return found
}

// otherSite serves one page at an origin of its own and returns its address.
func otherSite(t *testing.T, page string) string {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>another site</title>"+page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// scriptAnswer is what a script learns of an answer.
type scriptAnswer struct {
	Status int               `json:"status"`
	Body   string            `json:"body"`
	Header map[string]string `json:"header"`
	Error  string            `json:"error"` // the browser refused
}

// fetch sends a request as a script of the page that is open does.
func (c *chromium) fetch(method, address string, header map[string]string, form url.Values) scriptAnswer {
	c.t.Helper()
	var fields strings.Builder
	for name, value := range header {
		fmt.Fprintf(&fields, "%q: %q,", name, value)
	}
	body := "undefined"
	if form != nil {
		body = fmt.Sprintf("new URLSearchParams(%q)", form.Encode())
	}
	script := fmt.Sprintf(`(async () => {
		try {
			const r = await fetch(%q, {method: %q, headers: {%s}, body: %s});
			return {status: r.status, body: await r.text(), header: Object.fromEntries(r.headers)};
		} catch (e) { return {error: String(e)}; }
	})()`, address, method, fields.String(), body)
	answer, err := chromedp.Run(c.ctx, chromedp.Evaluate[scriptAnswer](script, chromedp.EvalAwaitPromise))
	if err != nil {
		c.t.Fatalf("run the script: %v", err)
	}
	return answer
}

// ofScripts are what SDKs, tracing and frameworks add to the requests of a page.
var ofScripts = map[string]string{
	"MCP-Protocol-Version": "2025-06-18", "Auth0-Client": "x", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"sentry-trace": "1-2-1", "X-Requested-With": "XMLHttpRequest",
}

func TestN131AScriptOfAnotherSiteReadsAnswersErrorsAndRetryAfter(t *testing.T) {
	s, c := newServed(t), newChromium(t)
	c.do("open another site", chromedp.Navigate(otherSite(t, "")))
	metadata, token := s.issuer+"/.well-known/oauth-authorization-server", s.issuer+"/oauth2/token"
	grant := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {authtest.PhotoReport}, "client_secret": {s.Secret(authtest.PhotoReport)},
	}
	check := func(name string, got scriptAnswer, status int, body string, header ...string) {
		t.Helper()
		if got.Error != "" || got.Status != status || !strings.Contains(got.Body, body) {
			t.Errorf("%s: %+v, want %d with %s", name, got, status, body)
		}
		for _, field := range append(header, "x-request-id") {
			if got.Header[field] == "" {
				t.Errorf("%s: the script cannot read %s: %v", name, field, got.Header)
			}
		}
	}
	check("metadata", c.fetch("GET", metadata, ofScripts, nil), 200, `"issuer"`)
	check("tokens", c.fetch("POST", token, ofScripts, grant), 200, `"access_token"`)
	check("a revocation", c.fetch("POST", s.issuer+"/oauth2/revoke", ofScripts, url.Values{
		"token": {"x"}, "client_id": grant["client_id"], "client_secret": grant["client_secret"],
	}), 200, "{}")
	unknown := url.Values{"grant_type": {"x"}, "client_id": grant["client_id"], "client_secret": grant["client_secret"]}
	check("an error", c.fetch("POST", token, ofScripts, unknown), 400, "unsupported_grant_type")
	bad := map[string]string{"Authorization": "Basic eDp5", "traceparent": "x"}
	check("a wrong secret", c.fetch("POST", token, bad, url.Values{"grant_type": {"client_credentials"}}), 401, "invalid_client", "www-authenticate")
	check("a wrong method", c.fetch("GET", token, ofScripts, nil), 405, "Use POST.", "allow")
	check("no such document", c.fetch("GET", s.issuer+"/.well-known/webfinger", ofScripts, nil), 404, "not_found")
	if got := c.fetch("POST", s.issuer+"/oauth2/introspect", ofScripts, url.Values{"token": {"x"}}); got.Error == "" {
		t.Errorf("a script introspects: %+v", got)
	}
	s.started.Store(false)
	check("a server that starts", c.fetch("POST", token, ofScripts, grant), 503, "temporarily_unavailable", "retry-after")
	check("its metadata", c.fetch("GET", metadata, ofScripts, nil), 503, "temporarily_unavailable", "retry-after")
}

func TestN128APrefetchByChromiumBeginsNothing(t *testing.T) {
	s, c := newServed(t), newChromium(t)
	link := s.issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {authtest.PhotoPrintCallback},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode()
	html := strings.ReplaceAll(link, "&", "&amp;")
	c.do("open another site", chromedp.Navigate(otherSite(t, `<link rel="prefetch" href="`+html+`"><a href="`+html+`">log in</a>`)))
	ahead := func(e exchange) bool { return strings.Contains(e.purpose, "prefetch") }
	testenv.Eventually(t, stepLimit, "Chromium prefetches", func() bool { return len(s.find(ahead)) > 0 })
	for _, e := range s.find(ahead) {
		if e.status != http.StatusServiceUnavailable || e.cookies {
			t.Errorf("the prefetch is answered: %+v", e)
		}
	}
	c.do("follow the link", chromedp.Click(`a[href]`), chromedp.WaitVisible(`input[name=password]`))
	if begun := s.find(func(e exchange) bool { return e.path == "/oauth2/authorize" && e.cookies }); len(begun) != 1 {
		t.Errorf("%d requests began something: %+v", len(begun), begun)
	}
}
