// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// givesTokens answers each request with a token.
func givesTokens(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, `{"access_token":"gha_for_%s","token_type":"Bearer","expires_in":600}`, r.PostFormValue("client_assertion"))
}

// tokenIssuer is an issuer that answers so, and the flags that lead there.
func tokenIssuer(t *testing.T, answer http.HandlerFunc) []string {
	t.Helper()
	server := httptest.NewTLSServer(answer)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for path, text := range map[string][]byte{ca: certificate, token: []byte("pod")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"token", "--issuer=" + server.URL, "--client-id=photos.photonight", "--token-file=" + token, "--ca-file=" + ca}
}

func TestTheSubcommandTokenPrintsOneTokenAndEnds(t *testing.T) {
	flags := tokenIssuer(t, givesTokens)
	out, err := program(flags...).Output()
	if err != nil || string(out) != "gha_for_pod\n" {
		t.Errorf("it prints %q, %v", out, err)
	}
	out, err = program(append(flags, "--exec-credential")...).Output()
	var credential struct {
		APIVersion, Kind string
		Status           struct {
			Token               string
			ExpirationTimestamp time.Time
		}
	}
	if err != nil || json.Unmarshal(out, &credential) != nil || credential.APIVersion != "client.authentication.k8s.io/v1" || credential.Kind != "ExecCredential" ||
		credential.Status.Token != "gha_for_pod" || !credential.Status.ExpirationTimestamp.After(time.Now()) {
		t.Errorf("it prints %q, %v", out, err)
	}
	for name, row := range map[string]struct {
		flags []string
		code  int
		word  string
	}{
		"no issuer":     {[]string{"token", "--client-id=a"}, exitRefused, "--issuer"},
		"http":          {[]string{"token", "--client-id=a", "--issuer=http://auth.example.com"}, exitRefused, "https"},
		"an argument":   {append(flags, "more"), exitRefused, "no arguments"},
		"both outputs":  {append(flags, "--output=x", "--exec-credential"), exitRefused, "not both"},
		"no authority":  {flags[:4], exitFailed, "certificate"},
		"no such file":  {append(flags, "--token-file=/nowhere"), exitFailed, "/nowhere"},
		"an empty file": {append(flags, "--ca-file=/dev/null"), exitRefused, "no certificate"},
	} {
		cmd := program(row.flags...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run()
		if cmd.ProcessState.ExitCode() != row.code || !strings.Contains(stderr.String(), row.word) {
			t.Errorf("%s: exit status %d: %s", name, cmd.ProcessState.ExitCode(), stderr.String())
		}
	}
}

// N367: a redirect that keeps method and body would carry the assertion to another host.
func TestN367TheAssertionFollowsNoRedirect(t *testing.T) {
	var arrived atomic.Int32
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived.Add(1)
		fmt.Fprint(w, `{"access_token":"gha_1","token_type":"Bearer","expires_in":600}`)
	}))
	defer elsewhere.Close()
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		flags := tokenIssuer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL+r.URL.Path, status) })
		cmd := program(flags...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if cmd.ProcessState.ExitCode() != exitFailed || len(out) > 0 || !strings.Contains(stderr.String(), fmt.Sprint("status ", status)) {
			t.Errorf("%d: it prints %q and %q, %v", status, out, stderr.String(), err)
		}
	}
	if n := arrived.Load(); n != 0 {
		t.Errorf("%d requests arrived at the other host", n)
	}
}

func TestChanceIsFromZeroUpToOne(t *testing.T) {
	seen := map[float64]bool{}
	for range 100 {
		c := chance()
		if c < 0 || c >= 1 {
			t.Fatalf("it is %v", c)
		}
		seen[c] = true
	}
	if len(seen) < 90 {
		t.Errorf("of 100 only %d differ", len(seen))
	}
}

func TestTheSubcommandTokenKeepsAFileUntilItIsAskedToStop(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access-token")
	cmd := program(append(tokenIssuer(t, givesTokens), "--output="+file)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the file holds a token", func() bool {
		text, err := os.ReadFile(file)
		return err == nil && string(text) == "gha_for_pod"
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}
