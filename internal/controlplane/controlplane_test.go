// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane"
)

// A real cluster is started by the tests of package testenv. Here scripts stand for its programs.

func TestTheErrorHoldsTheLogOfTheProgramThatFailed(t *testing.T) {
	binaries := scripts(t, "echo the disk is full; exit 1", "exec sleep 3600")
	_, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), Binaries: binaries})
	if err == nil || !strings.Contains(err.Error(), "etcd has ended") || !strings.Contains(err.Error(), "the disk is full") {
		t.Fatalf("got %v, want etcd and its last words", err)
	}
}

func TestAnotherPortIsTriedWhenOneIsTakenMeanwhile(t *testing.T) {
	attempts := filepath.Join(t.TempDir(), "attempts")
	binaries := scripts(t, "echo x >>"+attempts+"; echo bind: address already in use; exit 1", "exec sleep 3600")
	if _, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), Binaries: binaries}); err == nil {
		t.Fatal("it started")
	}
	got, err := os.ReadFile(attempts)
	if err != nil || string(got) != "x\nx\nx\n" {
		t.Fatalf("got attempts %q, %v, want three", got, err)
	}
}

func TestAPortThatIsChosenAndInUseIsSaidAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	_, err = controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), Binaries: t.TempDir(), Port: port})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Fatalf("got %v, want the address that is in use", err)
	}
}

func TestAStartThatIsGivenUpSaysWhatItWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	binaries := scripts(t, "exec sleep 3600", "exec sleep 3600")
	_, err := controlplane.Start(ctx, controlplane.Options{Dir: t.TempDir(), Binaries: binaries})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "/readyz") {
		t.Fatalf("got %v, want %v and what was waited for", err, context.Canceled)
	}
}

func TestAStartThatFailedLeavesNothingRunning(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	binaries := scripts(t, "echo $$ >"+pid+"; exec sleep 3600", "while ! [ -s "+pid+" ]; do sleep 0.01; done; exit 1")
	_, err := controlplane.Start(t.Context(), controlplane.Options{Dir: t.TempDir(), Binaries: binaries})
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver has ended") {
		t.Fatalf("got %v, want that kube-apiserver has ended", err)
	}
	written, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	etcd, err := strconv.Atoi(strings.TrimSpace(string(written)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(etcd, 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("etcd still runs: %v", err)
	}
}

// scripts makes a folder of programs.
func scripts(t *testing.T, etcd, apiServer string) string {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"etcd": etcd, "kube-apiserver": apiServer} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
