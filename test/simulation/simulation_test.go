// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

// schedules is how many are run by each make test. At half a millisecond each they take less than a minute.
const schedules = 100_000

// simulate builds the command without the race detector: where one goroutine runs at a time it would find nothing, and
// only take ten times as long.
func simulate(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "simulate")
	build := gobuild.Command(path, "./hack/simulate")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build hack/simulate: %v\n%s", err, out)
	}
	return path
}

// runSeeds runs seeds in the command, and returns what happened in them.
func runSeeds(t *testing.T, first, runs int) Coverage {
	t.Helper()
	report := filepath.Join(t.TempDir(), "coverage.json")
	cmd := exec.CommandContext(t.Context(), simulate(t), "-seed", fmt.Sprint(first), "-runs", fmt.Sprint(runs), "-coverage", report)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(lastLine(string(out)))
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("read the coverage: %v", err)
	}
	var happened Coverage
	if err := json.Unmarshal(data, &happened); err != nil {
		t.Fatalf("read the coverage: %v", err)
	}
	return happened
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func TestN187NoScheduleBreaksAPromise(t *testing.T) {
	checkCoverage(t, runSeeds(t, 1, schedules))
}

func TestASeedReplaysExactly(t *testing.T) {
	for seed := range uint64(60) {
		first := Run(t.Context(), Options{Seed: seed, Trace: true})
		second := Run(t.Context(), Options{Seed: seed, Trace: true})
		if first.Trace == "" || first.Trace != second.Trace {
			t.Fatalf("seed %d has two traces: %s", seed, firstDifference(first.Trace, second.Trace))
		}
		if silent := Run(t.Context(), Options{Seed: seed}); silent.Steps != first.Steps {
			t.Fatalf("seed %d takes %d steps with a trace and %d without", seed, first.Steps, silent.Steps)
		}
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for n := range min(len(as), len(bs)) {
		if as[n] != bs[n] {
			return fmt.Sprintf("%q and %q", as[n], bs[n])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(as), len(bs))
}

// budget is how many seeds a planted fault may take to be found.
const budget = 5_000

// N189 is the fault forgotten-consent-comes-back, N197 is forgotten-consent-counts.
func TestN188EachPlantedFaultIsFound(t *testing.T) {
	for _, p := range Plants() {
		t.Run(p.Name, func(t *testing.T) {
			for seed := uint64(1); seed <= budget; seed++ {
				r := Run(t.Context(), Options{Seed: seed, Plant: p.Name})
				if strings.Contains(r.Violation, p.Breaks) {
					t.Logf("seed %d, step %d: %s (%s)", seed, r.Steps, r.Violation, p.Source)
					return
				}
			}
			t.Errorf("not found in %d schedules", budget)
		})
	}
}

func TestAFailureSaysHowToReplayIt(t *testing.T) {
	path := simulate(t)
	out, err := exec.CommandContext(t.Context(), path, "-runs", "1000", "-plant", "denial-not-kept").CombinedOutput()
	if err == nil {
		t.Fatalf("the command succeeds though a promise was broken:\n%s", out)
	}
	found := regexp.MustCompile(`replay it: go run ./hack/simulate (.*)\n`).FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("the output names no command:\n%s", out)
	}
	again, err := exec.CommandContext(t.Context(), path, strings.Fields(found[1])...).CombinedOutput() //nolint:gosec // our own output
	if err == nil || !strings.HasSuffix(string(out), string(again)) || !strings.Contains(string(again), "VIOLATION") {
		t.Errorf("%s does not end like the first run: %v\n%s", found[1], err, again)
	}
}
