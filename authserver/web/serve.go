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

	"golang.org/x/net/netutil"
)

// Limits of a server. A stranger can hold a connection, but not for long, and not all.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 20 * time.Second
	// writeTimeout leaves room for a login that waits for its turn to be hashed.
	writeTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
	// maxHeader holds the largest set of cookies this server makes three times over.
	maxHeader = 64 << 10
	// maxStreams is how many requests one HTTP/2 connection may have open.
	maxStreams = 100
	// maxConnections bounds the memory that connections take; more of them wait.
	maxConnections = 8192
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
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog:          slog.NewLogLogger(quietHandshakes{log.Handler()}, slog.LevelWarn),
	}
}

// Serve answers on the listener until ctx ends. Then it takes no new connections,
// finishes the requests that are under way within drain, and cuts off what is left; the
// error says if there was something. It serves TLS if the server has a TLSConfig.
func Serve(ctx context.Context, server *http.Server, listener net.Listener, drain time.Duration) error {
	listener = netutil.LimitListener(listener, maxConnections)
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(listener, "", "")
			return
		}
		ended <- server.Serve(listener)
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
