// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
)

func TestAProgramDiesWithAStarterThatIsKilled(t *testing.T) {
	starter := exec.Command(os.Args[0])
	starter.Env = append(os.Environ(), starterVariable+"=1")
	pipe, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	if line, err := out.ReadString('\n'); line != "started\n" || err != nil {
		t.Fatalf("the starter said %q: %v", line, err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when nobody holds its other end any more: neither the starter nor its program.
	if rest := readAll(t, out); rest != "" {
		t.Fatalf("something more was said: %q", rest)
	}
	if err := starter.Wait(); err == nil {
		t.Fatal("the starter was not killed")
	}
}
