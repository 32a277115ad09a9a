// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// maxAnswer bounds what a bare answer holds, in bytes.
const maxAnswer = 1 << 16

// startBare starts the bare handler as a process of its own.
func (b *bench) startBare(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	p, err := b.Start("bare", exec.Command(self, "bare", b.certificate("tls.crt"), b.certificate("tls.key")))
	if err != nil {
		return err
	}
	return b.Eventually(ctx, "the bare handler serves", func() (bool, error) {
		text, err := os.ReadFile(filepath.Join(b.Dir, "bare.out"))
		address, whole := strings.CutSuffix(string(text), "\n")
		b.bare = target{address: address, tls: b.client, pid: p.PID()}
		return whole, err
	})
}

// bareCommand serves the bare handler until it is asked to stop.
func bareCommand(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serveBare(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "bench bare:", err)
		return 1
	}
	return 0
}

// serveBare serves as the authorization server does: the same server, the same certificate, the same bounds of
// connections. It says on standard output where.
func serveBare(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: bench bare CERTIFICATE KEY")
	}
	log, metrics := slog.New(slog.DiscardHandler), web.NewMetrics()
	certificate, err := web.LoadCertificate(args[0], args[1], "", log, metrics, time.Now)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := web.NewServer(http.HandlerFunc(bare), log)
	server.TLSConfig = certificate.Config()
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, listener.Addr())
	if err := out.Flush(); err != nil {
		return fmt.Errorf("say where it serves: %w", err)
	}
	return web.Serve(ctx, server, web.NewConnections(listener, web.ConnectionsConfig{Metrics: metrics}), time.Second)
}

// bare is the floor: a form in, an answer out. The path is the size of the answer.
func bare(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswer)
	size, err := strconv.Atoi(r.URL.Path[1:])
	if err != nil || size < 0 || size > maxAnswer || r.ParseForm() != nil || len(r.PostForm) == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(bareAnswer[:size])
}

var bareAnswer = bytes.Repeat([]byte("a"), maxAnswer)

// bareOf sends the same form as the request to the bare handler.
func bareOf(request []byte, size int) []byte {
	_, rest, _ := bytes.Cut(request, []byte("\r\n"))
	return fmt.Appendf(nil, "POST /%d HTTP/1.1\r\n%s", size, rest)
}
