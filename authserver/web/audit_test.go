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
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// auditLine is the form of an event in the log.
type auditLine struct {
	Event    authserver.EventName `json:"event"`
	ClientID string               `json:"clientID"`
	Owner    string               `json:"owner"`
	Scopes   []string             `json:"scopes"`
	Reason   string               `json:"reason"`
}

func auditTo(w io.Writer, log io.Writer) *Auditor {
	clock := authtest.NewClock(authtest.Start.Add(7 * time.Millisecond))
	return NewAuditor(w, slog.New(slog.NewJSONHandler(log, nil)), NewMetrics(), clock.Now)
}

func TestAnEventIsOneLineWithItsRequest(t *testing.T) {
	var out bytes.Buffer
	a := auditTo(&out, io.Discard)
	o := newObserved(t)
	o.mux.HandleFunc("POST /login", func(_ http.ResponseWriter, r *http.Request) {
		a.Record(r.Context(), authserver.Event{
			Name: authserver.EventGrantApproved, ClientID: "photos.photoprint", Owner: "bob", Grant: "0a0b",
			Scopes: []string{"photos.read"}, Reason: "a \"reason\"\nof two lines",
		})
	})
	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	id := o.serve(r).Header().Get("X-Request-Id")
	want := `{"time":"2026-06-01T12:00:00.007Z","event":"grant.approved","clientID":"photos.photoprint","owner":"bob","grant":"0a0b",` +
		`"scopes":["photos.read"],"reason":"a \"reason\"\nof two lines","address":"203.0.113.7","requestID":"` + id + `"}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestAuditValuesAreBounded(t *testing.T) {
	var out bytes.Buffer
	long := strings.Repeat("ü", 100_000)
	scopes := make([]string, 1000)
	for n := range scopes {
		scopes[n] = long
	}
	e := authserver.Event{Name: authserver.EventLoginFailed, ClientID: long, Owner: long, Grant: long, Scopes: scopes, Reason: long}
	auditTo(&out, io.Discard).Record(t.Context(), e)
	if out.Len() > 40_000 {
		t.Errorf("a line of %d bytes", out.Len())
	}
	var line auditLine
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Owner != strings.Repeat("ü", maxAuditValue/2) || len(line.Scopes) != maxAuditScopes {
		t.Errorf("owner of %d bytes, %d scopes", len(line.Owner), len(line.Scopes))
	}
	if e.Scopes[0] != long {
		t.Error("the event of the caller was changed")
	}
}

func TestParallelEventsAreWholeLinesAndNoneIsLost(t *testing.T) {
	const goroutines, each = 50, 40
	var out bytes.Buffer // the auditor writes from one goroutine at a time: the race detector sees to it
	a := auditTo(&out, io.Discard)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for n := range each {
				a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued, ClientID: fmt.Sprint(g), Owner: strconv.Itoa(n)})
			}
		})
	}
	all.Wait()
	next := map[string]int{}
	for line := range strings.Lines(out.String()) {
		var got auditLine
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v in line %q", err, line)
		}
		if got.Owner != strconv.Itoa(next[got.ClientID]) {
			t.Fatalf("event %s of %s, want %d", got.Owner, got.ClientID, next[got.ClientID])
		}
		next[got.ClientID]++
	}
	if len(next) != goroutines || next["0"] != each {
		t.Errorf("events of %d goroutines, %d of the first", len(next), next["0"])
	}
}

// writerFunc is a writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestAnEventIsWrittenWhenRecordReturns(t *testing.T) {
	written := false
	a := auditTo(writerFunc(func(b []byte) (int, error) { written = true; return len(b), nil }), io.Discard)
	a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued})
	if !written {
		t.Error("Record returned before the line was written")
	}
}

func TestAFailingAuditLogIsLoggedOnceAndCounted(t *testing.T) {
	var out, log bytes.Buffer
	fails := true
	a := auditTo(writerFunc(func(b []byte) (int, error) {
		if fails {
			n, _ := out.Write(b[:3])
			return n, errors.New("no space left on device")
		}
		return out.Write(b)
	}), &log)
	for range 3 {
		a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued})
	}
	fails = false
	a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenRevoked})
	if got := strings.Count(log.String(), "audit events cannot be written"); got != 1 {
		t.Errorf("logged %d times:\n%s", got, &log)
	}
	if !strings.Contains(log.String(), "no space left on device") || !strings.Contains(log.String(), "can be written again") {
		t.Errorf("log:\n%s", &log)
	}
	if metrics := scrape(t, a.metrics); !strings.Contains(metrics, "gatehouse_audit_events_lost_total 3\n") {
		t.Errorf("metrics:\n%s", metrics)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; !json.Valid([]byte(last)) || !strings.Contains(last, "token.revoked") {
		t.Errorf("the line after a torn one: %q", last)
	}
}

// orderedWriter is the answer of a request, which notes when it begins.
type orderedWriter struct {
	*httptest.ResponseRecorder
	begins func()
}

func (w orderedWriter) WriteHeader(status int) { w.begins(); w.ResponseRecorder.WriteHeader(status) }

func (w orderedWriter) Write(b []byte) (int, error) { w.begins(); return w.ResponseRecorder.Write(b) }

func TestN179NoAnswerIsSentBeforeItsEventsAreInTheAuditLog(t *testing.T) {
	event := func(owner string) authserver.Event {
		return authserver.Event{Name: authserver.EventTokenIssued, Owner: owner}
	}
	for name, answer := range map[string]func(http.ResponseWriter){
		"a status":          func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) },
		"a body":            func(w http.ResponseWriter) { _, _ = io.WriteString(w, "{}") },
		"nothing":           func(http.ResponseWriter) {},
		"a panic":           func(http.ResponseWriter) { panic("a fault") },
		"an aborted answer": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const slow = 100 * time.Millisecond
				var out bytes.Buffer
				a := auditTo(writerFunc(func(b []byte) (int, error) { <-time.After(slow); return out.Write(b) }), io.Discard)
				o := newObserved(t)
				o.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
					begin := time.Now()
					a.Record(r.Context(), event("first"))
					a.Record(r.Context(), event("second"))
					if time.Since(begin) != 0 {
						t.Error("Record waits although an answer is to come")
					}
					answer(w)
				})
				inLog := func() {
					if got := strings.Count(out.String(), "\n"); got != 2 {
						t.Errorf("%d events are in the log", got)
					}
				}
				w := orderedWriter{httptest.NewRecorder(), inLog}
				func() {
					defer func() { _ = recover() }() // net/http cuts the connection
					o.observe(o.mux).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/login", nil))
				}()
				inLog()
			})
		})
	}
}

func TestN179AnEventAfterTheAnswerIsWaitedForAtOnce(t *testing.T) {
	var out bytes.Buffer
	a, o := auditTo(&out, io.Discard), newObserved(t)
	o.mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		a.Record(r.Context(), authserver.Event{Name: authserver.EventTokenIssued, Owner: "after"})
		if !strings.Contains(out.String(), "after") {
			t.Error("the event is not in the log when Record returns")
		}
	})
	o.serve(httptest.NewRequest(http.MethodPost, "/login", nil))
}

func TestAnAuditLogThatHangsStopsNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, log bytes.Buffer
		release := make(chan struct{})
		a := auditTo(writerFunc(func(b []byte) (int, error) { <-release; return out.Write(b) }), &log)
		begin := time.Now()
		a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued, Owner: "first"})
		if waited := time.Since(begin); waited != linePatience {
			t.Errorf("the first event waited %s", waited)
		}
		begin = time.Now()
		for n := range 1000 {
			a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued, Owner: strconv.Itoa(n)})
		}
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("1000 events after it waited %s", waited)
		}
		giveUp, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Close(giveUp); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close: %v", err)
		}
		close(release)
		if err := a.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
		if got := strings.Count(out.String(), "\n"); got != 1001 {
			t.Errorf("%d lines were written after all", got)
		}
		if got := strings.Count(log.String(), "\n"); got != 2 || !strings.Contains(log.String(), "cannot be written") || !strings.Contains(log.String(), "can be written again") {
			t.Errorf("log:\n%s", &log)
		}
		if metrics := scrape(t, a.metrics); !strings.Contains(metrics, "gatehouse_audit_events_late_total 1001\n") {
			t.Errorf("metrics:\n%s", metrics)
		}
		a.Record(t.Context(), authserver.Event{Name: authserver.EventTokenIssued, Owner: "last"})
		if !strings.Contains(out.String(), "last") {
			t.Error("events are not waited for again")
		}
	})
}

func TestAnAuditLogThatHangsTakesNoMoreThanItsShareOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		release := make(chan struct{})
		a := auditTo(writerFunc(func(b []byte) (int, error) { <-release; return out.Write(b) }), io.Discard)
		long := strings.Repeat("x", maxAuditValue)
		for range 3 * maxPendingLines / maxAuditValue {
			a.Record(t.Context(), authserver.Event{Name: authserver.EventRequestRefused, Reason: long})
		}
		close(release)
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if out.Len() > maxPendingLines+2*maxAuditValue {
			t.Errorf("%d bytes were kept", out.Len())
		}
		if metrics := scrape(t, a.metrics); strings.Contains(metrics, "gatehouse_audit_events_lost_total 0\n") {
			t.Error("what was lost is not counted")
		}
	})
}

func TestClosingAnIdleAuditLogReturnsAtOnce(t *testing.T) {
	a := auditTo(io.Discard, io.Discard)
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkAudit(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "audit.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	event := authserver.Event{Name: authserver.EventTokenIssued, ClientID: "photos.photostorage", Scopes: []string{"photos.read"}}
	a := NewAuditor(file, slog.New(slog.DiscardHandler), NewMetrics(), time.Now)
	b.Run("one after the other", func(b *testing.B) {
		for b.Loop() {
			a.Record(b.Context(), event)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				a.Record(b.Context(), event)
			}
		})
	})
	b.Run("locked write", func(b *testing.B) {
		var mu sync.Mutex
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				line := a.line(b.Context(), nil, event)
				mu.Lock()
				_, _ = file.Write(line)
				mu.Unlock()
			}
		})
	})
}
