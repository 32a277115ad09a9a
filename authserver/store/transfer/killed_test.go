// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/store"
	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

// The variables make the test binary a process that copies: it says each step and waits for a line before it goes on.
const (
	fromVariable = "TRANSFER_TEST_FROM"
	toVariable   = "TRANSFER_TEST_TO"
)

// exitHoldsData is the exit status of a copy into a database that is no unfinished copy and not empty.
const exitHoldsData = 3

func TestMain(m *testing.M) {
	if os.Getenv(fromVariable) == "" {
		os.Exit(m.Run())
	}
	if err := copyStepByStep(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if strings.Contains(err.Error(), "holds data already") {
			os.Exit(exitHoldsData)
		}
		os.Exit(1)
	}
}

func copyStepByStep(ctx context.Context) error {
	source, err := store.OpenForTransfer(ctx, os.Getenv(fromVariable), false)
	if err != nil {
		return err
	}
	target, err := store.OpenForTransfer(ctx, os.Getenv(toVariable), true)
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	c := transfer.Copy{From: source, To: target, Batch: 7, Report: func(doing string, done, of int) {
		fmt.Println(doing, done, of)
		_, _ = in.ReadString('\n') // its end is the end of this process
	}}
	_, err = c.Run(ctx)
	return err
}

func TestACopyThatIsKilledAgainAndAgainIsWhole(t *testing.T) {
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			from, to := way.from(t), way.to(t)
			kept := fill(t, from, 40)
			kills := 0
			for steps := 5; copyAndKill(t, from, to, steps); steps += 3 {
				kills++
			}
			if kills < 3 {
				t.Errorf("it was killed %d times only", kills)
			}
			kept.check(t, to)
		})
	}
}

// copyAndKill starts a copy and kills it in the midst of the step after some. It reports whether it did: a copy may be finished
// before, also in the moment in which it is killed. Then the next one is refused, and what is there has to be whole.
func copyAndKill(t *testing.T, from, to string, steps int) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fromVariable+"="+from, toVariable+"="+to)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for n := 0; n < steps && lines.Scan(); n++ {
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	// It works on the next step now.
	killed = cmd.Process.Kill() == nil
	for lines.Scan() { // what it had said already
	}
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() == exitHoldsData {
		return false
	}
	if cmd.ProcessState.Exited() && err != nil {
		t.Fatalf("the copy failed: %v", err)
	}
	return killed && err != nil
}
