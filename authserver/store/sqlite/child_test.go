// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test binary runs itself for what only a process of its own can show: being
// killed, being another server, having another user or a full disk.
const (
	roleVariable = "GATEHOUSE_STORE_TEST_ROLE"
	pathVariable = "GATEHOUSE_STORE_TEST_PATH"
)

// roles are what a child can be. What they return is printed to standard error.
var roles = map[string]func(ctx context.Context, path string) error{
	"hold":       holdStore,
	"other user": openAsOtherUser,
	"work":       workUntilKilled,
	"full":       fillDisk,
}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(context.Background(), os.Getenv(pathVariable)); err != nil {
		fmt.Fprint(os.Stderr, err)
		os.Exit(1)
	}
}

// child is this test binary in a role.
type child struct {
	*exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	stderr strings.Builder
}

// childCommand is this test binary in a role, not started.
func childCommand(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, pathVariable+"="+path)
	return cmd
}

func startChild(t *testing.T, role, path string) *child {
	t.Helper()
	c := &child{Cmd: childCommand(t, role, path)}
	c.Stderr = &c.stderr
	in, errIn := c.StdinPipe()
	out, errOut := c.StdoutPipe()
	if err := errors.Join(errIn, errOut, c.Start()); err != nil {
		t.Fatalf("start a child to %s: %v", role, err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	return c
}

// end lets the child see the end of its input and returns what it printed to standard
// error, which is empty if all went well.
func (c *child) end(t *testing.T) string {
	t.Helper()
	if err := c.in.Close(); err != nil {
		t.Errorf("close the child's input: %v", err)
	}
	for c.out.Scan() {
		t.Logf("child: %s", c.out.Text())
	}
	err := c.Wait()
	if failed := c.stderr.Len() > 0; failed != (err != nil) {
		t.Errorf("the child ended with %v and printed %q", err, c.stderr.String())
	}
	return c.stderr.String()
}
