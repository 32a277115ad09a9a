// SPDX-License-Identifier: Apache-2.0

package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Connections is a listener that bounds the connections of a server, in all and for each
// address. When one more comes than an address may have, or when there is little room left,
// a connection is closed that serves no request: the one that has waited longest.
type Connections struct {
	net.Listener
	limits  Limits
	trusted []netip.Prefix
	proxied bool
	metrics boundMetrics

	mu     sync.Mutex
	count  int
	unread int // bytes of headers that are not complete
	by     map[network]int
	// idle and fresh hold the connections that serve no request, the oldest first: those
	// that have served one, and those that have not.
	idle, fresh list.List
}

// ConnectionsConfig is how to bound connections. The zero value takes the defaults.
type ConnectionsConfig struct {
	Limits Limits
	// TrustedProxies are the peers that are not bounded by address.
	TrustedProxies []netip.Prefix
	// ProxyProtocol is set where the trusted proxies begin each connection with a header of
	// the PROXY protocol, version 2, and nobody else may.
	ProxyProtocol bool
	// Metrics count what is refused; nil: nobody is told.
	Metrics *Metrics
}

// NewConnections bounds the connections of a listener.
func NewConnections(l net.Listener, c ConnectionsConfig) *Connections {
	metrics := newBoundMetrics(prometheus.NewRegistry())
	if c.Metrics != nil {
		metrics = c.Metrics.boundMetrics
	}
	return &Connections{
		Listener: l, limits: c.Limits.withDefaults(), trusted: c.TrustedProxies, proxied: c.ProxyProtocol,
		metrics: metrics, by: map[network]int{},
	}
}

// connection is one connection of a listener.
type connection struct {
	net.Conn
	owner *Connections

	serving atomic.Bool

	// The rest belongs to owner.mu.
	unread int     // bytes since it last served a request
	from   network // counted for; the zero one for trusted proxies
	in     *list.List
	place  *list.Element // in that list; nil while it serves a request
	closed bool
}

// Accept returns the next connection that there is room for.
func (l *Connections) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, _ := parsePeer(raw.RemoteAddr().String())
		trusted := slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(peer) })
		c := &connection{Conn: raw, owner: l}
		from := networkOf(peer)
		if trusted {
			from = network{}
		}
		if !l.admit(c, from) {
			l.refuse(raw)
			continue
		}
		if trusted && l.proxied {
			return newProxied(c), nil
		}
		return c, nil
	}
}

// refuse ends a connection at once. Nothing of it stays behind.
func (l *Connections) refuse(c net.Conn) {
	l.metrics.refusedConnections.Inc()
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what cannot be set or closed is gone
	}
	_ = c.Close()
}

// admit counts a connection for a network, if there is room or room can be made.
func (l *Connections) admit(c *connection, from network) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.roomFor(from) {
		return false
	}
	if l.count >= l.limits.Connections-l.limits.Connections/8 {
		l.evict(&l.idle, anyNetwork)
	}
	if l.count >= l.limits.Connections && !l.evict(&l.idle, anyNetwork) && !l.evict(&l.fresh, anyNetwork) {
		return false
	}
	l.count++
	l.take(c, from)
	l.wait(c, &l.fresh)
	l.metrics.connections.Set(float64(l.count))
	return true
}

// roomFor reports whether a network may have one more connection. If it has as many as it
// may, it loses one that serves no request. The less room there is, the fewer it may have: a
// few networks that hold all they may leave room for others.
func (l *Connections) roomFor(from network) bool {
	free := max(1, (l.limits.Connections-l.count)/3)
	if !from.IsValid() || l.by[from] < min(l.limits.ConnectionsPerAddress, free) {
		return true
	}
	own := func(c *connection) bool { return c.from == from }
	return l.evict(&l.idle, own) || l.evict(&l.fresh, own)
}

// countFor counts a connection for the client that a proxy has named. If the client has too
// many, the connection is closed.
func (l *Connections) countFor(c *connection, from network) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.closed {
		return
	}
	if !l.roomFor(from) {
		l.release(c)
		l.refuse(c.Conn)
		return
	}
	l.take(c, from)
}

func (l *Connections) take(c *connection, from network) {
	c.from = from
	if from.IsValid() {
		l.by[from]++
	}
}

func anyNetwork(*connection) bool { return true }

// evict closes the oldest connection of a list that matches, and reports whether there was one.
func (l *Connections) evict(from *list.List, matches func(*connection) bool) bool {
	for e := from.Front(); e != nil; e = e.Next() {
		c, _ := e.Value.(*connection)
		if !matches(c) {
			continue
		}
		l.metrics.evictedConnections.Inc()
		l.release(c)
		_ = c.Conn.Close() // its end is what was wanted
		return true
	}
	return false
}

// wait puts a connection at the end of a list, and out of the one it is in.
func (l *Connections) wait(c *connection, in *list.List) {
	l.unwait(c)
	c.in, c.place = in, in.PushBack(c)
}

func (l *Connections) unwait(c *connection) {
	if c.place != nil {
		c.in.Remove(c.place)
		c.in, c.place = nil, nil
	}
}

// release forgets a connection that has ended.
func (l *Connections) release(c *connection) {
	if c.closed {
		return
	}
	c.closed = true
	l.unwait(c)
	l.read(c, -c.unread)
	l.count--
	if c.from.IsValid() {
		if l.by[c.from]--; l.by[c.from] <= 0 {
			delete(l.by, c.from)
		}
	}
	l.metrics.connections.Set(float64(l.count))
}

// Note is for http.Server.ConnState: it tells which connections serve a request.
func (l *Connections) Note(conn net.Conn, state http.ConnState) {
	c := connectionOf(conn)
	if c == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case c.closed:
	case state == http.StateActive:
		c.serving.Store(true)
		l.read(c, -c.unread)
		l.unwait(c)
	case state == http.StateIdle:
		c.serving.Store(false)
		l.wait(c, &l.idle)
	}
}

// connectionOf finds the connection below TLS and the PROXY protocol.
func connectionOf(conn net.Conn) *connection {
	for {
		switch c := conn.(type) {
		case *connection:
			return c
		case *proxied:
			return c.below
		case *tls.Conn:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

// Read counts what belongs to a header that is not complete. When all connections together
// hold too much of that, the one that has waited longest is closed.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.serving.Load() {
		c.owner.waiting(c, n)
	}
	return n, err
}

// waiting notes that a connection that serves no request has sent n bytes more.
func (l *Connections) waiting(c *connection, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.place == nil { // it serves one now, or has been closed
		return
	}
	l.read(c, n)
	much := func(c *connection) bool { return c.unread > manyUnread }
	for l.unread > maxUnread && (l.evict(&l.fresh, much) || l.evict(&l.idle, much)) {
		continue
	}
}

func (l *Connections) read(c *connection, n int) {
	c.unread += n
	l.unread += n
}

// Close ends the connection.
func (c *connection) Close() error {
	c.owner.mu.Lock()
	c.owner.release(c)
	c.owner.mu.Unlock()
	return c.Conn.Close()
}
