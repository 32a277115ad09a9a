// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// startingServer is a site that was never ready and knows no client, as after a restart.
func startingServer(t *testing.T) (*house, *atomic.Bool) {
	t.Helper()
	h := &house{Env: authtest.New(t), server: httptest.NewUnstartedServer(nil)}
	h.issuer = "https://" + h.server.Listener.Addr().String()
	started := &atomic.Bool{}
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: h.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Now: h.Clock.Now, Started: started.Load,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.server.Config.Handler = site.Handler()
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h, started
}

// N100: until it has been ready once a server answers 503 everywhere, in the form of each endpoint.
func TestN100AServerThatWasNeverReadyAnswers503InTheFormOfEachEndpoint(t *testing.T) {
	const (
		asJSON    = `"error":"temporarily_unavailable"`
		asProblem = "oauth_problem=temporarily_unavailable"
		asPage    = "Not available right now"
	)
	h, started := startingServer(t)
	for _, row := range []struct{ method, path, contentType, body string }{
		{"GET", "/.well-known/oauth-authorization-server", "application/json", asJSON},
		{"GET", "/oauth2/authorize?client_id=photos.photoprint", "text/html", asPage},
		{"POST", "/oauth2/authorize", "text/html", asPage},
		{"POST", "/oauth2/token", "application/json", asJSON},
		{"POST", "/oauth2/revoke", "application/json", asJSON},
		{"POST", "/oauth2/introspect", "application/json", asJSON},
		{"POST", "/oauth1/request-token", "application/x-www-form-urlencoded", asProblem},
		{"GET", "/oauth1/authorize?oauth_token=x", "text/html", asPage},
		{"POST", "/oauth1/access-token", "application/x-www-form-urlencoded", asProblem},
		{"POST", "/oauth1/revoke", "application/x-www-form-urlencoded", asProblem},
		{"POST", "/oauth1/verify", "application/json", asJSON},
		{"GET", "/manage/oauth2/authorize?client_id=app_1", "text/html", asPage},
		{"POST", "/manage/oauth2/token", "text/plain", ""},
		{"GET", "/manage/oauth2/token", "text/plain", ""},
		{"GET", "/manage/oauth/getRequestToken", "text/plain", ""},
		{"GET", "/manage/oauth/authorizeToken?oauth_token=x", "text/html", asPage},
		{"POST", "/manage/oauth/getAccessToken", "text/plain", ""},
		{"GET", "/manage/oauth/getUserIdentity", "text/plain", ""},
		{"GET", "/integration/rest/oAuth/authorize?client_id=x", "text/html", asPage},
		{"POST", "/integration/rest/oAuth/getToken", "application/json", asJSON},
		{"GET", "/", "text/html", asPage},
		{"GET", "/login", "text/html", asPage},
		{"POST", "/login", "text/html", asPage},
		{"GET", "/account", "text/html", asPage},
		{"POST", "/account/revoke", "text/html", asPage},
		{"GET", "/signout", "text/html", asPage},
		{"GET", "/interaction/x", "text/html", asPage},
		{"POST", "/interaction/x/login", "text/html", asPage},
		{"POST", "/interaction/x/consent", "text/html", asPage},
	} {
		t.Run(row.method+" "+row.path, func(t *testing.T) {
			got := h.request(t, row.method, row.path)
			if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q: %s", got.StatusCode, got.Header.Get("Retry-After"), got.raw)
			}
			if !strings.HasPrefix(got.Header.Get("Content-Type"), row.contentType) || !strings.Contains(got.raw, row.body) {
				t.Errorf("%s: %s, want %s with %s", got.Header.Get("Content-Type"), got.raw, row.contentType, row.body)
			}
			for _, wrong := range []string{"not known", "invalid_client", "invalid_clientid", `"active"`} {
				if strings.Contains(got.raw, wrong) {
					t.Errorf("the answer contains %q: %s", wrong, got.raw)
				}
			}
		})
	}
	for _, path := range []string{"/healthz", "/readyz", "/assets/gatehouse.css"} {
		if got := h.request(t, http.MethodGet, path); got.StatusCode == http.StatusServiceUnavailable {
			t.Errorf("%s answers 503", path)
		}
	}
	started.Store(true)
	h.client(t, authtest.BookShelf).post("/oauth2/token", url.Values{"grant_type": {"client_credentials"}}).wants(http.StatusOK)
}

func (h *house) request(t *testing.T, method, path string) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.issuer+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h.send(t, r)
}
