// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

// boundedServer is a server whose connections are bounded.
type boundedServer struct {
	*Connections
	address string

	mu   sync.Mutex
	seen []string // addresses of clients
}

func serveBounded(t *testing.T, c ConnectionsConfig, handler http.HandlerFunc) *boundedServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &boundedServer{Connections: NewConnections(listener, c), address: listener.Addr().String()}
	if handler == nil {
		handler = func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ok") }
	}
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r.RemoteAddr)
		s.mu.Unlock()
		handler(w, r)
	}), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, server, s.Connections, time.Nanosecond) }()
	t.Cleanup(func() {
		cancel()
		<-ended //nolint:errcheck // it ends with an error where connections are still open after a nanosecond
	})
	return s
}

// open returns how many connections there are.
func (s *boundedServer) open() int {
	s.Connections.mu.Lock()
	defer s.Connections.mu.Unlock()
	return s.count
}

func (s *boundedServer) unreadBytes() int {
	s.Connections.mu.Lock()
	defer s.Connections.mu.Unlock()
	return s.unread
}

// dial connects from an address of this machine and sends text.
func (s *boundedServer) dial(t *testing.T, from, text string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatalf("connect from %s: %v", from, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, text) // the server may have refused already
	return conn
}

const getRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// answered reports whether an answer comes.
func answered(conn net.Conn) bool {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return err == nil && response.StatusCode == http.StatusOK
}

func TestN80OneAddressHoldsNoMoreConnectionsThanItMay(t *testing.T) {
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 64, ConnectionsPerAddress: 4}}, nil)
	for n := range 40 {
		if !answered(s.dial(t, "127.6.6.6", getRequest)) {
			t.Fatalf("connection %d of one address is not served: an idle one of its own makes room", n)
		}
		if !answered(s.dial(t, fmt.Sprintf("127.7.7.%d", n%8), getRequest)) {
			t.Fatalf("after %d connections of one address another is not served", n)
		}
	}
	if got := s.open(); got > 4+8*4 {
		t.Errorf("%d connections are open", got)
	}
}

func TestN80ManyAddressesWithIdleConnectionsShutNobodyOut(t *testing.T) {
	for name, text := range map[string]string{"idle after a request": getRequest, "that never send anything": "", "in the middle of a header": "GET / HT"} {
		t.Run(name, func(t *testing.T) {
			s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 32, ConnectionsPerAddress: 4}}, nil)
			var held []net.Conn
			for n := range 200 {
				conn := s.dial(t, fmt.Sprintf("127.6.%d.6", n), text) // each its own: an address that is still served gets no second one where there is little room
				held = append(held, conn)
				if text == getRequest && !answered(conn) {
					t.Fatalf("connection %d is not served", n)
				}
			}
			if !answered(s.dial(t, "127.7.7.7", getRequest)) {
				t.Fatal("a newcomer is not served")
			}
			if got := s.open(); got > 32 {
				t.Errorf("%d connections are open, at most 32 may be", got)
			}
			_ = held[0].SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := held[0].Read(make([]byte, 1)); err == nil {
				t.Error("the oldest connection is still open")
			}
		})
	}
}

func TestARequestThatIsBeingAnsweredIsNeverCutOffForANewcomer(t *testing.T) {
	release := make(chan struct{})
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 16, ConnectionsPerAddress: 16}}, func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "ok")
	})
	var held []net.Conn
	for n := range 16 {
		held = append(held, s.dial(t, fmt.Sprintf("127.6.6.%d", n), getRequest))
	}
	eventually(t, "all are being answered", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.seen) == 16 })
	// The connection may be refused while it is made or after that.
	newcomer, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	if err == nil {
		_ = newcomer.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(newcomer, getRequest)
		if answered(newcomer) {
			t.Error("there was room for one more")
		}
		_ = newcomer.Close()
	}
	close(release)
	for n, conn := range held {
		if !answered(conn) {
			t.Errorf("request %d was cut off", n)
		}
	}
}

func TestN80HeadersThatAreNeverFinishedAreBoundedInAll(t *testing.T) {
	metrics := NewMetrics()
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 2048, ConnectionsPerAddress: 1024}, Metrics: metrics}, nil)
	header := "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("c", 28<<10)
	for n := range 800 { // 22 MiB, of which 16 may be held
		s.dial(t, fmt.Sprintf("127.6.6.%d", n%4), header)
	}
	eventually(t, "some are closed, and little is held", func() bool {
		return metricOf(t, metrics, "gatehouse_connections_evicted_total") > 0 && s.unreadBytes() <= maxUnread
	})
	if !answered(s.dial(t, "127.7.7.7", getRequest)) {
		t.Error("somebody else is not served")
	}
}

func TestNothingIsCountedOfConnectionsThatHaveEnded(t *testing.T) {
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 64, ConnectionsPerAddress: 8}}, nil)
	for n := range 100 {
		conn := s.dial(t, fmt.Sprintf("127.6.6.%d", n%7), []string{getRequest, "GET / HT", ""}[n%3])
		if n%3 == 0 && !answered(conn) {
			t.Errorf("request %d is not served", n)
		}
		_ = conn.Close()
	}
	eventually(t, "all have ended", func() bool { return s.open() == 0 })
	s.Connections.mu.Lock()
	defer s.Connections.mu.Unlock()
	if s.unread != 0 || len(s.by) != 0 || s.idle.Len() != 0 || s.fresh.Len() != 0 {
		t.Errorf("left behind: %d bytes, %d addresses, %d idle, %d fresh", s.unread, len(s.by), s.idle.Len(), s.fresh.Len())
	}
}

