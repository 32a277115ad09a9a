// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
)

// recorded is a Tracing whose spans the test looks at.
type recorded struct {
	*Tracing
	spans *tracetest.InMemoryExporter
}

func record(t *testing.T, ratio float64) recorded {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tr, err := newTracing(t.Context(), Config{SampleRatio: &ratio, Version: "test"}, sdktrace.WithSyncer(spans))
	if err != nil {
		t.Fatal(err)
	}
	return recorded{tr, spans}
}

// names are the names of the spans that have ended.
func (r recorded) names() (names []string) {
	for _, span := range r.spans.GetSpans() {
		names = append(names, span.Name)
	}
	return names
}

// secret is in everything that a caller can choose.
const secret = "s3cr3t"

// call calls a method with a context and the zero value of everything else, and with secret where it fits.
func call(ctx context.Context, method reflect.Value) {
	in := []reflect.Value{reflect.ValueOf(ctx)}
	for n := 1; n < method.Type().NumIn(); n++ {
		value := reflect.New(method.Type().In(n)).Elem()
		if value.Kind() == reflect.String {
			value.SetString(secret)
		}
		in = append(in, value)
	}
	method.Call(in)
}

func TestEachCallOfAFollowedRequestHasASpanAndNoOtherDoes(t *testing.T) {
	beside := []string{"Sweep", "KeptClients", "NoteUses", "NoteClients", "Ping", "People", "ConfirmedFor", "Now", "Refresh"} // no request calls these
	for _, row := range []struct {
		prefix string
		wrap   func(*Tracing) any
	}{
		{"store.", func(tr *Tracing) any { return tr.Store(emptyStore(t)) }},
		{"directory.", func(tr *Tracing) any { return tr.Directory(failing{}) }},
		{"upstream.", func(tr *Tracing) any { return tr.Upstreams(elsewhere{}) }},
	} {
		tr := record(t, 1)
		wrapped := reflect.ValueOf(row.wrap(tr.Tracing))
		for n := range wrapped.NumMethod() {
			name := wrapped.Type().Method(n).Name
			if slices.Contains(beside, name) {
				continue
			}
			tr.spans.Reset()
			call(t.Context(), wrapped.Method(n))
			if got := tr.names(); len(got) > 0 {
				t.Errorf("%s outside of a request: %v", name, got)
			}
			ctx := tr.Begin(t.Context(), http.MethodPost, "id-1", nil)
			call(ctx, wrapped.Method(n))
			tr.End(ctx, "POST /oauth2/token", http.StatusOK)
			if got := tr.names(); !slices.Equal(got, []string{row.prefix + name, "POST /oauth2/token"}) {
				t.Errorf("%s: spans %v", name, got)
			}
			if text := fmt.Sprintf("%+v", tr.spans.GetSpans()); strings.Contains(text, secret) {
				t.Errorf("N193: a span of %s holds what it was called with", name)
			}
		}
		rare := record(t, 0)
		wrapped = reflect.ValueOf(row.wrap(rare.Tracing))
		ctx := rare.Begin(t.Context(), http.MethodPost, "id-1", nil)
		for n := range wrapped.NumMethod() {
			if !slices.Contains(beside, wrapped.Type().Method(n).Name) {
				call(ctx, wrapped.Method(n))
			}
		}
		rare.End(ctx, "POST /oauth2/token", http.StatusOK)
		if got := rare.names(); len(got) > 0 {
			t.Errorf("of a request that is not sampled: %v", got)
		}
	}
}

func emptyStore(t *testing.T) authserver.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// failing is a directory that says a secret in its errors.
type failing struct{}

func (failing) ConfirmedFor(string) time.Duration { return 0 }

var errFailing = errors.New("the password " + secret + " is wrong")

func (failing) Authenticate(context.Context, string, string, authserver.Lane) (authserver.Owner, error) {
	return authserver.Owner{Name: secret}, errFailing
}
func (failing) Lookup(context.Context, string) (authserver.Owner, error) {
	return authserver.Owner{}, errFailing
}
func (failing) Confirm(context.Context, authserver.Person) (authserver.Owner, error) {
	return authserver.Owner{}, errFailing
}

// elsewhere is a source on another server that says a secret in its errors.
type elsewhere struct{}

func (elsewhere) Begin(context.Context, authserver.UpstreamRequest) (string, error) {
	return secret, errFailing
}
func (elsewhere) Finish(context.Context, authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	return authserver.UpstreamLogin{RefreshToken: secret}, errFailing
}
func (elsewhere) Refresh(context.Context, authserver.Person, string, func() error) (authserver.UpstreamLogin, error) {
	return authserver.UpstreamLogin{}, errFailing
}

func TestAnErrorIsAClassAndNoText(t *testing.T) {
	for _, row := range []struct {
		err    error
		class  string
		status codes.Code
	}{
		{nil, "", codes.Unset},
		{fmt.Errorf("read %s: %w", secret, authserver.ErrNotFound), "not_found", codes.Unset},
		{fmt.Errorf("write %s: %w", secret, authserver.ErrExists), "exists", codes.Unset},
		{fmt.Errorf("rotate %s: %w", secret, authserver.ErrStale), "stale", codes.Unset},
		{fmt.Errorf("check %s: %w", secret, authserver.ErrWrongPassword), "wrong_password", codes.Unset},
		{authserver.NewUpstreamError(authserver.UpstreamAnswerUnfit, errFailing), "upstream_failed", codes.Unset},
		{fmt.Errorf("reach %s: %w", secret, authserver.ErrUnavailable), "unavailable", codes.Error},
		{errFailing, "other", codes.Error},
	} {
		tr := record(t, 1)
		ctx := tr.Begin(t.Context(), http.MethodGet, "id-1", nil)
		_, err := follow(ctx, tr.Tracing, "step", 0, func(context.Context) (int, error) { return 1, row.err })
		if !errors.Is(err, row.err) {
			t.Errorf("%v became %v", row.err, err)
		}
		span := tr.spans.GetSpans()[0]
		class := ""
		for _, a := range span.Attributes {
			class += a.Value.String()
		}
		if class != row.class || span.Status.Code != row.status || span.Status.Description != "" {
			t.Errorf("%v: class %q, status %v", row.err, class, span.Status)
		}
	}
}

