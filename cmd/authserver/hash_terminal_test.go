// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

// terminal opens a pseudo terminal: the person's end and the program's.
func terminal(t *testing.T) (person, programs *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd()) //nolint:gosec // a file descriptor is a small number
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	programs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = programs.Close() })
	return person, programs
}

// echoes reports whether the terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS) //nolint:gosec // a file descriptor is a small number
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestOnATerminalHashPasswordAsksTwiceAndShowsNothing(t *testing.T) {
	person, programs := terminal(t)
	cmd := program("hash-password")
	var stdout, stderr testio.Log
	cmd.Stdin, cmd.Stdout, cmd.Stderr = programs, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for _, prompt := range []string{"Password: ", "The same again: "} {
		testenv.Eventually(t, limit, prompt, func() bool { return strings.HasSuffix(stderr.String(), prompt) && !echoes(t, programs) })
		if _, err := person.WriteString("correct horse\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("%v, said %q", err, &stderr)
	}
	if hash := strings.TrimSuffix(stdout.String(), "\n"); !knows(t, hash, "correct horse") {
		t.Errorf("output %q", &stdout)
	}
	if !echoes(t, programs) {
		t.Error("the terminal was left without echo")
	}
	if strings.Contains(stderr.String(), "horse") {
		t.Errorf("the password is shown: %q", &stderr)
	}
	shown := make([]byte, 1024) // what the terminal itself showed: the line breaks at most
	fd := int(person.Fd())      //nolint:gosec // a file descriptor is a small number
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	n, _ := unix.Read(fd, shown) // an error says that it showed nothing
	if bytes.Contains(shown[:max(n, 0)], []byte("horse")) {
		t.Errorf("the terminal shows %q", shown[:n])
	}
}

func TestAnInterruptedQuestionLeavesTheTerminalAsItWas(t *testing.T) {
	_, programs := terminal(t)
	cmd := program("hash-password")
	var stderr testio.Log
	cmd.Stdin, cmd.Stderr = programs, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	testenv.Eventually(t, limit, "the question", func() bool { return stderr.String() == "Password: " && !echoes(t, programs) })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("%v, said %q", err, &stderr)
	}
	if !echoes(t, programs) {
		t.Error("the terminal was left without echo")
	}
}
