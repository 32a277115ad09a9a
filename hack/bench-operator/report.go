// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const aim = 1.3

// results are all figures of a run.
type results struct {
	rounds []pair
	large  *large // nil: left out
}

// report prints the figures. Of rounds it is the one with the median ratio.
func (r results) report(out io.Writer, o options) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	slices.SortFunc(r.rounds, func(a, b pair) int {
		if a.ratio() < b.ratio() {
			return -1
		}
		return 1
	})
	var ratios []string
	for _, round := range r.rounds {
		ratios = append(ratios, fmt.Sprintf("%.2f", round.ratio()))
	}
	median := r.rounds[len(r.rounds)/2]
	p("%d rounds of %d clients, in turns; from the first apply to the last Ready; the median counts", len(r.rounds), o.clients)
	printPair(p, median)
	p("%-44s %.2f (all: %s), aim %.2f", "ratio", median.ratio(), strings.Join(ratios, " "), aim)
	p("%-44s %s", "writes of the people and the operator", list(median.operator.writes))
	if r.large == nil {
		return
	}
	l := r.large
	perClient := func(r result) float64 { return r.seconds / float64(r.clients) }
	p("\n%d clients at once", o.many)
	printPair(p, l.pair)
	p("%-44s %.2f", "ratio", l.pair.ratio())
	p("%-44s %.2f, of the bare writer %.2f", "time for a client, against the rounds above",
		perClient(l.pair.operator)/perClient(median.operator), perClient(l.pair.bare)/perClient(median.bare))
	p("%-44s %.1f s, writes: %s", "restart until every client was looked at", l.resync, list(l.resyncWrites))
	p("\nmemory in MB, after a start                  resident  heap")
	for _, row := range []struct {
		name string
		of   memory
	}{
		{"operator, no client", l.empty}, {fmt.Sprintf("operator, %d clients", o.many), l.afterMany},
		{fmt.Sprintf("operator, and %d Secrets of others", o.foreign), l.beside},
		{"authserver, no client", l.serverEmpty}, {fmt.Sprintf("authserver, %d clients", o.many), l.serverMany},
	} {
		p("%-44s %8.1f %5.1f", row.name, row.of.resident, row.of.heap)
	}
}

func printPair(p func(string, ...any), of pair) {
	for _, row := range []struct {
		name string
		of   result
	}{{"bare writer", of.bare}, {"operator", of.operator}} {
		n := float64(row.of.clients)
		p("%-44s %.1f s; CPU for a client: API server %.2f ms, operator %.2f ms",
			row.name, row.of.seconds, row.of.apiServer/n*1000, row.of.operator/n*1000)
	}
}

// list writes counts down, in the order of their names.
func list(counts map[string]float64) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%.0f %s", counts[name], name))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}
