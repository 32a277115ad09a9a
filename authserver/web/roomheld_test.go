// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// watched calls written when the answer begins.
type watched struct {
	*httptest.ResponseRecorder
	written func()
}

func (w watched) WriteHeader(status int) {
	w.written()
	w.ResponseRecorder.WriteHeader(status)
}

// N80: what an error page reads of the store is read while the request counts.
func TestN80AnErrorPageIsWrittenWhileTheRequestHasItsRoom(t *testing.T) {
	env := authtest.New(t)
	site, err := New(Config{
		Auth: env.Auth, Issuer: "https://auth.example.com", Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Now: env.Clock.Now, Limits: Limits{Requests: 1, RequestsPerAddress: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	fails := func(http.ResponseWriter, *http.Request) error {
		return authserver.NewInteractionError(authserver.InteractionExpired, "too old")
	}
	var anyPage route
	for _, rt := range site.routes() {
		if rt.kind == step {
			anyPage = rt
		}
	}
	crossSite := httptest.NewRequest(http.MethodPost, "/login", nil)
	crossSite.Header.Set("Sec-Fetch-Site", "cross-site")
	for name, tc := range map[string]struct {
		serve   http.Handler
		request *http.Request
	}{
		"an error of a page":     {site.wrap(anyPage, fails), httptest.NewRequest(http.MethodGet, "/interaction/x", nil)},
		"a form of another site": {site.form(fails), crossSite},
	} {
		t.Run(name, func(t *testing.T) {
			counted := false
			w := watched{httptest.NewRecorder(), func() { counted = !site.requests.take(network{}, 1) }}
			tc.serve.ServeHTTP(w, tc.request)
			if !counted || w.Code < 400 {
				t.Errorf("status %d, the request counts: %t", w.Code, counted)
			}
		})
	}
}
