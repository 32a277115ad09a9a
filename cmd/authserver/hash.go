// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
)

// maxLine bounds what is read of a line. Longer ones are refused by the hash, whose limit
// is lower.
const maxLine = 4096

// hashCommand prints what belongs into a users file's passwordHash.
func hashCommand(ctx context.Context, args []string, sys system) int {
	if len(args) > 0 {
		fmt.Fprintln(sys.stderr, "authserver hash-password: it takes no arguments: a password in a command line can be seen by others")
		return exitRefused
	}
	password, err := readPassword(ctx, sys.stdin, sys.stderr)
	if err == nil {
		var hash string
		if hash, err = identity.HashPassword(password); err == nil {
			fmt.Fprintln(sys.stdout, hash)
			return exitStopped
		}
	}
	fmt.Fprintln(sys.stderr, "authserver hash-password:", err)
	return exitFailed
}

// readPassword asks for a password on a terminal, and reads a line from anything else.
func readPassword(ctx context.Context, stdin *os.File, prompt io.Writer) ([]byte, error) {
	fd := int(stdin.Fd()) //nolint:gosec // a file descriptor is a small number
	before, err := term.GetState(fd)
	if err != nil { // not a terminal
		return readLine(stdin)
	}
	type answer struct {
		password []byte
		err      error
	}
	answers := make(chan answer, 1)
	go func() {
		password, err := askTwice(func() ([]byte, error) { return term.ReadPassword(fd) }, prompt)
		answers <- answer{password, err}
	}()
	select {
	case a := <-answers:
		return a.password, a.err
	case <-ctx.Done(): // a read from a terminal cannot be ended, but it must show again what is typed
		return nil, errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}

// askTwice asks until the person has typed one password twice.
func askTwice(read func() ([]byte, error), prompt io.Writer) ([]byte, error) {
	var typed [2][]byte
	for n, question := range []string{"Password: ", "The same again: "} {
		fmt.Fprint(prompt, question)
		var err error
		if typed[n], err = read(); err != nil {
			return nil, fmt.Errorf("read the password: %w", err)
		}
		fmt.Fprintln(prompt) // the person's line break was not shown
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return nil, errors.New("these are two different passwords")
	}
	return typed[0], nil
}

// readLine reads the first line, without its line break. Spaces are part of the password.
func readLine(r io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the password: %w", err)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}
