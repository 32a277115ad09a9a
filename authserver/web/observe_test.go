// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// observed is a site with a log in memory and routes of the test's own.
type observed struct {
	*Site
	log   *bytes.Buffer
	clock *authtest.Clock
	mux   *http.ServeMux
}

func newObserved(t *testing.T) *observed {
	t.Helper()
	env := authtest.New(t)
	log := &bytes.Buffer{}
	site := &Site{
		auth: env.Auth, issuer: "https://auth.example.com", log: slog.New(slog.NewJSONHandler(log, nil)), access: log,
		metrics: NewMetrics(), trustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		ready: func(*http.Request) error { return nil }, now: env.Clock.Now,
	}
	return &observed{Site: site, log: log, clock: env.Clock, mux: http.NewServeMux()}
}

func (o *observed) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	o.observe(o.mux).ServeHTTP(w, r)
	return w
}

// lines returns the log so far, without the times.
func (o *observed) lines(t *testing.T) []map[string]any {
	t.Helper()
	var lines []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(o.log.Bytes()))
	for {
		var line map[string]any
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatalf("the log is not JSON: %v\n%s", err, o.log)
		}
		delete(line, "time")
		lines = append(lines, line)
	}
}

func TestEachRequestIsOneLine(t *testing.T) {
	o := newObserved(t)
	var inside string
	o.mux.HandleFunc("POST /things/{id}", func(w http.ResponseWriter, r *http.Request) {
		inside = requestID(r.Context()) + " from " + clientAddress(r.Context())
		o.clock.Advance(1500 * time.Millisecond)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "12345")
		_, _ = io.WriteString(w, "678")
	})
	r := httptest.NewRequest(http.MethodPost, "/things/17?q=1", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("User-Agent", "curl/8\x01 “smart”")
	w := o.serve(r)

	id := w.Header().Get("X-Request-Id")
	want := []map[string]any{{
		"level": "INFO", "msg": "request", "method": "POST", "route": "POST /things/{id}", "status": 201.0, "bytes": 8.0,
		"durationMicros": 1500000.0, "requestID": id, "address": "203.0.113.7", "userAgent": "curl/8? ?smart?",
	}}
	if diff := cmp.Diff(want, o.lines(t)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if inside != id+" from 203.0.113.7" || id == "" {
		t.Errorf("the handler saw %q, the client %q", inside, id)
	}
}

func TestN61TheLogHoldsNothingThatASecretCanBeIn(t *testing.T) {
	const secret = "ghs_NEVERinALOG"
	o := newObserved(t)
	o.mux.HandleFunc("POST /oauth2/token", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // the answer has secrets too
	})
	for _, target := range []string{
		"/oauth2/token?client_secret=" + secret, "/oauth2/token/" + secret, "/" + secret + "?code=" + secret,
		"//" + secret + "/../x?" + secret, "/oauth2/token#" + secret,
	} {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader("client_secret="+secret))
		for _, header := range []string{"Authorization", "Cookie", "Referer", "X-Forwarded-For", "X-Request-Id", "Host", "Origin", "Content-Type"} {
			r.Header.Set(header, secret)
		}
		r.Host = secret
		r.SetBasicAuth("photos.photoprint", secret)
		r.RemoteAddr = "10.0.0.1:80"
		r.Header.Set("X-Request-Id", secret+"=") // not the form of an ID
		o.serve(r)
	}
	odd := httptest.NewRequest(secret, "/oauth2/token", nil)
	o.serve(odd)
	if strings.Contains(o.log.String(), secret) {
		t.Errorf("the secret is in the log:\n%s", o.log)
	}
	if got := len(o.lines(t)); got != 6 {
		t.Errorf("%d lines for 6 requests", got)
	}
	if metrics := scrape(t, o.metrics); strings.Contains(metrics, secret) {
		t.Errorf("the secret is in the metrics:\n%s", metrics)
	}
}

