// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/test/acceptance/programs"
)

// limit is how long something may take that takes moments.
const limit = time.Minute

// environment is the one environment that the tests share. Each program has a namespace of its own in it.
type environment struct {
	*devenv.Environment
	dir string
}

var shared struct {
	sync.Mutex
	environment *environment
	err         error
	stop        func() error
}

func TestMain(m *testing.M) {
	root, err := binaries.RepositoryRoot()
	if err == nil {
		err = os.Chdir(root) // an environment builds the programs and reads config/
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance: find the repository:", err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "acceptance: stop the environment:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// start returns the environment. An environment that does not start fails the test.
func start(t *testing.T) *environment {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.environment == nil && shared.err == nil {
		shared.environment, shared.err = open()
	}
	if shared.err != nil {
		t.Fatalf("start the environment: %v", shared.err)
	}
	return shared.environment
}

func open() (*environment, error) {
	dir, err := os.MkdirTemp("", "gatehouse-acceptance-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	folder, err := devenv.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	ports, release, err := devenv.ReservePorts(ctx, "")
	if err != nil {
		return nil, err
	}
	ended := func(err error) { fmt.Fprintln(os.Stderr, "acceptance:", err) }
	w := &environment{Environment: devenv.New(folder, ports, os.Stderr, time.Now, ended), dir: dir}
	shared.stop = func() error { return errors.Join(w.Stop(), release(), os.RemoveAll(dir)) }
	if err := w.Start(ctx, transcript.New(os.Stderr, false, time.Now)); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.Logs())
	}
	return w, nil
}

// certificate is a file of the certificate that everything on this machine serves with.
func (w *environment) certificate(file string) string { return filepath.Join(w.dir, "tls", file) }

// kubectl runs it as the administrator and returns what it prints.
func (w *environment) kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := w.KubectlWith(t.Context(), strings.NewReader(input), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// program returns the path of a program that is built here.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := programs.Path(t.Context(), os.Stderr, name)
	if err != nil {
		t.Fatalf("%s cannot be had: %v", name, err)
	}
	return path
}

// debian returns the path of a program that hack/acceptance.sh has installed.
func debian(t *testing.T, name string) string {
	t.Helper()
	for _, folder := range []string{"/usr/sbin", "/usr/bin"} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: hack/acceptance.sh installs it on Debian", name)
	return ""
}

// run starts a program, which ends with the test. Its output is an artefact of the test.
func run(t *testing.T, name string, variables map[string]string, command ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.ArtifactDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "NO_PROXY=*", "no_proxy=*"}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	p, err := process.Start(name, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if asked := p.Stop(10 * time.Second); asked != nil {
			t.Logf("%s: %v", name, asked)
		}
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("the end of what %s said:\n%s", name, text[max(0, len(text)-6000):])
		}
	})
}

// await waits until the address answers with the status.
func (w *environment) await(t *testing.T, address string, status int) {
	t.Helper()
	client := w.client(t)
	testenv.Eventually(t, limit, address+" answers", func() bool {
		res, err := client.Get(address)
		return err == nil && res.Body.Close() == nil && res.StatusCode == status
	})
}

// client trusts the environment and follows no redirect.
func (w *environment) client(t *testing.T) *http.Client {
	t.Helper()
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// echo is a server behind a proxy: each page of it says what the proxy told it in headers.
func echo(t *testing.T, say func(http.Header) string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(rw, say(r.Header))
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
