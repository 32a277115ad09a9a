// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// traces is a collector that keeps what the programs of the environment send it. They find it by the standard
// variables, and send everything.
var traces struct {
	sync.Mutex
	spans []*spans.Span
	err   error
}

// collectTraces starts the collector, before the environment: its programs inherit the variables.
func collectTraces() (stop func(), err error) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		batch := &collector.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, batch)
		}
		traces.Lock()
		defer traces.Unlock()
		if err != nil {
			traces.err = err
		}
		for _, from := range batch.ResourceSpans {
			for _, scope := range from.ScopeSpans {
				traces.spans = append(traces.spans, scope.Spans...)
			}
		}
	}))
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_BSP_SCHEDULE_DELAY": "100",
	} {
		if err := os.Setenv(name, value); err != nil {
			server.Close()
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	return server.Close, nil
}

// tracesSoFar returns the spans so far, and all that they say as text. Random IDs are left out: in thousands of
// random letters a name of three letters stands now and then.
func tracesSoFar(t *testing.T) (all []*spans.Span, text string) {
	t.Helper()
	traces.Lock()
	defer traces.Unlock()
	if traces.err != nil {
		t.Fatalf("what the collector got cannot be read: %v", traces.err)
	}
	var said strings.Builder
	for _, s := range traces.spans {
		told := slices.DeleteFunc(slices.Clone(s.Attributes), func(a *common.KeyValue) bool { return a.Key == "gatehouse.request_id" })
		fmt.Fprintln(&said, s.Name, told, s.Status, s.Events, s.Links, s.TraceState)
	}
	return slices.Clone(traces.spans), said.String()
}

// pathOf returns the names of a span and of those above it.
func pathOf(s *spans.Span, by map[string]*spans.Span) (names []string) {
	for ; s != nil; s = by[string(s.ParentSpanId)] {
		names = append(names, s.Name)
	}
	slices.Reverse(names)
	return names
}

func TestN193ATraceHoldsEachStepAndNothingOfWhoAsked(t *testing.T) {
	w := start(t)
	w.forget(t, photoPrintID)
	app, bob := w.photoPrint(t, w.Issuer), w.person(t, w.Issuer)
	address, verifier := app.request()
	code := bob.authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	tokens, err := app.redeem(t, code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	if tokens, err = app.refresh(t, tokens.RefreshToken); err != nil {
		t.Fatal(err)
	}
	var text string
	for _, want := range []string{
		"GET /oauth2/authorize",
		"POST /interaction/{id}/login > directory.Authenticate",
		"POST /interaction/{id}/login > store.CreateSession",
		"GET /interaction/{id} > entitlement",
		"entitlement > API server",
		"POST /interaction/{id}/consent > store.Approve",
		"POST /oauth2/token > store.Redeem",
		"POST /oauth2/token > store.Rotate",
	} {
		testenv.Eventually(t, time.Minute, "a trace has "+want, func() bool {
			var all []*spans.Span
			all, text = tracesSoFar(t)
			by := map[string]*spans.Span{}
			for _, s := range all {
				by[string(s.SpanId)] = s
			}
			return slices.ContainsFunc(all, func(s *spans.Span) bool {
				return strings.HasSuffix(strings.Join(pathOf(s, by), " > "), want)
			})
		})
	}
	for what, secret := range map[string]string{
		"Bob's name": w.Bob.Name, "Bob's password": w.Bob.Password, "the client's ID": app.ClientID, "the client's secret": app.ClientSecret,
		"the code": code, "the access token": tokens.AccessToken, "the refresh token": tokens.RefreshToken, "the callback": app.RedirectURL,
		"the code verifier": verifier, "a query": "response_type", "a client's address": "127.0.0.1", "an interaction": "/interaction/" + interactionOf(t, bob),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("N193: %s is in a trace", what)
		}
	}
	if strings.Contains(text, "readyz") {
		t.Error("probes are followed")
	}
}

// interactionOf returns the ID of an interaction that the person was sent to.
func interactionOf(t *testing.T, p *person) string {
	t.Helper()
	for _, seen := range *p.seen {
		if _, id, ok := strings.Cut(seen, "/interaction/"); ok {
			return id
		}
	}
	t.Fatal("the person was in no interaction")
	return ""
}
