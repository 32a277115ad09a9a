// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claims are the documents that say what cannot be done.
var claims = []string{"docs/threat-model.md", "docs/negative-cases.md", "SECURITY.md", "config/rbac/operator.yaml", "config/rbac/authserver.yaml"}

var (
	testName   = regexp.MustCompile(`\bTest[A-Z0-9]\w+`)
	testNumber = regexp.MustCompile(`\bN\d+\b`)
	declared   = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// testCode is the text of every test in the code, by the folder of its package.
func testCode(t *testing.T) map[string]string {
	t.Helper()
	code := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".go") && strings.Contains(path, "/storetest/") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			code[folder] += string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// A test that a document names and that is not there shows nothing.
func TestEveryTestThatADocumentNamesExists(t *testing.T) {
	known := map[string]bool{}
	for _, text := range testCode(t) {
		for _, match := range declared.FindAllStringSubmatch(text, -1) {
			known[match[1]] = true
		}
	}
	found := 0
	for _, file := range claims {
		for _, name := range testName.FindAllString(read(t, root+"/"+file), -1) {
			found++
			if !known[name] {
				t.Errorf("%s names %s, which is no test", file, name)
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d names were found", found)
	}
}

// numbers are the lines of docs/negative-cases.md: the packages with tests of each number.
func numbers(t *testing.T) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for line := range strings.Lines(read(t, root+"/docs/negative-cases.md")) {
		cells := strings.Split(line, " | ")
		number := strings.TrimPrefix(cells[0], "| ")
		if !regexp.MustCompile(`^N\d+$`).MatchString(number) {
			continue
		}
		if rows[number] != nil {
			t.Errorf("%s stands there twice", number)
		}
		for _, match := range regexp.MustCompile("`([a-z0-9/]+)`").FindAllStringSubmatch(cells[len(cells)-1], -1) {
			rows[number] = append(rows[number], match[1])
		}
		if len(rows[number]) == 0 {
			t.Errorf("%s has no test", number)
		}
	}
	if len(rows) < 60 {
		t.Fatalf("only %d lines were found", len(rows))
	}
	return rows
}

func TestEveryNegativeCaseHasItsTestInEachPackageThatItNames(t *testing.T) {
	code := testCode(t)
	for number, packages := range numbers(t) {
		for _, folder := range packages {
			if !regexp.MustCompile(number + `(\D|$)`).MatchString(code[folder]) {
				t.Errorf("%s: no test of %s bears the number", number, folder)
			}
		}
	}
}

func TestEveryNumberThatADocumentNamesIsANegativeCase(t *testing.T) {
	rows := numbers(t)
	for _, file := range claims {
		for _, number := range testNumber.FindAllString(read(t, root+"/"+file), -1) {
			if rows[number] == nil {
				t.Errorf("%s names %s, which is no line of docs/negative-cases.md", file, number)
			}
		}
	}
}

// What somebody can do and cannot do is only worth something with a test beside it.
func TestEveryLineOfTheThreatModelHasItsTest(t *testing.T) {
	var actors []string
	for line := range strings.Lines(read(t, root+"/docs/threat-model.md")) {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			actors = append(actors, strings.TrimSpace(title))
		}
		if len(actors) == 0 || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| can") || strings.HasPrefix(line, "| cannot") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), " | ")
		last := cells[len(cells)-1]
		if !testName.MatchString(last) && !testNumber.MatchString(last) {
			t.Errorf("%s: no test stands beside %q", actors[len(actors)-1], cells[0])
		}
	}
	for _, actor := range []string{
		"Somebody without an account", "A person", "A person who left", "A tenant with the role edit", "An application with a stolen secret", "A stolen token of the operator",
		"A stolen token of the server", "A stolen status", "A stolen store file", "An administrator of the platform",
	} {
		if !slices.Contains(actors, actor) {
			t.Errorf("docs/threat-model.md has no section %q", actor)
		}
	}
}
