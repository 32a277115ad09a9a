// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fault is what happens to a request on its way to the API server.
type fault int

const (
	faultNone      fault = iota
	faultConflict        // 409
	faultForbidden       // 403
	faultTooMany         // 429
	faultInternal        // 500
	faultTimeout         // 504
	faultCut             // the connection breaks before the API server has it
	faultLost            // the API server did it, and the connection breaks before the answer
	faultHang            // nothing happens for as long as it takes for others to come
	faults
)

// hangFor is how many other requests come before a request that hangs is cut, and hangAtMost how
// many hang at a time. Where few others come it is cut after hangLongest: nobody waits for the
// operator's own limit.
const (
	hangFor     = 40
	hangAtMost  = 2
	hangLongest = 3 * time.Second
)

// proxy stands between one operator and the API server.
type proxy struct {
	kubeconfig string
	forward    *httputil.ReverseProxy
	server     *httptest.Server

	mu      sync.Mutex
	random  *rand.Rand
	rate    float64 // of faults
	counts  [faults]int
	seen    int
	hanging []hanging
	deck    []fault // the kinds that come next
	// killIn is how many requests it is until kill is called; 0: it is not.
	killIn int
	kill   func()
	// before is called with each request that writes, but those of the lease, before it is
	// forwarded and when nothing else is done to it; it may wait. nil: nothing.
	before func(*http.Request)
	// after is called when such a request was forwarded, with the status of the answer, or 0
	// where there is none. nil: nothing.
	after func(r *http.Request, status int)
}

type hanging struct {
	until int // requests seen
	cut   chan struct{}
}

// newProxy starts a proxy that does nothing yet.
func (i *installation) newProxy(name string, random *rand.Rand) *proxy {
	i.t.Helper()
	target, err := url.Parse(i.Config.Host)
	i.must(err)
	p := &proxy{random: random, kubeconfig: filepath.Join(i.dir, name+".kubeconfig")}
	quiet := log.New(io.Discard, "", 0) // operators that are killed leave broken connections
	p.forward = &httputil.ReverseProxy{
		Transport: i.upstream(), FlushInterval: -1, ErrorLog: quiet,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Authorization") },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = httptest.NewUnstartedServer(p)
	p.server.EnableHTTP2, p.server.Config.ErrorLog = true, quiet
	p.server.StartTLS()
	i.t.Cleanup(func() {
		p.calm()
		p.server.CloseClientConnections()
		p.server.Close()
	})
	i.must(writeKubeconfig(p.kubeconfig, p.server.URL, p.server.Certificate().Raw))
	return p
}

// disturb has that share of the requests fail from now on.
func (p *proxy) disturb(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

// calm ends all faults, and what hangs.
func (p *proxy) calm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = 0
	for _, h := range p.hanging {
		close(h.cut)
	}
	p.hanging = nil
}

// injected returns how often each fault happened.
func (p *proxy) injected() [faults]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// death is when an operator dies at a request.
type death int

const (
	deathNone   death = iota
	deathBefore       // the API server never gets the request
	deathDuring       // the API server gets it while the operator dies
	deathAfter        // the API server has done it, and nobody reads the answer
	deaths
)

// killAfter has kill called at the n-th request from now on, or never again.
func (p *proxy) killAfter(n int, kill func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killIn, p.kill = n, kill
}

// dies decides whether the operator dies at a request. kill is not nil then.
func (p *proxy) dies(r *http.Request) (d death, kill func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killIn == 0 || isWatch(r) {
		return deathNone, nil
	}
	if p.killIn--; p.killIn > 0 {
		return deathNone, nil
	}
	return 1 + death(p.random.IntN(int(deaths)-1)), p.kill
}

// next decides what happens to a request. cut is closed when one that hangs is to end.
func (p *proxy) next(r *http.Request) (f fault, cut <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen++
	for len(p.hanging) > 0 && p.hanging[0].until <= p.seen {
		close(p.hanging[0].cut)
		p.hanging = p.hanging[1:]
	}
	if p.rate == 0 || p.random.Float64() >= p.rate {
		return faultNone, nil
	}
	f = p.draw(func(f fault) bool {
		switch {
		case isWatch(r):
			return f == faultInternal || f == faultTooMany || f == faultCut
		case f == faultHang:
			return len(p.hanging) < hangAtMost
		default:
			return true
		}
	})
	p.counts[f]++
	if f == faultHang {
		c := make(chan struct{})
		p.hanging = append(p.hanging, hanging{until: p.seen + hangFor, cut: c})
		cut = c
	}
	return f, cut
}

// draw returns the next kind of fault that fits. All kinds come equally often, in a random order.
func (p *proxy) draw(fits func(fault) bool) fault {
	for {
		for at, f := range p.deck {
			if fits(f) {
				p.deck = slices.Delete(p.deck, at, at+1)
				return f
			}
		}
		for _, n := range p.random.Perm(int(faults) - 1) {
			p.deck = append(p.deck, 1+fault(n))
		}
	}
}

func isWatch(r *http.Request) bool { return r.URL.Query().Get("watch") != "" }

func isLease(r *http.Request) bool { return strings.Contains(r.URL.Path, "/leases") }

// isWrite reports whether a request changes something that is not the lease.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && !isLease(r) && !r.URL.Query().Has("dryRun")
}

// ServeHTTP is part of http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch d, kill := p.dies(r); d {
	case deathNone:
		p.serve(w, r)
		return
	case deathBefore:
		kill()
	case deathDuring:
		body, err := io.ReadAll(r.Body) // the operator has sent all of it
		if err == nil {
			kill()
			r.Body = io.NopCloser(bytes.NewReader(body))
			p.forward.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		}
	default:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		kill()
	}
	panic(http.ErrAbortHandler)
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	f, cut := p.next(r)
	switch resource := (schema.GroupResource{Resource: "anything"}); f {
	case faultConflict:
		answer(w, apierrors.NewConflict(resource, "it", errors.New("injected")))
	case faultForbidden:
		answer(w, apierrors.NewForbidden(resource, "it", errors.New("injected")))
	case faultTooMany:
		answer(w, apierrors.NewTooManyRequests("injected", 0))
	case faultInternal:
		answer(w, apierrors.NewInternalError(errors.New("injected")))
	case faultTimeout:
		answer(w, apierrors.NewTimeoutError("injected", 0))
	case faultCut:
		panic(http.ErrAbortHandler)
	case faultHang:
		select {
		case <-cut:
		case <-time.After(hangLongest):
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case faultLost:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	default:
		p.pass(w, r)
	}
}

// pass forwards a request, and tells of it.
func (p *proxy) pass(w http.ResponseWriter, r *http.Request) {
	if !isWrite(r) {
		p.forward.ServeHTTP(w, r)
		return
	}
	p.mu.Lock()
	before, after := p.before, p.after
	p.mu.Unlock()
	if before != nil {
		before(r)
	}
	if after == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	recorded := httptest.NewRecorder()
	status := 0
	defer func() { after(r, status) }() // also where the operator is gone and nobody waits for the answer
	p.forward.ServeHTTP(recorded, r)
	status = recorded.Code
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes()) // an operator that is gone reads nothing
}

// answer answers as the API server does.
func answer(w http.ResponseWriter, err *apierrors.StatusError) {
	status := err.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_ = json.NewEncoder(w).Encode(status) // an operator that is gone reads nothing
}
