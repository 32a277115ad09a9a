// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheReportHasTheMedianRoundAndReplacesTheOlderOne(t *testing.T) {
	round := func(operator float64) pair {
		return pair{
			bare:     result{clients: 10, seconds: 10, apiServer: 0.1},
			operator: result{clients: 10, seconds: operator, apiServer: 0.2, operator: 0.05, writes: map[string]float64{"secrets POST": 10}},
		}
	}
	r := results{options: options{clients: 10, many: 20, foreign: 30, starts: 1}, rounds: []pair{round(15), round(11), round(12)}}
	r.large = &large{pair: round(24), many: restarts{memory: memory{resident: 80.4}}, beside: restarts{memory: memory{resident: 81.4}}}
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := replaceMarked(path, r.markdown())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"before\n" + beginMark + "\nMeasured ", endMark + "\nafter\n",
		"1.20 (turns: 1.50, 1.10, 1.20); operator 12.0 s, bare writer 10.0 s | 1.3 |",
		"| 10 secrets POST |", "API server 20.0 ms (bare writer: 10.0 ms), operator 5.0 ms",
		"81 MB resident at rest, heap 0 MB, at most 0 MB since its start; +1 MB resident | no difference |",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the page lacks %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "old") {
		t.Error("the page has the older report still")
	}
}

func TestAPageWithoutMarksIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(endMark+beginMark), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replaceMarked(path, ""); err == nil || !strings.Contains(err.Error(), "has no lines") {
		t.Errorf("error %v", err)
	}
	if err := run(t.Context(), options{markdown: path}); err == nil || !strings.Contains(err.Error(), "has no lines") {
		t.Errorf("the run begins with a page that it cannot fill: %v", err)
	}
}
