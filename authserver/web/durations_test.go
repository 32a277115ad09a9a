// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

func TestDurationsAreByRouteProfileAndOutcome(t *testing.T) {
	h := newHouse(t)
	metrics := web.NewMetrics()
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: h.issuer, Metrics: metrics, Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return errors.New("starting") }, Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.server.Config.Handler = site.Handler()
	bob := h.bob(t)
	for _, name := range []string{"OAuth2", "OAuth1", "IntegrationCloud", "ConnectionsCloudOAuth1"} {
		if r, ok := repeats()[name]; ok {
			bob.get(r.begin(t, h, bob))
		}
	}
	bob.get("/oauth2/authorize")
	bob.get("/readyz")
	var got []string
	ops := web.OpsHandler(metrics, func(*http.Request) error { return nil })
	w := httptest.NewRecorder()
	ops.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if series, ok := strings.CutPrefix(line, "gatehouse_http_request_duration_seconds_count{"); ok {
			got = append(got, series[:strings.LastIndex(series, "}")])
		}
	}
	for _, want := range []string{
		`outcome="ok",profile="OAuth2",route="GET /oauth2/authorize"`,
		`outcome="refused",profile="OAuth2",route="GET /oauth2/authorize"`,
		`outcome="ok",profile="OAuth2",route="GET /interaction/{id}"`,
		`outcome="ok",profile="OAuth1",route="POST /oauth1/request-token"`,
		`outcome="ok",profile="OAuth1",route="GET /interaction/{id}"`,
		`outcome="ok",profile="ConnectionsCloudOAuth1",route="GET /interaction/{id}"`,
		`outcome="ok",profile="",route="POST /login"`,
		`outcome="unavailable",profile="",route="GET /readyz"`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no series {%s} in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func TestTheEntitlementIsCountedByItsAnswer(t *testing.T) {
	metrics := web.NewMetrics()
	e := metrics.Entitlement()
	e.Asked(time.Millisecond, true, nil)
	e.Asked(time.Millisecond, false, nil)
	e.Asked(time.Millisecond, false, nil)
	e.Asked(time.Second, false, errors.New("away"))
	e.Stale()
	w := httptest.NewRecorder()
	web.OpsHandler(metrics, func(*http.Request) error { return nil }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`gatehouse_entitlement_duration_seconds_count{outcome="allowed"} 1`, `gatehouse_entitlement_duration_seconds_count{outcome="denied"} 2`,
		`gatehouse_entitlement_duration_seconds_count{outcome="failed"} 1`, `gatehouse_entitlement_stale_answers_total 1`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("metrics without %s", want)
		}
	}
}
