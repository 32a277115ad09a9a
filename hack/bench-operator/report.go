// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are all figures of a run.
type results struct {
	options

	load   string // of the machine before the run
	took   time.Duration
	rounds []pair
	large  *large // nil: left out
}

// row is a line of the report.
type row struct{ what, figure, aim string }

// rows returns the report. Of rounds it is the one with the median ratio.
func (r results) rows() []row {
	rounds := slices.SortedFunc(slices.Values(r.rounds), func(a, b pair) int { return cmp.Compare(a.ratio(), b.ratio()) })
	var ratios []string
	for _, round := range r.rounds {
		ratios = append(ratios, fmt.Sprintf("%.2f", round.ratio()))
	}
	median := rounds[len(rounds)/2]
	out := []row{
		{
			fmt.Sprintf("%d clients, from the first apply to the last Ready, against the bare writer", r.clients),
			fmt.Sprintf("%.2f (turns: %s); %s", median.ratio(), strings.Join(ratios, ", "), median), "1.3",
		},
		{fmt.Sprintf("writes for %d clients", r.clients), list(median.operator.writes), "1 Secret and 1 status each, no Event"},
		{"processor time for a client", median.cost(), ""},
	}
	if l := r.large; l != nil {
		out = append(out, l.rows(r.options, median)...)
	}
	return out
}

func (l *large) rows(o options, small pair) []row {
	grown := func(large, small result) float64 {
		return large.seconds / float64(large.clients) / (small.seconds / float64(small.clients))
	}
	with := func(n int) string { return fmt.Sprintf("%d clients", n) }
	return []row{
		{with(o.many) + " in the same way", fmt.Sprintf("%.2f; %s", l.pair.ratio(), l.pair), ""},
		{
			fmt.Sprintf("time for a client at %d against %d", o.many, o.clients),
			fmt.Sprintf("operator %.2f, bare writer %.2f", grown(l.pair.operator, small.operator), grown(l.pair.bare, small.bare)), "1 is linear",
		},
		{"processor time for a client there", l.pair.cost(), ""},
		{"a start with them, until each was looked at", fmt.Sprintf("%.1f s", l.many.seconds), ""},
		{fmt.Sprintf("writes of %d such starts", o.starts), list(l.many.writes), "0 about clients"},
		{"memory of the operator without a client", l.empty.memory.String(), ""},
		{"memory of the operator with " + with(o.many), l.many.memory.String() + added(l.empty.memory, l.many.memory), "below 60 MB more"},
		{
			fmt.Sprintf("the same beside %d Secrets of others", o.foreign),
			l.beside.memory.String() + added(l.many.memory, l.beside.memory), "no difference",
		},
		{"memory of the authserver without a client", l.serverEmpty.String(), ""},
		{"memory of the authserver with " + with(o.many), l.serverMany.String() + added(l.serverEmpty, l.serverMany), "below 60 MB more"},
	}
}

func (p pair) String() string {
	return fmt.Sprintf("operator %.1f s, bare writer %.1f s", p.operator.seconds, p.bare.seconds)
}

// cost is the processor time for one client.
func (p pair) cost() string {
	each := func(seconds float64, of result) float64 { return seconds / float64(of.clients) * 1000 }
	return fmt.Sprintf("API server %.1f ms (bare writer: %.1f ms), operator %.1f ms",
		each(p.operator.apiServer, p.operator), each(p.bare.apiServer, p.bare), each(p.operator.operator, p.operator))
}

func (m memory) String() string {
	return fmt.Sprintf("%.0f MB resident at rest, heap %.0f MB, at most %.0f MB since its start", m.resident, m.heap, m.most)
}

func added(before, after memory) string {
	return fmt.Sprintf("; %+.0f MB resident", after.resident-before.resident)
}

// list writes counts down, in the order of their names.
func list(counts map[string]float64) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%.0f %s", counts[name], name))
	}
	return cmp.Or(strings.Join(out, ", "), "none")
}

// circumstances say what the figures are of.
func (r results) circumstances() string {
	return fmt.Sprintf("Measured %s in %s on %d cores (%s), %s; load of the machine before the run: %s.",
		time.Now().UTC().Format(time.DateOnly), r.took.Round(time.Second), runtime.NumCPU(), processor(), runtime.Version(), r.load)
}

// processor returns the name of the processor, where the system tells.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	_, after, _ := strings.Cut(string(text), "model name")
	_, after, _ = strings.Cut(after, ":")
	name, _, _ := strings.Cut(after, "\n")
	return cmp.Or(strings.TrimSpace(name), runtime.GOARCH)
}

// readLoad returns the load of the last minute, where the system tells.
func readLoad() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return cmp.Or(load, "unknown")
}

// print writes the report for a terminal.
func (r results) print(out io.Writer) {
	_, _ = fmt.Fprintln(out, r.circumstances())
	for _, line := range r.rows() {
		_, _ = fmt.Fprintf(out, "%s\n    %s\n", line.what, line.figure)
		if line.aim != "" {
			_, _ = fmt.Fprintf(out, "    (%s)\n", line.aim)
		}
	}
}

// markdown returns the report for the documentation.
func (r results) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n| what | figure | aim |\n|---|---|---|\n", r.circumstances())
	for _, line := range r.rows() {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", line.what, line.figure, line.aim)
	}
	return out.String()
}

const (
	beginMark = "<!-- bench-operator: begin -->"
	endMark   = "<!-- bench-operator: end -->"
)

// replaceMarked returns the text of the file with something else between the marks.
func replaceMarked(path, text string) (string, error) {
	whole, err := os.ReadFile(path) //nolint:gosec // whoever runs this names it
	if err != nil {
		return "", fmt.Errorf("read the page for the figures: %w", err)
	}
	before, rest, begun := strings.Cut(string(whole), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !begun || !ended {
		return "", fmt.Errorf("%s has no lines %s and %s, one after the other", path, beginMark, endMark)
	}
	return before + beginMark + "\n" + text + endMark + after, nil
}
