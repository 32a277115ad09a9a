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
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/dev/scene"
	"github.com/gatehouse-dev/gatehouse/hack/dev/transcript"
	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// world is the one scene that the tests of this package share.
type world struct {
	*scene.Scene
	dir string
}

// shared is the world, started by the first test that asks for it.
var shared struct {
	sync.Mutex
	world *world
	err   error
	stop  func() error
}

func TestMain(m *testing.M) {
	root, err := binaries.RepositoryRoot()
	if err == nil {
		err = os.Chdir(root) // a scene builds the programs and reads config/
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: find the repository:", err)
		os.Exit(1)
	}
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e: stop the scene:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// start returns the world. A scene that does not start fails the test.
func start(t *testing.T) *world {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.world == nil && shared.err == nil {
		shared.world, shared.err = open()
	}
	if shared.err != nil {
		t.Fatalf("start the scene: %v", shared.err)
	}
	return shared.world
}

func open() (*world, error) {
	dir, err := os.MkdirTemp("", "gatehouse-e2e-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	folder, err := scene.OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	ports, err := freePorts(ctx)
	if err != nil {
		return nil, err
	}
	ended := func(err error) { fmt.Fprintln(os.Stderr, "e2e:", err) }
	w := &world{Scene: scene.New(folder, ports, os.Stderr, time.Now, ended), dir: dir}
	shared.stop = func() error { return errors.Join(w.Stop(), os.RemoveAll(dir)) }
	if err := w.Start(ctx, transcript.New(os.Stderr, false, time.Now)); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.Logs())
	}
	return w, nil
}

// freePorts finds a range that nobody uses, apart from the one that `make run` takes.
func freePorts(ctx context.Context) (scene.Ports, error) {
	var last error
	for base := 21440; base < 22440; base += 100 {
		ports, err := scene.ParsePorts(strconv.Itoa(base))
		if err != nil {
			return ports, err
		}
		if last = ports.Check(ctx); last == nil {
			return ports, nil
		}
	}
	return scene.Ports{}, fmt.Errorf("find free ports: %w", last)
}
