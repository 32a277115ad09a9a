// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
)

// The results in docs/conformance.md.
const (
	passes       = "passes"
	doesNotApply = "does not apply"
	notPassed    = "not passed"
)

// table is a table of a document: the cells of each row, the head first.
type table [][]string

// tablesOf returns the tables of a text in Markdown.
func tablesOf(text string) []table {
	var all []table
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.TrimSuffix(line[1:], "|"), "|") {
			cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		switch {
		case !inside:
			all, inside = append(all, table{cells}), true
		case strings.HasPrefix(cells[0], "---"):
		default:
			all[len(all)-1] = append(all[len(all)-1], cells)
		}
	}
	return all
}

// results returns what the document says of each module, by the test of its plan.
func results(t *testing.T, tables []table) map[string][]documented {
	t.Helper()
	found := map[string][]documented{}
	for _, rows := range tables {
		head := rows[0]
		if head[0] != "module" {
			continue
		}
		for column := 1; column < len(head)-1; column++ {
			for _, row := range rows[1:] {
				if len(row) != len(head) {
					t.Fatalf("a row of %s has %d cells: %v", head[column], len(row), row)
				}
				found[head[column]] = append(found[head[column]], documented{row[0], row[column], row[len(row)-1]})
			}
		}
	}
	return found
}

// documented is what the document says of a module.
type documented struct{ module, result, why string }

func TestTheDocumentSaysWhatTheTestsShow(t *testing.T) {
	root, err := binaries.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	tables := tablesOf(string(text))
	said := results(t, tables)
	for _, p := range plans() {
		if !strings.Contains(string(text), p.name) {
			t.Errorf("the document does not name the plan %s", p.name)
		}
		p.compare(t, said[p.test])
		if p.hasSubtests() && !exists(t, filepath.Join(root, "test", "conformance"), p.test) {
			t.Errorf("there is no %s", p.test)
		}
		delete(said, p.test)
	}
	for test := range said {
		t.Errorf("the document has a column %s, which is the test of no plan", test)
	}
	checkLists(t, root, tables)
}

func (p plan) hasSubtests() bool {
	return slices.ContainsFunc(p.modules, func(m module) bool { return m.run != nil })
}

// compare compares the plan with its column: the same modules in the same order, and a subtest for those that pass, and for no other.
func (p plan) compare(t *testing.T, said []documented) {
	t.Helper()
	if len(said) != len(p.modules) {
		t.Errorf("%s has %d modules, and the document %d", p.name, len(p.modules), len(said))
		return
	}
	for n, m := range p.modules {
		d := said[n]
		switch {
		case d.module != m.name:
			t.Errorf("module %d of %s is %s, and %s in the document", n+1, p.name, m.name, d.module)
		case !slices.Contains([]string{passes, doesNotApply, notPassed}, d.result):
			t.Errorf("%s: %q is no result", m.name, d.result)
		case (d.result == passes) != (m.run != nil):
			t.Errorf("%s: %q is in the column of %s, and that there is a subtest is %t", m.name, d.result, p.test, m.run != nil)
		case d.result != passes && d.why == "":
			t.Errorf("%s: the document does not say why it is %q", m.name, d.result)
		}
	}
}

// checkLists checks the tables of requirements: each names tests, by package and name, that exist.
func checkLists(t *testing.T, root string, tables []table) {
	t.Helper()
	named := regexp.MustCompile("^`?([a-z0-9/]+)\\.(Test\\w+)`?$")
	count := 0
	for _, rows := range tables {
		if rows[0][0] != "§" {
			continue
		}
		for _, row := range rows[1:] {
			if reason, does := strings.CutPrefix(row[2], doesNotApply+": "); does && reason != "" {
				continue
			}
			for test := range strings.SplitSeq(row[2], ", ") {
				match := named.FindStringSubmatch(test)
				if match == nil {
					t.Errorf("§%s, %s: %q is no test", row[0], row[1], test)
				} else if !exists(t, filepath.Join(root, match[1]), match[2]) {
					t.Errorf("§%s, %s: %s has no test %s", row[0], row[1], match[1], match[2])
				}
				count++
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d tests are named", count)
	}
}

// exists reports whether the package in the folder has the test.
func exists(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+test+"(") {
			return true
		}
	}
	return false
}
