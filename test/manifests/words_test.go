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

// replacementsOf reads testdata/words.tsv: words for known things that only the people who wrote the code would understand, each
// with what the field says instead. They stand in no name, comment, message, document or page.
func replacementsOf(t *testing.T) map[string]string {
	t.Helper()
	replacements := map[string]string{}
	for line := range strings.Lines(read(t, "testdata/words.tsv")) {
		word, instead, found := strings.Cut(strings.TrimSpace(line), "\t")
		if !found {
			t.Fatalf("a line is not a word, a tab and what to write instead: %q", line)
		}
		replacements[word] = instead
	}
	if len(replacements) < 19 {
		t.Fatalf("only %d words were read", len(replacements))
	}
	return replacements
}

// wordsOf returns the words of a text in lower case: those of prose, and those that a name is joined of, such as newScene.
func wordsOf(text string) []string {
	words := regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`).FindAllString(text, -1)
	for i, word := range words {
		words[i] = strings.ToLower(word)
	}
	return words
}

// privateWord returns the first private word of a text and what to write instead; "" if there is none.
func privateWord(replacements map[string]string, text string) (word, instead string) {
	for _, word := range wordsOf(text) {
		for _, form := range []string{word, strings.TrimSuffix(word, "s")} {
			if instead, found := replacements[form]; found {
				return form, instead
			}
		}
	}
	return "", ""
}

// isProse reports whether people read the file. Decisions are not among them, because they are never edited.
func isProse(path string) bool {
	if strings.Contains(path, "/docs/decisions/") || strings.HasSuffix(path, "/words_test.go") || strings.HasSuffix(path, "/explain_test.go") {
		return false
	}
	return slices.Contains([]string{".go", ".md", ".yaml", ".yml", ".html", ".css", ".sh", ".py", ".sql"}, filepath.Ext(path)) ||
		strings.HasSuffix(path, "/Makefile")
}

func TestNoPrivateWordStandsAnywhere(t *testing.T) {
	replacements := replacementsOf(t)
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "bin" || name == "node_modules" || path != root && strings.HasPrefix(name, ".") && name != ".ci") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !isProse(filepath.ToSlash(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for n, line := range strings.Split(string(text), "\n") {
			if word, instead := privateWord(replacements, line); word != "" {
				t.Errorf("%s:%d: instead of %q write: %s", path, n+1, word, instead)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 500 {
		t.Errorf("only %d files were read", files)
	}
}

func TestAPrivateWordIsFoundInNamesAndInProse(t *testing.T) {
	replacements := map[string]string{"scene": "fixture"}
	for text, want := range map[string]string{
		"func newScene(t *testing.T)": "scene", "two Scenes": "scene", "a scene of ours": "scene", "a scenery": "", "worldwide": "", "the obvious": "",
	} {
		if got, _ := privateWord(replacements, text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
