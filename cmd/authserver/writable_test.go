// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// probedStore is a store that answers a probe as its test wants.
type probedStore struct{ err error }

func (s *probedStore) Probe(context.Context) error { return s.err }

func TestN105ThatTheStoreCannotWriteIsSaidOnceAndInPlainWords(t *testing.T) {
	var log bytes.Buffer
	full := errors.New("database or disk is full")
	store, metrics := &probedStore{}, web.NewMetrics()
	w := &writable{store: store, log: slog.New(slog.NewTextHandler(&log, nil)), metrics: metrics.Store()}
	r := newReadiness(slog.New(slog.DiscardHandler), metrics, part{"store", func(context.Context) error { return nil }})
	r.degraded = w.degraded
	r.look(t.Context())
	for _, step := range []struct {
		name   string
		err    error
		ready  string
		logged string
	}{
		{"it can", nil, "<nil>", ""},
		{"the disk is full", full, "the store cannot write", `level=ERROR msg="the store cannot write: logins, approvals and refreshes fail until it can" err="database or disk is full"`},
		{"it still is", full, "the store cannot write", ""},
		{"there is room again", nil, "<nil>", `msg="the store can write again"`},
	} {
		log.Reset()
		store.err = step.err
		w.look(t.Context())
		if got := fmt.Sprint(r.Ready(nil)); got != step.ready {
			t.Errorf("%s: ready says %q, want %q", step.name, got, step.ready)
		}
		if step.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), step.logged) {
			t.Errorf("%s: the log says %q, want %q", step.name, &log, step.logged)
		}
	}
}

// N105, the whole program: no file may grow, as on a full disk. What needs no write is served,
// the metric says that the store cannot write, and it ends by itself.
func TestN105AServerWhoseStoreCannotWriteServesTheRest(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	id, secret := writeClient(t, env, namespace, writeKeys(t, env, namespace))
	f := newFolder(t, namespace)
	p := start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)
	testenv.Eventually(t, limit, "ready", func() bool { _, body := p.get(t, "http://"+p.ops+"/readyz"); return body == "ok\n" })
	a := &answers{p: p, id: id, secret: secret}
	_, a.token = p.token(t, id, secret)
	writable := func(want int) bool {
		_, metrics := p.get(t, "http://"+p.ops+"/metrics")
		return strings.Contains(metrics, fmt.Sprintf("gatehouse_store_writable %d\n", want))
	}
	testenv.Eventually(t, limit, "the metric says that it can write", func() bool { return writable(1) })

	restore := limitFiles(t, p.cmd.Process.Pid)
	testenv.Eventually(t, limit, "the metric says that it cannot write", func() bool { return writable(0) })
	p.until(t, `"msg":"the store cannot write: logins`)
	if status, body := p.get(t, "http://"+p.ops+"/readyz"); status != http.StatusOK || body != "ok, but the store cannot write\n" {
		t.Errorf("ready says %d %q", status, body)
	}
	for _, name := range []string{"token", "introspect"} {
		if status, _, body := a.ask(t, name); !right(name, status, body) {
			t.Errorf("%s while the store cannot write: %d %s", name, status, body)
		}
	}
	restore()
	testenv.Eventually(t, limit, "the metric says that it can write again", func() bool { return writable(1) })
	p.until(t, `"msg":"the store can write again"`)
}

// N105, after a restart: a store that can still be opened is served from, with a disk that takes
// next to nothing more.
func TestN105AServerStartsAndServesOnAFullDisk(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	id, secret := writeClient(t, env, namespace, writeKeys(t, env, namespace))
	f := newFolder(t, namespace)
	arguments := []string{"--config=" + f.config, "--kubeconfig=" + env.Kubeconfig}
	ready := func(p *process) {
		testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "http://"+p.ops+"/readyz"); return status == http.StatusOK })
	}
	p := start(t, arguments...)
	ready(p)
	_, token := p.token(t, id, secret)
	p.signal(t, syscall.SIGKILL)
	<-p.ended

	full := program(arguments...)
	full.Args = append([]string{"sh", "-c", `ulimit -f 64; exec "$0" "$@"`}, full.Args...) // 32 KiB
	full.Path = "/bin/sh"
	p = startCommand(t, full)
	if limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid)); err != nil || !regexp.MustCompile(`Max file size +(32768|65536) `).Match(limits) {
		t.Fatalf("the files of the program have no limit (%v):\n%s", err, limits)
	}
	ready(p)
	a := &answers{p: p, id: id, secret: secret, token: token}
	for _, name := range []string{"token", "introspect"} {
		if status, _, body := a.ask(t, name); !right(name, status, body) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
