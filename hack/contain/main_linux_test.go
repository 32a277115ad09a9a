// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// containVariable makes the test binary the program itself.
const containVariable = "CONTAIN_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(containVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

func TestTheExitStatusIsTheCommands(t *testing.T) {
	for _, test := range []struct {
		name, script string
		want         int
	}{
		{name: "success", script: "exit 0", want: 0},
		{name: "failure", script: "exit 7", want: 7},
		{name: "killed", script: "kill -9 $$", want: 137},
		{name: "with a child that ends by itself soon", script: "sleep 0.1 & exit 0", want: 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, said := run(t, test.script); got != test.want {
				t.Errorf("got exit status %d, want %d; it said %s", got, test.want, said)
			}
		})
	}
}

func TestWhatIsLeftBehindIsNamedAndKilled(t *testing.T) {
	// The inner shell ends at once, so that sleep is nobody's child, in a session of its own. It does not hold the pipe
	// that run reads from.
	status, said := run(t, "(setsid sleep 3601 >/dev/null 2>&1 &); exit 0")
	if status != 1 || !strings.Contains(said, "left behind") || !strings.Contains(said, "(sleep 3601)") {
		t.Errorf("got exit status %d and %q, want 1 and the name of what was left", status, said)
	}
}

func TestACommandThatIsNotThereIsAnError(t *testing.T) {
	cmd := exec.Command(os.Args[0], "/nonexistent/program")
	cmd.Env = append(os.Environ(), containVariable+"=1")
	if err := cmd.Run(); err == nil {
		t.Error("it said nothing")
	}
}

// run runs contain with a shell script and returns its exit status and what it said on standard error.
func run(t *testing.T, script string) (int, string) {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(os.Args[0], "sh", "-c", script)
	cmd.Env, cmd.Stderr = append(os.Environ(), containVariable+"=1"), &said
	if err, exit := cmd.Run(), (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}