func TestHealthIsNotLogged(t *testing.T) {
	o := newObserved(t)
	o.mux.Handle("GET /healthz", o.public(o.getHealth))
	o.mux.Handle("GET /readyz", o.public(o.getReady))
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := o.serve(httptest.NewRequest(http.MethodGet, path, nil)); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if o.log.Len() != 0 {
		t.Errorf("logged:\n%s", o.log)
	}
}

func TestOnlyATrustedProxyNamesRequests(t *testing.T) {
	for _, row := range []struct {
		name  string
		peer  string
		given []string
		taken bool
	}{
		{"from a trusted proxy", "10.0.0.1:80", []string{"7f6c2e60-2d6c-4b0e-8f4a-2b1d5c3e9a10"}, true},
		{"from an untrusted peer", "203.0.113.7:80", []string{"7f6c2e60-2d6c-4b0e-8f4a-2b1d5c3e9a10"}, false},
		{"of 64 characters", "10.0.0.1:80", []string{strings.Repeat("a", 64)}, true},
		{"of 65 characters", "10.0.0.1:80", []string{strings.Repeat("a", 65)}, false},
		{"with dots and underscores", "10.0.0.1:80", []string{"a.b_c-9Z"}, true},
		{"empty", "10.0.0.1:80", []string{""}, false},
		{"with a space", "10.0.0.1:80", []string{"a b"}, false},
		{"with a quote", "10.0.0.1:80", []string{`a"b`}, false},
		{"with a line break", "10.0.0.1:80", []string{"a\nb"}, false},
		{"beyond ASCII", "10.0.0.1:80", []string{"ä"}, false},
		{"with what stands around the letters", "10.0.0.1:80", []string{"@[`{"}, false},
		{"twice", "10.0.0.1:80", []string{"a", "b"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newObserved(t)
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Header["X-Request-Id"] = row.peer, row.given
			got := o.serve(r).Header().Get("X-Request-Id")
			if (got == row.given[0]) != row.taken || got == "" {
				t.Errorf("the request is named %q", got)
			}
		})
	}
}

func TestRequestsOfOneProcessHaveDifferentNames(t *testing.T) {
	o := newObserved(t)
	handler := o.observe(o.mux)
	seen := map[string]bool{}
	for range 100 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		seen[w.Header().Get("X-Request-Id")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d names for 100 requests", len(seen))
	}
}

func TestAPanicIsAnsweredLoggedAndCounted(t *testing.T) {
	o := newObserved(t)
	o.mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "session=half-made")
		w.Header().Set("Content-Length", "5")
		panic("the handler is broken")
	})
	w := o.serve(httptest.NewRequest(http.MethodGet, "/broken", nil))
	if w.Code != http.StatusInternalServerError || w.Header().Get("Set-Cookie") != "" || w.Header().Get("Content-Length") != "" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	if body := w.Body.String(); strings.Contains(body, "broken") || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("body %q, header %v", body, w.Header())
	}
	lines := o.lines(t)
	if len(lines) != 2 || lines[0]["msg"] != "request panicked" || lines[0]["cause"] != "the handler is broken" || lines[1]["status"] != 500.0 {
		t.Fatalf("log %v", lines)
	}
	if stack, _ := lines[0]["stack"].(string); !strings.Contains(stack, "observe_test.go") {
		t.Errorf("the stack does not show where: %s", stack)
	}
	if metrics := scrape(t, o.metrics); !strings.Contains(metrics, "gatehouse_http_panics_total 1\n") ||
		!strings.Contains(metrics, `gatehouse_http_requests_total{method="GET",route="GET /broken",status="500"} 1`) ||
		!strings.Contains(metrics, "gatehouse_http_requests_in_flight 0\n") {
		t.Errorf("metrics:\n%s", metrics)
	}
}