// throughProxy returns a header of the PROXY protocol that names a client, and a request.
func throughProxy(t *testing.T, version byte, client string) string {
	t.Helper()
	header := proxyproto.HeaderProxyFromAddrs(version,
		net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:443")))
	raw, err := header.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw) + getRequest
}

var proxies = []netip.Prefix{netip.MustParsePrefix("127.1.0.0/16")}

func TestN85OnlyATrustedProxyNamesTheClient(t *testing.T) {
	for _, row := range []struct {
		name, from, text string
		proxied          bool
		want             string // the client that is seen; empty: there is no answer
	}{
		{"a trusted proxy", "127.1.1.1", throughProxy(t, 2, "203.0.113.7:4711"), true, "203.0.113.7"},
		{"a trusted proxy, IPv6", "127.1.1.1", throughProxy(t, 2, "[2001:db8::7]:4711"), true, "2001:db8::7"},
		{"version 1", "127.1.1.1", throughProxy(t, 1, "203.0.113.7:4711"), true, ""},
		{"a trusted proxy without the header", "127.1.1.1", getRequest, true, ""},
		{"anybody else", "127.6.6.6", throughProxy(t, 2, "203.0.113.7:4711"), true, ""},
		{"anybody else without the header", "127.6.6.6", getRequest, true, "127.6.6.6"},
		{"a trusted proxy where the protocol is off", "127.1.1.1", throughProxy(t, 2, "203.0.113.7:4711"), false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serveBounded(t, ConnectionsConfig{TrustedProxies: proxies, ProxyProtocol: row.proxied}, nil)
			if ok := answered(s.dial(t, row.from, row.text)); ok != (row.want != "") {
				t.Errorf("answered: %v", ok)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, client := range s.seen {
				if got, _ := parsePeer(client); got.String() != row.want {
					t.Errorf("the client is %s, want %q", client, row.want)
				}
			}
		})
	}
}

func TestN85AClientBehindAProxyIsBoundedAndTheProxyIsNot(t *testing.T) {
	s := serveBounded(t, ConnectionsConfig{
		Limits: Limits{Connections: 256, ConnectionsPerAddress: 4}, TrustedProxies: proxies, ProxyProtocol: true,
	}, nil)
	for n := range 30 {
		if !answered(s.dial(t, "127.1.1.1", throughProxy(t, 2, "203.0.113.7:4711"))) {
			t.Fatalf("connection %d of a client is not served", n)
		}
	}
	eventually(t, "one client holds what it may", func() bool { return s.open() <= 4 })
	for n := range 30 {
		if !answered(s.dial(t, "127.1.1.1", throughProxy(t, 2, fmt.Sprintf("203.0.113.%d:4711", 100+n)))) {
			t.Fatalf("client %d is not served", n)
		}
	}
	if got := s.open(); got < 30 {
		t.Errorf("%d connections are open: the proxy is bounded", got)
	}
}

func TestTrustedProxiesAreNotBoundedByAddress(t *testing.T) {
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 256, ConnectionsPerAddress: 4}, TrustedProxies: proxies}, nil)
	for n := range 40 {
		if !answered(s.dial(t, "127.1.1.1", getRequest)) {
			t.Fatalf("connection %d is not served", n)
		}
	}
	if got := s.open(); got != 40 {
		t.Errorf("%d connections are open, want 40", got)
	}
}

func TestN80AFewAddressesThatTakeAllTheyCanLeaveRoom(t *testing.T) {
	q := newQuota(1024, 256)
	for n := range 16 {
		for q.take(networkOf(netip.AddrFrom4([4]byte{127, 6, 6, byte(n)})), 1) {
			continue
		}
	}
	if !q.take(networkOf(netip.MustParseAddr("127.7.7.7")), 1) {
		t.Errorf("16 addresses hold all: %d of 1024", q.held)
	}

	release := make(chan struct{})
	s := serveBounded(t, ConnectionsConfig{Limits: Limits{Connections: 64, ConnectionsPerAddress: 16}}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.RemoteAddr, "127.6.") {
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	})
	t.Cleanup(func() { close(release) })
	for n := range 6 * 16 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 6, 6, byte(n%6))}}
		if conn, err := dialer.DialContext(t.Context(), "tcp", s.address); err == nil { // some are refused
			t.Cleanup(func() { _ = conn.Close() })
			_, _ = io.WriteString(conn, getRequest)
		}
	}
	eventually(t, "requests of the six are under way", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.seen) > 30 })
	if !answered(s.dial(t, "127.7.7.7", getRequest)) {
		t.Errorf("six addresses hold all: %d connections", s.open())
	}
}

func TestAClientHasAWholeIPv6Network(t *testing.T) {
	q := newQuota(100, 2)
	taken := 0
	for n := range 10 {
		if q.take(networkOf(netip.MustParseAddr(fmt.Sprintf("2001:db8:0:1::%x", n))), 1) {
			taken++
		}
	}
	if taken != 2 || !q.take(networkOf(netip.MustParseAddr("2001:db8:0:2::1")), 1) {
		t.Errorf("%d of one network are let in, want 2", taken)
	}
	for range 200 {
		q.take(network{}, 1)
	}
	if q.held != 100 {
		t.Errorf("%d are held in all, want 100", q.held)
	}
}
