// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the whole: a control plane, the two programs as child processes under the
// ServiceAccounts of config/rbac and nothing more, their store on disk, TLS, and the two
// small apps of hack/demo. What a single package can show is tested there.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

// environment is the one environment that the tests of this package share.
type environment struct {
	*devenv.Environment
	dir string
}

// shared is the environment, started by the first test that asks for it.
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
		fmt.Fprintln(os.Stderr, "e2e: find the repository:", err)
		os.Exit(1)
	}
	stop, err := collectTraces()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: collect traces:", err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: stop the environment:", err)
			code = max(code, 1)
		}
	}
	stop()
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
	dir, err := os.MkdirTemp("", "gatehouse-e2e-")
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
	ended := func(err error) { fmt.Fprintln(os.Stderr, "e2e:", err) }
	w := &environment{Environment: devenv.New(folder, ports, os.Stderr, time.Now, ended), dir: dir}
	shared.stop = func() error { return errors.Join(w.Stop(), release(), os.RemoveAll(dir)) }
	if err := w.Start(ctx, transcript.New(os.Stderr, false, time.Now)); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.Logs())
	}
	return w, nil
}
