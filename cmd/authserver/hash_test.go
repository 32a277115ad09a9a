// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
)

// knows reports whether the hash lets bob in with the password.
func knows(t *testing.T, hash, password string) bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte("users: [{id: 1, name: bob, passwordHash: '"+hash+"'}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := identity.OpenUsersFile(identity.Config{Path: file, SourceKey: "users"})
	if err != nil {
		t.Fatalf("%v with hash %q", err, hash)
	}
	_, err = users.Authenticate(t.Context(), "bob", password, authserver.LaneAnybody)
	if err != nil && !errors.Is(err, authserver.ErrWrongPassword) {
		t.Fatal(err)
	}
	return err == nil
}

func TestHashPasswordPrintsTheHashOfOneLineAndNothingElse(t *testing.T) {
	for _, row := range []struct{ name, input, password string }{
		{"a line", "correct horse\n", "correct horse"},
		{"a line without its end", "correct horse", "correct horse"},
		{"a line of another system", "correct horse\r\n", "correct horse"},
		{"spaces belong to it", "  correct horse \n", "  correct horse "},
		{"beyond ASCII", "pässwörd ☃\n", "pässwörd ☃"},
		{"one line of many", "correct horse\nbattery staple\n", "correct horse"},
		{"the longest", strings.Repeat("x", 1024) + "\n", strings.Repeat("x", 1024)},
	} {
		t.Run(row.name, func(t *testing.T) {
			cmd := program("hash-password")
			cmd.Stdin = strings.NewReader(row.input)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil || stderr.Len() > 0 {
				t.Fatalf("%v, said %q", err, &stderr)
			}
			hash, rest, _ := strings.Cut(stdout.String(), "\n")
			if rest != "" || !knows(t, hash, row.password) || knows(t, hash, row.password+"x") {
				t.Errorf("output %q", &stdout)
			}
		})
	}
}

func TestHashPasswordRefusesWhatNobodyCouldLogInWith(t *testing.T) {
	for _, row := range []struct{ name, input, want string }{
		{"nothing", "", "empty"},
		{"an empty line", "\n", "empty"},
		{"too long", strings.Repeat("x", 1025) + "\n", "longer than 1024"},
		{"far too long", strings.Repeat("x", 1_000_000), "longer than 1024"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cmd := program("hash-password")
			cmd.Stdin = strings.NewReader(row.input)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err == nil || stdout.Len() > 0 || !strings.Contains(stderr.String(), row.want) {
				t.Errorf("%v, output %q, said %q", err, &stdout, &stderr)
			}
		})
	}
}

func TestAPasswordIsAskedForTwice(t *testing.T) {
	broken := errors.New("the terminal is gone")
	for _, row := range []struct {
		name  string
		typed []string
		err   error
		want  string // in the error
	}{
		{"the same", []string{"hush", "hush"}, nil, ""},
		{"different", []string{"hush", "hushh"}, nil, "two different"},
		{"no terminal any more", []string{"hush"}, broken, "the terminal is gone"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var prompt bytes.Buffer
			typed := row.typed
			got, err := askTwice(func() ([]byte, error) {
				if len(typed) == 0 {
					return nil, row.err
				}
				line := typed[0]
				typed = typed[1:]
				return []byte(line), nil
			}, &prompt)
			if row.want == "" && (err != nil || string(got) != "hush") {
				t.Errorf("%q, %v", got, err)
			}
			if row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("error %v, want %q", err, row.want)
			}
			if !strings.HasPrefix(prompt.String(), "Password: \nThe same again: ") || strings.Contains(prompt.String(), "hush") {
				t.Errorf("prompt %q", &prompt)
			}
		})
	}
}

// failing is a reader that fails.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestInputThatCannotBeReadIsSaid(t *testing.T) {
	if _, err := readLine(failing{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}
