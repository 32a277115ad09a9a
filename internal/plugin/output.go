// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/terminal"
)

// table is what is shown to people. The columns from wide on are shown with -o wide only; zero: all are.
type table struct {
	columns []string
	wide    int
	rows    [][]string
	none    string // is said beside the answer where there are no rows
}

// print writes an answer in the format of -o: value as JSON or YAML, else the table.
func (o *options) print(value any, t table) error {
	switch o.output {
	case "json":
		e := json.NewEncoder(o.Out)
		e.SetIndent("", "  ")
		return e.Encode(value)
	case "yaml":
		text, err := yaml.Marshal(value)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = o.Out.Write(text)
		return err
	default:
		if len(t.rows) == 0 && t.none != "" {
			fmt.Fprintln(o.Err, t.none)
			return nil
		}
		return t.write(o.Out, o.output == "wide")
	}
}

func (t table) write(out io.Writer, wide bool) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	shown := func(cells []string) []string {
		if t.wide > 0 && !wide {
			return cells[:t.wide]
		}
		return cells
	}
	fmt.Fprintln(w, strings.Join(shown(t.columns), "\t"))
	for _, row := range t.rows {
		cells := make([]string, 0, len(row))
		for _, cell := range shown(row) {
			cells = append(cells, oneLine(orDash(cell)))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// clean takes out what could steer a terminal: names and messages come from other people.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && terminal.Steers(r) {
			return '?'
		}
		return r
	}, text)
}

// oneLine is clean for what must stay in its line: a name with a line break could write a line of its own, which forges a row of a
// table, or which a CI system takes for a command.
func oneLine(text string) string { return strings.ReplaceAll(clean(text), "\n", " ") }

// ago is how long ago a time is, as kubectl says it.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return duration.HumanDuration(now.Sub(t)) + " ago"
}

// colour puts a colour around text where somebody sees it.
func (o *options) colour(code, text string) string {
	if !o.OutIsTerminal || noColour() {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (o *options) good(text string) string { return o.colour("32", text) }
func (o *options) bad(text string) string  { return o.colour("31", text) }

// joined writes a list in one cell.
func joined[T ~string](values []T) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return strings.Join(texts, ",")
}
