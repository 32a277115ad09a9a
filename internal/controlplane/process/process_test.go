// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/process"
)

func TestAProgramThatIsAskedEnds(t *testing.T) {
	p := start(t, exec.Command("sleep", "3600"))
	if err := p.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	if !p.Asked() {
		t.Error("its end counts as a surprise")
	}
}

func TestAProgramThatDoesNotListenIsKilled(t *testing.T) {
	// The shell says when it has become deaf; a signal before that would end it.
	cmd := exec.Command("sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 3600; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("read %q: %v", line, err)
	}
	if err := p.Stop(10 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("got %v, want an error that says it was killed", err)
	}
}

func TestAnEndThatNobodyAskedForIsAnError(t *testing.T) {
	p := start(t, exec.Command("true"))
	<-p.Done()
	if p.Asked() {
		t.Error("nobody asked it to end")
	}
	if err := p.Stop(time.Minute); err == nil {
		t.Fatal("Stop said nothing about a program that had ended by itself")
	}
}

func TestWaitReturnsHowTheProgramEnded(t *testing.T) {
	var exit *exec.ExitError
	err := start(t, exec.Command("sh", "-c", "exit 3")).Wait(t.Context(), time.Minute)
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("got %v, want exit status 3", err)
	}
	if err := start(t, exec.Command("true")).Wait(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
}

func TestWaitInterruptsTheProgramWhenItsContextEnds(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	p := start(t, exec.Command("sleep", "3600"))
	if err := p.Wait(ctx, time.Minute); !errors.Is(err, cause) {
		t.Fatalf("got %v, want %v", err, cause)
	}
	<-p.Done()
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	if _, err := process.Start("nothing", exec.Command("/nonexistent/program")); err == nil {
		t.Fatal("it started")
	}
}

// starterVariable makes this test binary a starter that is killed, below.
const starterVariable = "PROCESS_TEST_STARTER"

// TestMain is for the starter, which starts a program that says so, keeps standard output open, and stays.
func TestMain(m *testing.M) {
	if os.Getenv(starterVariable) == "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("sh", "-c", "echo started; exec sleep 3600")
	cmd.Stdout = os.Stdout
	p, err := process.Start("sh", cmd)
	if err != nil {
		os.Exit(1)
	}
	<-p.Done()
}

func start(t *testing.T, cmd *exec.Cmd) *process.Process {
	t.Helper()
	p, err := process.Start(cmd.Path, cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.Asked() {
			_ = p.Stop(time.Minute) // most have ended already, which the test has checked
		}
	})
	return p
}

// readAll reads until every process that holds the other end is gone.
func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
