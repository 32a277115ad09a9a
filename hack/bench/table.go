// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what a part found out.
type table struct {
	title string
	head  []string
	rows  [][]string
}

// text is the table for a terminal.
func (t table) text() string {
	var out bytes.Buffer
	fmt.Fprintln(&out, t.title)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, cells := range append([][]string{t.head}, t.rows...) {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(cells, "\t")) // memory takes all
	}
	_ = w.Flush() // here too
	return out.String()
}

// markdown is the table for a page.
func (t table) markdown() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n\n", t.title)
	line := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.head)
	line(slices.Repeat([]string{"---"}, len(t.head)))
	for _, cells := range t.rows {
		line(cells)
	}
	return out.String()
}

// markers are the lines of a page that the tables of a part stand between.
func markers(part string) (begin, end string) {
	return fmt.Sprintf("<!-- bench %s: written by make bench -->\n", part), fmt.Sprintf("<!-- bench %s: end -->\n", part)
}

// replaceTables puts the tables of a part into a page.
func replaceTables(file, part string, tables []table, about string) error {
	page, err := os.ReadFile(file) //nolint:gosec // what the person names
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	page, err = replaced(page, part, tables, about)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.WriteFile(file, page, 0o644); err != nil { //nolint:gosec // everybody may read it
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// replaced returns the page with the tables of a part.
func replaced(page []byte, part string, tables []table, about string) ([]byte, error) {
	begin, end := markers(part)
	before, rest, found := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return nil, fmt.Errorf("the page lacks one of the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(begin)
	for _, t := range tables {
		out.WriteString(t.markdown() + "\n")
	}
	out.WriteString(about + "\n" + end)
	out.Write(after)
	return out.Bytes(), nil
}

// ratioTable is the table of the part ratios.
func ratioTable(rows []*row, syncs float64) table {
	t := table{title: "Medians of the rounds, and the lowest and the highest round. CPU each is the processor time of the process that serves, for a request. " +
		fmt.Sprintf("The disk of the SQLite store synced %s small writes a second, one after the other.", number(syncs)),
		head: []string{"what", "a second", "lowest to highest", "p50", "p99", "CPU each", "beside it", "a second", "lowest to highest", "CPU each", "ratio", "aim", "reached"}}
	for _, r := range rows {
		cells := append([]string{r.name}, figures(r.results)...)
		cells = append(cells, short(median(each(r.results, p50))), short(median(each(r.results, p99))), price(r.results), r.against)
		cells = append(append(cells, figures(r.references)...), price(r.references), fmt.Sprintf("%.2f", r.ratio()))
		t.rows = append(t.rows, append(cells, aimed(r.ratio(), r.aim)...))
	}
	return t
}

// figures are the median of the rates, and their range.
func figures(results []result) []string {
	rates := each(results, perSecond)
	return []string{number(median(rates)), number(slices.Min(rates)) + " to " + number(slices.Max(rates))}
}

// price is the processor time of the server for a request.
func price(results []result) string {
	if cost := median(each(results, cost)); cost > 0 {
		return cost.Round(time.Microsecond).String()
	}
	return ""
}

// aimed returns an aim, and whether it is reached. Without an aim both are empty.
func aimed(ratio, aim float64) []string {
	if aim == 0 {
		return []string{"", ""}
	}
	return []string{fmt.Sprintf("%.1f", aim), yes(ratio >= aim)}
}

func yes(reached bool) string {
	if reached {
		return "yes"
	}
	return "no"
}

// number writes a number without a fraction, in groups of three digits.
func number(f float64) string {
	digits := fmt.Sprintf("%.0f", f)
	for n := len(digits) - 3; n > 0; n -= 3 {
		digits = digits[:n] + "," + digits[n:]
	}
	return digits
}

// short writes a duration with what a person looks at.
func short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
