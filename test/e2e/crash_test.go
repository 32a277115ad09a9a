// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// server is an authorization server of a test's own: the environment's program, keys, users and
// cluster, with a store of its own, that may be killed.
type server struct {
	w              *environment
	issuer, config string
	kubeconfig     string // empty: that of the ServiceAccount
	cmd            *exec.Cmd
}

func (w *environment) server(t *testing.T) *server {
	t.Helper()
	return w.serverWith(t, filepath.Join(w.dir, "users.yaml"))
}

// serverWith is server with a users file of the test's own.
func (w *environment) serverWith(t *testing.T, usersFile string) *server {
	t.Helper()
	return w.serverOf(t, map[string]any{"key": "users", "usersFile": map[string]string{"path": usersFile}})
}

// serverOf is server with the sources of people.
func (w *environment) serverOf(t *testing.T, sources ...map[string]any) *server {
	t.Helper()
	dir := t.TempDir()
	listen := freeport.For(t)
	config := map[string]any{
		"issuer": "https://" + listen, "namespace": "gatehouse-system", "listen": listen, "metricsListen": freeport.For(t),
		"tls":      map[string]string{"certFile": filepath.Join(w.dir, "tls", "tls.crt"), "keyFile": filepath.Join(w.dir, "tls", "tls.key")},
		"store":    "sqlite:" + filepath.Join(dir, "gatehouse.db"),
		"identity": map[string]any{"sources": sources},
		"audit":    map[string]string{"file": filepath.Join(dir, "audit.log")},
	}
	text, err := json.Marshal(config) // JSON is YAML too
	if err != nil {
		t.Fatal(err)
	}
	s := &server{w: w, issuer: "https://" + listen, config: filepath.Join(dir, "authserver.yaml")}
	if err := os.WriteFile(s.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	t.Cleanup(func() { s.kill(t) })
	return s
}

// start starts the program and waits until it is ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.launch(t)
	s.await(t)
}

// launch starts the program.
func (s *server) launch(t *testing.T) {
	t.Helper()
	kubeconfig := cmp.Or(s.kubeconfig, filepath.Join(s.w.dir, "authserver.kubeconfig"))
	s.cmd = exec.Command(filepath.Join(s.w.dir, "bin", "authserver"), "--config="+s.config, "--kubeconfig="+kubeconfig)
	log, err := os.OpenFile(s.config+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the program has a descriptor of its own
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// await waits until the program is ready.
func (s *server) await(t *testing.T) {
	t.Helper()
	client, err := s.w.Client()
	if err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the authorization server is ready; its log is "+s.config+".log", func() bool {
		res, err := client.Get(s.issuer + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// kill ends the program as a lost machine would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // says that it was killed
}

// asRetrieveError returns the refusal of a token endpoint.
func asRetrieveError(err error) (*oauth2.RetrieveError, bool) {
	return errors.AsType[*oauth2.RetrieveError](err)
}

func refusedWith(t *testing.T, err error, code string) {
	t.Helper()
	e, ok := asRetrieveError(err)
	if !ok || e.ErrorCode != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func TestN28WhatWasAnsweredSurvivesKillMinus9(t *testing.T) {
	w := start(t)
	s := w.server(t)
	app, bob := w.photoPrint(t, s.issuer), w.person(t, s.issuer)
	address, verifier := app.request()
	code := bob.authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	first, err := app.redeem(t, code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	second, err := app.refresh(t, first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	s.kill(t)
	s.start(t)
	again, err := app.refresh(t, first.RefreshToken)
	if err != nil || again.RefreshToken != second.RefreshToken {
		t.Fatalf("a retry after the crash does not get the same successor: %v", err)
	}
	third, err := app.refresh(t, second.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	fourth, err := app.refresh(t, third.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	s.kill(t)
	s.start(t)
	_, err = app.refresh(t, first.RefreshToken)
	refusedWith(t, err, "invalid_grant")
	_, err = app.refresh(t, fourth.RefreshToken)
	refusedWith(t, err, "invalid_grant")
}

func TestACodeIsTakenOnceAcrossACrash(t *testing.T) {
	w := start(t)
	s := w.server(t)
	app, bob := w.photoPrint(t, s.issuer), w.person(t, s.issuer)
	address, verifier := app.request()
	code := bob.authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	s.kill(t)
	s.start(t)
	tokens, err := app.redeem(t, code, verifier)
	if err != nil {
		t.Fatalf("a code that was handed out before the crash is not honoured: %v", err)
	}
	s.kill(t)
	s.start(t)
	_, err = app.redeem(t, code, verifier)
	refusedWith(t, err, "invalid_grant")
	_, err = app.refresh(t, tokens.RefreshToken)
	refusedWith(t, err, "invalid_grant")
}

func TestALoginSurvivesACrash(t *testing.T) {
	w := start(t)
	s := w.server(t)
	app, bob := w.photoPrint(t, s.issuer), w.person(t, s.issuer)
	address, _ := app.request()
	bob.authorize(address, w.Bob.Name, w.Bob.Password)
	s.kill(t)
	s.start(t)
	if status, _, _ := bob.open("/account", nil); status != http.StatusOK {
		t.Errorf("after the crash Bob's account page answers %d", status)
	}
}
