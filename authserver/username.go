// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NormalizeName returns the user name that a person meant with what they typed. A keyboard adds
// what is not part of a name, and may write a letter with an accent as one character or as two:
//
//   - blanks (Unicode White_Space) and invisible format characters (category Cf: zero-width space,
//     joiners, byte order mark, direction marks) go at both ends;
//   - each other blank (no-break, ideographic, ...) becomes the ASCII space;
//   - the rest is in Normalization Form C.
//
// That is RFC 8265 §3.4 (UsernameCasePreserved) without its width mapping. A letter in another case
// makes another name, as it does for RBAC. What is not UTF-8 stays as it is: nobody is called that.
// Directories have names in this form only.
func NormalizeName(typed string) string {
	if !utf8.ValidString(typed) {
		return typed
	}
	return norm.NFC.String(strings.Map(foldBlank, strings.TrimFunc(typed, isAddedByKeyboard)))
}

func isAddedByKeyboard(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// foldBlank returns the ASCII space for the space characters of all scripts. Line breaks and tabs stay:
// no name has one.
func foldBlank(r rune) rune {
	if unicode.Is(unicode.Zs, r) {
		return ' '
	}
	return r
}

// FoldName returns the same for names that differ in letter case alone.
func FoldName(name string) string { return strings.ToLower(name) }