func TestAPanicIsNotWrittenDown(t *testing.T) {
	tr := record(t, 1)
	ctx := tr.Begin(t.Context(), http.MethodGet, "id-1", nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic does not go on")
			}
		}()
		_ = followOnly(ctx, tr.Tracing, "step", 0, func(context.Context) error { panic(secret) })
	}()
	if text := fmt.Sprintf("%+v", tr.spans.GetSpans()); len(tr.spans.GetSpans()) != 1 || strings.Contains(text, secret) {
		t.Errorf("N193: the span of a call that panicked: %s", text)
	}
}

func TestOnlyATrustedProxyChoosesTheTraceAndWhatIsSampled(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"
	for _, row := range []struct {
		name    string
		ratio   float64
		proxied http.Header
		sampled bool
		joins   bool
	}{
		{"nobody's, all are sampled", 1, nil, true, false},
		{"nobody's, none is sampled", 0, nil, false, false},
		{"a proxy's that samples", 0, http.Header{"Traceparent": {parent + "01"}}, true, true},
		{"a proxy's that does not", 1, http.Header{"Traceparent": {parent + "00"}}, false, true},
		{"two of them", 1, http.Header{"Traceparent": {parent + "00", parent + "00"}}, true, false},
		{"one that is malformed", 1, http.Header{"Traceparent": {"00-" + secret}}, true, false},
		{"a proxy without one", 0, http.Header{"X-Other": {parent + "01"}}, false, false},
	} {
		tr := record(t, row.ratio)
		ctx := tr.Begin(t.Context(), http.MethodGet, "id-1", row.proxied)
		tr.End(ctx, "GET /account", http.StatusOK)
		spans := tr.spans.GetSpans()
		if (len(spans) == 1) != row.sampled {
			t.Errorf("N192: %s: %d spans", row.name, len(spans))
			continue
		}
		if row.sampled {
			if joins := spans[0].SpanContext.TraceID().String() == "0af7651916cd43dd8448eb211c80319c"; joins != row.joins {
				t.Errorf("N192: %s: it joins the trace: %v", row.name, joins)
			}
		}
	}
}

func TestTheAPIServerIsToldOfTheTrace(t *testing.T) {
	tr := record(t, 1)
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Traceparent"))
	}))
	defer server.Close()
	client := &http.Client{Transport: tr.APIServer(http.DefaultTransport)}
	send := func(ctx context.Context) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/"+secret+"?"+secret, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if r.Header.Get("Traceparent") != "" {
			t.Error("the request was changed")
		}
	}
	send(t.Context())
	ctx := tr.Begin(t.Context(), http.MethodGet, "id-1", nil)
	send(ctx)
	spans := tr.spans.GetSpans()
	if len(got) != 2 || got[0] != "" || len(spans) != 1 || !strings.Contains(got[1], spans[0].SpanContext.SpanID().String()) {
		t.Errorf("the API server was told %q, spans %v", got, tr.names())
	}
	if strings.Contains(fmt.Sprintf("%+v", spans), secret) {
		t.Error("N193: the span holds the path or the query")
	}
}

// away is a collector that does not take what it is sent while it is away.
type away struct {
	sdktrace.SpanExporter
	err error
}

func (a *away) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return a.err }

func TestACollectorThatIsAwayIsSaidOnce(t *testing.T) {
	var log strings.Builder
	var sent, lost int
	collector := &away{err: errors.New("nobody listens " + strings.Repeat("x", 1000))}
	p := &patient{SpanExporter: collector, log: slog.New(slog.NewTextHandler(&log, nil)), sent: func(n int, err error) {
		if sent += n; err != nil {
			sent, lost = sent-n, lost+n
		}
	}}
	export := func() {
		if err := p.ExportSpans(t.Context(), make([]sdktrace.ReadOnlySpan, 3)); err != nil {
			t.Errorf("N194: somebody else hears of it: %v", err)
		}
	}
	for range 5 {
		export()
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "nobody listens") || len(got) > 600 {
		t.Errorf("N194: after five failures the log is %q", got)
	}
	collector.err = nil
	export()
	export()
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "takes traces again") {
		t.Errorf("N194: after it came back the log is %q", got)
	}
	if sent != 6 || lost != 15 {
		t.Errorf("%d spans sent and %d lost, want 6 and 15", sent, lost)
	}
}

func TestFullQueuesHoldUpNobody(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
	blocked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-blocked }))
	defer server.Close()
	defer close(blocked)
	ratio := 1.0
	tr, err := New(t.Context(), Config{Endpoint: server.URL + "/v1/traces", SampleRatio: &ratio, Log: slog.New(slog.DiscardHandler), Sent: func(int, error) {}})
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 { // a queue that held them up would never let this end: nobody takes anything
		ctx := tr.Begin(t.Context(), http.MethodGet, "id-1", nil)
		tr.End(ctx, "GET /account", http.StatusOK)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tr.Close(ended); err == nil {
		t.Error("N194: nothing was taken, and Close says that all went well")
	}
}
