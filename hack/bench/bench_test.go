// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// TestMain lets the bench start this program as the bare handler.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		os.Exit(bareCommand(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// page returns a page with the markers of parts, as docs/performance.md has them.
func page(t *testing.T, parts ...string) string {
	t.Helper()
	text := "before\n"
	for _, part := range parts {
		begin, end := markers(part)
		text += begin + "old\n" + end + "after\n"
	}
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestATinyRunMeasuresEveryRatioAndReplays fails also when the operator writes about a client that was replayed to it.
func TestATinyRunMeasuresEveryRatioAndReplays(t *testing.T) {
	if _, err := binaries.Ensure(t.Context(), os.Stderr); err != nil { // builds what is missing, once for each machine
		t.Fatal(err)
	}
	file, drawing := page(t, "ratios", "replay"), filepath.Join(t.TempDir(), "plot.svg")
	o, err := parse([]string{"-part=ratios,replay", "-replays=4,50", "-stores=sqlite", "-d=50ms", "-n=1", "-c=4", "-dir=" + t.TempDir(), "-markdown=" + file, "-plot=" + drawing})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text := read(t, file)
	for name, hasAim := range map[string]bool{"client credentials": true, "introspection, SQLite": true, "refresh, SQLite": true, "OAuth 1.0a verification, SQLite": true,
		"JWT access token, ES256": false, "UserInfo, SQLite": false, "refresh with an ID token, RS256, SQLite": false} {
		if !strings.Contains(text, "| "+name+" |") {
			t.Errorf("the page lacks the row %q:\n%s", name, text)
		}
		if strings.Contains(read(t, drawing), name) != hasAim {
			t.Errorf("%q has no aim, and the plot has it; or the other way", name)
		}
	}
	for _, clients := range []string{"| 4 |", "| 50 |"} { // start, tokens (once more for the larger one), changes, operator
		if got := strings.Count(text, "\n"+clients); got < 4 {
			t.Errorf("the page has %d rows that begin with %q:\n%s", got, clients, text)
		}
	}
	left, err := filepath.Glob(filepath.Join(o.dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the run left %v, %v", left, err)
	}
}

func TestARunThatIsStoppedLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := options{dir: t.TempDir(), duration: time.Second, connections: 1, rounds: 1}
	if err := run(ctx, o); err == nil {
		t.Error("a run that was stopped ends well")
	}
	left, err := filepath.Glob(filepath.Join(o.dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the run left %v, %v", left, err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
