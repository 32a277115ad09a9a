// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// pace is how long a client waits between two requests: the test is about what fails and not about how much goes.
const pace = 5 * time.Millisecond

// load is clients that send requests until the end. Each has one request under way at a time.
type load struct {
	running sync.WaitGroup
	done    chan struct{}
	clients []*atomic.Int64 // what each was answered

	mu     sync.Mutex
	failed []string
}

// ask sends one request and returns the status.
type ask func() (int, error)

// beginLoad starts two clients of each kind: one keeps a connection of HTTP/1.1 while the server does, one opens
// a connection for each request, one speaks HTTP/2 as Go's client does. The first two are written out
// here, because Go's client would try some requests twice.
func beginLoad(t *testing.T, w *environment, address string) *load {
	t.Helper()
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	app := w.photoPrint(t, "https://"+address)
	config := client.Transport.(*http.Transport).TLSClientConfig
	l := &load{done: make(chan struct{})}
	for range 2 {
		kept := &wire{t: t, app: app, address: address, config: config.Clone(), keep: true}
		anew := &wire{t: t, app: app, address: address, config: config.Clone()}
		h2 := &http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}}
		t.Cleanup(h2.CloseIdleConnections)
		for _, one := range []ask{kept.ask, anew.ask, func() (int, error) { return askHTTP2(t, h2, app, address) }} {
			count := &atomic.Int64{}
			l.clients = append(l.clients, count)
			l.running.Go(func() { l.send(one, count) })
		}
	}
	t.Cleanup(func() { l.end() })
	return l
}

func (l *load) send(one ask, count *atomic.Int64) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
		}
		if status, err := one(); err != nil || status != http.StatusOK {
			l.mu.Lock()
			l.failed = append(l.failed, fmt.Sprintf("%d %v", status, err))
			l.mu.Unlock()
		}
		count.Add(1)
	}
}

// served waits until each client has had n more answers.
func (l *load) served(t *testing.T, n int64) {
	t.Helper()
	for _, count := range l.clients {
		want := count.Load() + n
		testenv.Eventually(t, time.Minute, "each client is served", func() bool { return count.Load() >= want })
	}
}

// end stops all clients and returns how many requests there were and what failed.
func (l *load) end() (answered int64, failed []string) {
	l.mu.Lock()
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	l.mu.Unlock()
	l.running.Wait()
	for _, count := range l.clients {
		answered += count.Load()
	}
	return answered, l.failed
}

// introspection is a request that a client may always send: about a token that nobody gave out.
func introspection(t *testing.T, app *app, address string) *http.Request {
	body := strings.NewReader("token=gha_unknown")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/oauth2/introspect", body)
	if err != nil {
		t.Error(err)
		return nil
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(app.ClientID), url.QueryEscape(app.ClientSecret))
	return r
}

func askHTTP2(t *testing.T, client *http.Client, app *app, address string) (int, error) {
	answer, err := client.Do(introspection(t, app, address))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.ProtoMajor != 2 {
		return 0, fmt.Errorf("%s", answer.Proto)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// wire is a client of HTTP/1.1 that tries nothing twice.
type wire struct {
	t       *testing.T
	app     *app
	address string
	config  *tls.Config
	keep    bool

	conn   net.Conn // nil: there is none
	reader *bufio.Reader
}

func (w *wire) ask() (int, error) {
	if w.conn == nil {
		conn, err := (&tls.Dialer{Config: w.config}).DialContext(w.t.Context(), "tcp", w.address)
		if err != nil {
			return 0, fmt.Errorf("connect: %w", err)
		}
		w.conn, w.reader = conn, bufio.NewReader(conn)
	}
	status, ends, err := w.exchange()
	if err != nil || ends || !w.keep {
		_ = w.conn.Close()
		w.conn = nil
	}
	return status, err
}

// exchange sends a request and reads its answer, and returns whether the server ends the connection with it.
func (w *wire) exchange() (status int, ends bool, err error) {
	r := introspection(w.t, w.app, w.address)
	if err := r.Write(w.conn); err != nil {
		return 0, true, fmt.Errorf("send: %w", err)
	}
	answer, err := http.ReadResponse(w.reader, r)
	if err != nil {
		return 0, true, fmt.Errorf("receive: %w", err)
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close, err
}