func TestN131AScriptOfAnotherSiteSeesThatTheServerFailed(t *testing.T) {
	o := newObserved(t)
	o.mux.Handle("POST /broken", anyOrigin(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("the handler is broken") })))
	w := o.serve(httptest.NewRequest(http.MethodPost, "/broken", nil))
	if w.Code != http.StatusInternalServerError || w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Access-Control-Expose-Headers") == "" {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
}

func TestAnAnswerThatBrokeOffIsNotTakenForAWholeOne(t *testing.T) {
	for name, cause := range map[string]any{"by a fault": "the handler is broken", "on purpose": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			o := newObserved(t)
			o.mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half an ans")
				_ = http.NewResponseController(w).Flush()
				panic(cause)
			})
			server := httptest.NewServer(o.observe(o.mux))
			t.Cleanup(server.Close)
			response, err := server.Client().Get(server.URL + "/broken")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("body %q, error %v", body, err)
			}
			server.Close() // waits for the handler
			if lines := o.lines(t); lines[len(lines)-1]["msg"] != "request" {
				t.Errorf("log %v", lines)
			}
		})
	}
}

func TestAnInformationalAnswerIsNotTheAnswer(t *testing.T) {
	o := newObserved(t)
	o.mux.HandleFunc("GET /early", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	o.serve(httptest.NewRequest(http.MethodGet, "/early", nil))
	if lines := o.lines(t); lines[0]["status"] != 418.0 {
		t.Errorf("log %v", lines)
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, row := range []struct {
		name, text, want string
		limit            int
	}{
		{"short", "abc", "abc", 3},
		{"long", "abcd", "abc", 3},
		{"inside a character", "aäöü", "aä", 4},
		{"before any character", "ü", "", 1},
		{"not UTF-8", "\x80\x80\x80", "", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := bounded(row.text, row.limit); got != row.want {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	env := authtest.New(b)
	site := &Site{auth: env.Auth, metrics: NewMetrics(), access: io.Discard, now: env.Clock.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/introspect", func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequest(http.MethodPost, "/oauth2/introspect", nil)
	for name, handler := range map[string]http.Handler{"bare": mux, "observed": site.observe(mux)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w := httptest.NewRecorder()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}

// followed is a Tracer that keeps what it was told.
type followed []string

func (f *followed) Begin(ctx context.Context, method, requestID string, proxied http.Header) context.Context {
	*f = append(*f, method+" "+requestID+" "+proxied.Get("Traceparent"))
	return context.WithValue(ctx, followed{}.key(), "followed")
}

func (f *followed) End(ctx context.Context, route string, status int) {
	*f = append(*f, fmt.Sprint(ctx.Value(f.key()), " ", route, " ", status))
}

func (followed) key() any { return "trace" }

func TestARequestIsFollowedAndOnlyATrustedProxyNamesItsTrace(t *testing.T) {
	o := newObserved(t)
	var told followed
	o.tracer = &told
	o.mux.HandleFunc("GET /known/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(told.key()) == nil {
			t.Error("the handler does not get the tracer's context")
		}
		w.WriteHeader(http.StatusTeapot)
	})
	o.mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	for _, row := range [][2]string{{"192.0.2.1:1", "/known/a"}, {"10.0.0.1:1", "/known/b"}, {"10.0.0.1:1", "/readyz"}} {
		r := httptest.NewRequest(http.MethodGet, row[1], nil)
		r.RemoteAddr = row[0]
		r.Header.Set("Traceparent", "parent")
		r.Header.Set("X-Request-Id", "proxys-id")
		o.serve(r)
	}
	if len(told) != 4 || !strings.HasSuffix(told[0], " ") || told[2] != "GET proxys-id parent" {
		t.Fatalf("N192: the tracer was told %q", told)
	}
	for _, n := range []int{1, 3} {
		if told[n] != "followed GET /known/{name} 418" {
			t.Errorf("the end of a request: %q", told[n])
		}
	}
}
