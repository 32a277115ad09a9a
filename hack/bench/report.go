// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// report prints a table of medians. The first measurement is the floor.
func report(w io.Writer, measurements []*measurement, commits float64) {
	floor := median(measurements[0].results)
	_, _ = fmt.Fprintf(w, "%-28s %10s %9s %9s %7s %6s\n", "what", "requests/s", "p50", "p99", "ratio", "aim")
	for _, m := range measurements {
		r := median(m.results)
		aim := ""
		if m.aim > 0 {
			aim = fmt.Sprintf("%.2f", m.aim)
		}
		_, _ = fmt.Fprintf(w, "%-28s %10.0f %9s %9s %7.2f %6s\n",
			m.name, r.perSecond, round(r.p50), round(r.p99), r.perSecond/floor.perSecond, aim)
	}
	last := median(measurements[len(measurements)-1].results)
	_, _ = fmt.Fprintf(w, "\nThis disk syncs %.0f small writes a second, one after the other: refreshing reaches %.1f times that.\n",
		commits, last.perSecond/commits)
}

// median returns the result with the median throughput.
func median(results []result) result {
	sorted := slices.SortedFunc(slices.Values(results), func(a, b result) int {
		switch {
		case a.perSecond < b.perSecond:
			return -1
		case a.perSecond > b.perSecond:
			return 1
		}
		return 0
	})
	return sorted[len(sorted)/2]
}

func round(d time.Duration) string { return d.Round(10 * time.Microsecond).String() }
