// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// scrape returns what Prometheus would read.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("metrics: status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetricsHaveNoLabelsFromOutside(t *testing.T) {
	o := newObserved(t)
	o.mux.HandleFunc("GET /known/{name}", func(http.ResponseWriter, *http.Request) {})
	o.mux.HandleFunc("/tree/{name}/", func(http.ResponseWriter, *http.Request) {})
	for _, row := range [][2]string{
		{http.MethodGet, "/known/outside"},
		{http.MethodGet, "/known/outside2"},
		{http.MethodGet, "/outside"},
		{http.MethodPost, "/known/outside"},
		{"OUTSIDE", "/known/x"},
		{"OUTSIDE2", "/outside"},
		{http.MethodGet, "/known//outside"},
		{http.MethodConnect, "/tree/outside"},
		{http.MethodGet, "/tree/outside"},
	} {
		r := httptest.NewRequest(row[0], row[1], nil)
		r.Host = "outside.example"
		o.serve(r)
	}
	o.metrics.audited("outside")
	var got []string
	for line := range strings.Lines(scrape(t, o.metrics)) {
		if strings.Contains(strings.ToLower(line), "outside") {
			t.Errorf("a label from outside: %s", line)
		}
		if strings.HasPrefix(line, "gatehouse_http_requests_total{") {
			got = append(got, strings.TrimSpace(strings.TrimPrefix(line, "gatehouse_http_requests_total")))
		}
	}
	want := []string{
		`{method="CONNECT",route="none",status="307"} 1`,
		`{method="GET",route="/tree/{name}/",status="307"} 1`,
		`{method="GET",route="GET /known/{name}",status="200"} 2`,
		`{method="GET",route="GET /known/{name}",status="307"} 1`,
		`{method="GET",route="none",status="404"} 1`,
		`{method="OTHER",route="none",status="404"} 1`,
		`{method="OTHER",route="none",status="405"} 1`,
		`{method="POST",route="none",status="405"} 1`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("series:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEachEventHasASeriesFromTheStart(t *testing.T) {
	metrics := scrape(t, NewMetrics())
	for _, name := range []authserver.EventName{
		authserver.EventLoginFailed, authserver.EventProofReused, authserver.EventRefreshRepeated, authserver.EventRefreshReused, "other",
	} {
		if !strings.Contains(metrics, `gatehouse_audit_events_total{event="`+string(name)+`"} 0`) {
			t.Errorf("no series for %s", name)
		}
	}
}

func TestTokensAreCountedByGrantType(t *testing.T) {
	m := NewMetrics()
	for _, name := range []authserver.EventName{
		authserver.EventProofRedeemed, authserver.EventTokenRefreshed, authserver.EventRefreshRepeated, authserver.EventTokenIssued,
		authserver.EventProofReused,
	} {
		m.audited(name)
	}
	metrics := scrape(t, m)
	for _, want := range []string{`{grant_type="authorization_code"} 1`, `{grant_type="refresh_token"} 2`, `{grant_type="client_credentials"} 1`} {
		if !strings.Contains(metrics, "gatehouse_tokens_issued_total"+want+"\n") {
			t.Errorf("want %s in:\n%s", want, metrics)
		}
	}
}

func TestReadinessIsAGaugeForEachPart(t *testing.T) {
	m := NewMetrics()
	m.SetReady("store", true)
	m.SetReady("keys", false)
	metrics := scrape(t, m)
	for _, want := range []string{`gatehouse_ready{part="store"} 1`, `gatehouse_ready{part="keys"} 0`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("want %s in:\n%s", want, metrics)
		}
	}
}
