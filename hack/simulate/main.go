// SPDX-License-Identifier: Apache-2.0

// Command simulate runs schedules of the simulation in test/simulation, or replays one with its trace:
//
//	go run ./hack/simulate -runs 100000
//	go run ./hack/simulate -seed 4711 -trace
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/gatehouse-dev/gatehouse/test/simulation"
)

func main() {
	seed := flag.Uint64("seed", 1, "the first seed")
	runs := flag.Int("runs", 1, "how many seeds, one after the other")
	trace := flag.Bool("trace", false, "print each step of the first seed")
	plant := flag.String("plant", "", "put a fault into a dependency: see docs/simulation.md")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "how many schedules at a time")
	report := flag.String("coverage", "", "write what happened how often into this file, as JSON")
	flag.Parse()
	if *trace {
		replay(*seed, *plant)
		return
	}
	debug.SetGCPercent(400) // a schedule leaves little behind, and much of the time would be spent looking for it
	begun := time.Now()
	every := max(*runs/10, 1)
	total := simulation.RunMany(context.Background(), *seed, *runs, *workers, *plant, func(done int) {
		if done%every == 0 {
			fmt.Printf("simulation: %d of %d schedules in %s\n", done, *runs, time.Since(begun).Round(time.Millisecond))
		}
	})
	took := time.Since(begun)
	fmt.Printf("simulation: %d schedules, %d calls, %d steps in %s: %.0f schedules/s\n",
		total.Runs, total.Calls, total.Steps, took.Round(time.Millisecond), float64(total.Runs)/took.Seconds())
	if *report != "" {
		data, err := json.MarshalIndent(total.Coverage, "", "  ")
		if err == nil {
			err = os.WriteFile(*report, data, 0o600)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "simulate: write the coverage:", err)
			os.Exit(1)
		}
	}
	if total.Broken != nil {
		replay(total.Broken.Seed, *plant)
	}
}

// replay prints a run step by step, and fails if it breaks a promise.
func replay(seed uint64, plant string) {
	r := simulation.Run(context.Background(), simulation.Options{Seed: seed, Trace: true, Plant: plant})
	fmt.Print(r.Trace)
	if r.Violation == "" {
		return
	}
	again := fmt.Sprintf("go run ./hack/simulate -seed %d -trace", seed)
	if plant != "" {
		again += " -plant " + plant
	}
	fmt.Printf("simulation: seed %d breaks a promise at step %d: %s\nreplay it: %s\n", seed, r.Steps, r.Violation, again)
	os.Exit(1)
}
