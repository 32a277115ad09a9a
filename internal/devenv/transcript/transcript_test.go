// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestALineSaysWhenHowLongAndWhat(t *testing.T) {
	var out strings.Builder
	clock := &clock{at: time.Unix(1000, 0)}
	script := New(&out, false, clock.now)
	for _, took := range []time.Duration{42 * time.Millisecond, 75 * time.Second} {
		err := script.Step(t.Context(), "login", "logging in", func(context.Context) (string, error) {
			clock.at = clock.at.Add(took)
			return "Bob logs in", nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := "  0.04s   42ms  login        Bob logs in\n" +
		" 75.04s  75.0s  login        Bob logs in\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if script.Steps() != 2 || script.Elapsed() != 75042*time.Millisecond {
		t.Errorf("%d steps in %s", script.Steps(), script.Elapsed())
	}
}

func TestAFailedStepSaysSoAndIsNotCounted(t *testing.T) {
	var out strings.Builder
	script := New(&out, false, time.Now)
	cause := errors.New("the door is shut")
	err := script.Step(t.Context(), "login", "logging in", func(context.Context) (string, error) { return "", cause })
	if !errors.Is(err, cause) || script.Steps() != 0 {
		t.Errorf("%v, %d steps", err, script.Steps())
	}
	if !strings.Contains(out.String(), "FAILED       login: the door is shut\n") {
		t.Error(out.String())
	}
}

func TestAnInterruptedStepPrintsNothing(t *testing.T) {
	var out strings.Builder
	script := New(&out, false, time.Now)
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := script.Step(ctx, "login", "logging in", func(ctx context.Context) (string, error) {
		cancel(cause)
		return "", ctx.Err()
	})
	later := script.Step(ctx, "consent", "asking", func(context.Context) (string, error) {
		t.Error("a step was begun after the interrupt")
		return "", nil
	})
	if !errors.Is(err, cause) || !errors.Is(later, cause) || out.String() != "" {
		t.Errorf("%v, %v, %q", err, later, out.String())
	}
}

func TestALongStepSaysWhatItIsAbout(t *testing.T) {
	read, write := io.Pipe()
	script := New(write, false, time.Now)
	script.delay = time.Millisecond
	said := make(chan string, 1)
	go func() {
		buffer := make([]byte, 200)
		n, _ := read.Read(buffer)
		said <- string(buffer[:n])
		_, _ = io.Copy(io.Discard, read)
	}()
	_ = script.Step(t.Context(), "built", "building the programs", func(context.Context) (string, error) {
		if got := <-said; !strings.Contains(got, "building the programs, ") || !strings.HasSuffix(got, " so far\n") {
			t.Errorf("said %q", got)
		}
		return "done", nil
	})
}

func TestOnlyATerminalGetsEscapeSequences(t *testing.T) {
	for terminal, want := range map[bool]bool{true: true, false: false} {
		var out strings.Builder
		script := New(&out, terminal, time.Now)
		_ = script.Step(t.Context(), "login", "", func(context.Context) (string, error) { return "in", nil })
		if got := strings.Contains(out.String(), "\x1b["); got != want {
			t.Errorf("terminal %t: %q", terminal, out.String())
		}
	}
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }
