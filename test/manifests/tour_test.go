// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link       = regexp.MustCompile("\\[(`?)([^]`]+)`?\\]\\(([^)#]+)[^)]*\\)")
	identifier = regexp.MustCompile(`^([a-z]+\.)?[A-Za-z]+$`)
)

// declares reports whether Go source declares a function, a method, a type or a variable with the name.
func declares(source, name string) bool {
	name = regexp.QuoteMeta(name[strings.LastIndexByte(name, '.')+1:])
	return regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |var )` + name + `\b`).MatchString(source)
}

func TestTheTourNamesWhatIsThere(t *testing.T) {
	names, folders := 0, 0
	for _, found := range link.FindAllStringSubmatch(read(t, root+"/docs/tour.md"), -1) {
		code, text, target := found[1] == "`", found[2], filepath.Join(root, "docs", found[3])
		if _, err := os.Stat(target); err != nil {
			t.Errorf("%s links to what is not there: %v", text, err)
			continue
		}
		switch {
		case !code:
		case strings.HasSuffix(target, ".go") && identifier.MatchString(text):
			names++
			if !declares(read(t, target), text) {
				t.Errorf("%s does not declare %s", found[3], text)
			}
		default:
			folders++
		}
	}
	if names < 40 || folders < 3 {
		t.Errorf("only %d names and %d folders were found", names, folders)
	}
}

func TestANameThatIsNotDeclaredIsFound(t *testing.T) {
	const source = "func Open() {}\n\nfunc (s *Server) Close() {}\n\ntype Server struct{}\n\nvar limit = 1\n\n// Gone is not here: func Gone() {}\n"
	for name, want := range map[string]bool{
		"Open": true, "Close": true, "web.Server": true, "limit": true, "Gone": false, "Ope": false, "Serve": false,
	} {
		if got := declares(source, name); got != want {
			t.Errorf("%s is declared: %t", name, got)
		}
	}
}

func TestEveryLinkOfADocumentLeadsSomewhere(t *testing.T) {
	pages, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	decisions, err := filepath.Glob(root + "/docs/decisions/*.md")
	if err != nil || len(decisions) < 10 {
		t.Fatalf("%d decisions, %v", len(decisions), err)
	}
	top, err := filepath.Glob(root + "/*.md")
	if err != nil || len(top) < 3 {
		t.Fatalf("%d pages at the top, %v", len(top), err)
	}
	for _, page := range append(append(pages, decisions...), top...) {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			target := found[3]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s: %v", page, target, err)
			}
		}
	}
}
