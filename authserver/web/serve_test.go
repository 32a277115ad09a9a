// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// running is a server on loopback.
type running struct {
	url      string
	server   *http.Server
	stop     context.CancelFunc
	stopping chan struct{} // closed when the server has begun to stop
	ended    chan error    // what Serve returned
}

func serveOn(t *testing.T, server *http.Server, drain time.Duration) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{
		url: "http://" + listener.Addr().String(), server: server, stop: cancel,
		stopping: make(chan struct{}), ended: make(chan error, 1),
	}
	if server.TLSConfig != nil {
		r.url = "https://" + listener.Addr().String()
	}
	server.RegisterOnShutdown(func() { close(r.stopping) })
	go func() { r.ended <- Serve(ctx, server, listener, drain) }()
	t.Cleanup(func() { cancel(); _ = server.Close() })
	return r
}

func TestShutdownFinishesWhatIsUnderWay(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := serveOn(t, NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = io.WriteString(w, "done")
	}), slog.New(slog.DiscardHandler)), time.Minute)
	type answer struct {
		body string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		response, err := http.Get(r.url)
		if err != nil {
			answers <- answer{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answers <- answer{string(body), err}
	}()
	<-arrived
	r.stop()
	<-r.stopping
	close(release)
	if got := <-answers; got.err != nil || got.body != "done" {
		t.Errorf("answer %q, %v", got.body, got.err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := http.Get(r.url); err == nil {
		t.Error("a request after the end was answered")
	}
}

func TestShutdownCutsOffWhatTakesTooLong(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := serveOn(t, NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}), slog.New(slog.DiscardHandler)), time.Nanosecond)
	t.Cleanup(func() { close(release) })
	failed := make(chan error, 1)
	go func() {
		_, err := http.Get(r.url)
		failed <- err
	}()
	<-arrived
	r.stop()
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "finish the requests") {
		t.Errorf("serve: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request that was cut off was answered")
	}
}

func TestAListenerThatFailsIsAnError(t *testing.T) {
	r := serveOn(t, NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler)), time.Minute)
	_ = r.server.Close()
	if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "serve 127.0.0.1") {
		t.Errorf("serve: %v", err)
	}
}

func TestTheCookiesOfFiveInteractionsFitAndLargerHeadersDoNot(t *testing.T) {
	f := newCertificateFolder(t)
	cert, key := newPair(t, 1, authtest.Start.AddDate(1, 0, 0))
	f.mount(t, "v1", cert, key)
	certificate, err := f.load()
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
		slog.New(slog.DiscardHandler))
	server.TLSConfig = certificate.Config()
	r := serveOn(t, server, time.Minute)
	cookie := "__Host-interaction=" + strings.Repeat("x", 3800)
	for _, row := range []struct {
		name    string
		http2   bool
		cookies int
		want    string
	}{
		{"five, HTTP/1.1", false, 5, "200 HTTP/1.1"},
		{"five, HTTP/2", true, 5, "200 HTTP/2.0"},
		{"twenty, HTTP/1.1", false, 20, "431"},
	} {
		t.Run(row.name, func(t *testing.T) {
			protocols := &http.Protocols{}
			protocols.SetHTTP1(!row.http2)
			protocols.SetHTTP2(row.http2)
			transport := &http.Transport{
				Protocols:       protocols,
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			} //nolint:gosec // the certificate is not what is tested
			t.Cleanup(transport.CloseIdleConnections)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			for range row.cookies {
				request.Header.Add("Cookie", cookie)
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, _ := io.ReadAll(response.Body)
			if got := response.Status[:3] + " " + string(body); !strings.HasPrefix(got, row.want) {
				t.Errorf("answer %q, want %q", got, row.want)
			}
		})
	}
}

func TestTheServersOwnMessagesGoToTheLog(t *testing.T) {
	for _, row := range []struct {
		name, message, want string
	}{
		{"a fault", "http: Accept error: too many open files; retrying in 5ms", `"level":"WARN","msg":"HTTP server","detail":"http: Accept error`},
		{"a port scan", "http: TLS handshake error from 203.0.113.7:4711: EOF", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			NewServer(nil, slog.New(slog.NewJSONHandler(&log, nil))).ErrorLog.Print(row.message)
			if got := log.String(); (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
				t.Errorf("log %q, want %q", got, row.want)
			}
		})
	}
}

func TestAServerHasLimitsInAllDirections(t *testing.T) {
	s := NewServer(nil, slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes != 32<<10 {
		t.Errorf("limits: %+v", s)
	}
}
