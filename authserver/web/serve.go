// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// Limits of one connection. How many there may be is bounded by Connections.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 20 * time.Second
	// writeTimeout leaves room for a login that waits for its turn to be hashed.
	writeTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
	// maxHeader is more than the largest set of cookies that this server makes.
	maxHeader = 32 << 10
	// maxStreams is how many requests one HTTP/2 connection may have open, and maxStreamBuffer
	// and maxConnectionBuffer how many bytes of their bodies it may send before they are read.
	maxStreams          = 32
	maxStreamBuffer     = 16 << 10
	maxConnectionBuffer = 64 << 10
)

// NewServer returns an HTTP server with limits in all directions. Its own messages go to log.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerStream: maxStreamBuffer,
			MaxReceiveBufferPerConnection: maxConnectionBuffer, MaxDecoderHeaderTableSize: 4 << 10,
		},
		ErrorLog: slog.NewLogLogger(quietHandshakes{log.Handler()}, slog.LevelWarn),
	}
}

// Serve answers on the listener until ctx ends. Then it takes no new connections,
// finishes the requests that are under way within drain, and cuts off what is left; the
// error says if there was something. It serves TLS if the server has a TLSConfig. A listener
// that does not bound its connections is bounded by the default limits.
func Serve(ctx context.Context, server *http.Server, listener net.Listener, drain time.Duration) error {
	connections, ok := listener.(*Connections)
	if !ok {
		connections = NewConnections(listener, ConnectionsConfig{})
	}
	server.ConnState = connections.Note
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(connections, "", "")
			return
		}
		ended <- server.Serve(connections)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		_ = server.Close() // what it could not close has gone
		return fmt.Errorf("finish the requests on %s: %w", listener.Addr(), err)
	}
	return nil
}

// quietHandshakes lowers the level of what any port scan causes.
type quietHandshakes struct{ slog.Handler }

// Enabled leaves the decision to Handle, which sees the message.
func (quietHandshakes) Enabled(context.Context, slog.Level) bool { return true }

// Handle passes a message on as what it is.
func (h quietHandshakes) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "http: TLS handshake error") {
		r.Level = slog.LevelDebug
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	detail := slog.String("detail", bounded(r.Message, 512))
	r = slog.NewRecord(r.Time, r.Level, "HTTP server", r.PC)
	r.AddAttrs(detail)
	return h.Handler.Handle(ctx, r)
}
