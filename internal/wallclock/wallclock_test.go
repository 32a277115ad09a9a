// SPDX-License-Identifier: Apache-2.0

package wallclock

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestItIsTheClockOfTheMachine(t *testing.T) {
	before := time.Now()
	now := Now()
	if after := time.Now(); now.Before(before) || now.After(after) {
		t.Errorf("it shows %s between %s and %s", now, before, after)
	}
}

// Nothing that makes a program for somebody names the tag.
func TestNoBuildForSomebodyNamesTheTag(t *testing.T) {
	root := filepath.Join("..", "..")
	files := []string{"Makefile", "Dockerfile"}
	for _, pattern := range []string{"hack/*.sh", "hack/*/*.go", "config/*/*.yaml", ".ci/*", "internal/devenv/*.go"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, name)
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files were found", len(files))
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "clockoffset") {
			t.Errorf("%s builds with the clock of tests", name)
		}
	}
}
