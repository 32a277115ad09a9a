// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// probeInterval is how often the balancer asks a replica whether it is ready.
const probeInterval = 50 * time.Millisecond

// balancer passes connections on to the replicas that are ready, in turn, as a Service does: it knows
// nothing of HTTP, and a connection stays with its replica until one of both ends it. It tries nothing twice.
type balancer struct {
	t        *testing.T
	listener net.Listener
	client   *http.Client // asks for readiness
	running  sync.WaitGroup

	mu    sync.Mutex
	ready []string // addresses
	next  int
	open  map[net.Conn]struct{}
}

func newBalancer(t *testing.T) *balancer {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{t: t, listener: l, client: &http.Client{Timeout: time.Minute}, open: map[net.Conn]struct{}{}}
	b.running.Go(b.accept)
	t.Cleanup(func() {
		_ = l.Close()
		b.mu.Lock()
		for c := range b.open {
			_ = c.Close()
		}
		b.mu.Unlock()
		b.running.Wait()
		b.client.CloseIdleConnections()
	})
	return b
}

func (b *balancer) address() string { return b.listener.Addr().String() }

// watch asks a replica whether it is ready until it was ready and its port for metrics has gone, or until
// the test ends.
func (b *balancer) watch(main, ops string) {
	b.running.Go(func() {
		tick := time.NewTicker(probeInterval)
		defer tick.Stop()
		for was := false; ; {
			answer, err := b.client.Get("http://" + ops + "/readyz")
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
			b.set(main, err == nil && answer.StatusCode == http.StatusOK)
			if was = was || err == nil; err != nil && was {
				return
			}
			select {
			case <-tick.C:
			case <-b.t.Context().Done():
				return
			}
		}
	})
}

// set says whether a replica gets new connections.
func (b *balancer) set(address string, ready bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var others []string
	for _, known := range b.ready {
		if known != address {
			others = append(others, known)
		}
	}
	if b.ready = others; ready {
		b.ready = append(b.ready, address)
	}
}

// serves reports whether a replica gets connections.
func (b *balancer) serves(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.ready, address)
}

// pick returns the replica whose turn it is; empty if none is ready.
func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ready) == 0 {
		return ""
	}
	b.next++
	return b.ready[b.next%len(b.ready)]
}

func (b *balancer) accept() {
	for {
		in, err := b.listener.Accept()
		if err != nil {
			return
		}
		out, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", b.pick())
		if err != nil {
			_ = in.Close()
			continue
		}
		b.keep(in, out)
		b.running.Go(func() { b.pass(in, out) })
		b.running.Go(func() { b.pass(out, in) })
	}
}

// keep notes connections that have to end with the test.
func (b *balancer) keep(both ...net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range both {
		b.open[c] = struct{}{}
	}
}

// pass copies what one end sends until it has sent all, and tells the other end.
func (b *balancer) pass(from, to net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_, _ = from.Close(), to.Close()
}
