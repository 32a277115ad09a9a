// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestN138WhatAKeyboardAddsIsNoPartOfAName(t *testing.T) {
	for _, row := range []struct{ name, typed, want string }{
		{"as it is", "bob", "bob"},
		{"a space after", "bob ", "bob"},
		{"a space before", " bob", "bob"},
		{"several", " \t bob \r\n", "bob"},
		{"no-break space", "bob\u00a0", "bob"},
		{"ideographic space", "\u3000bob", "bob"},
		{"narrow no-break space", "bob\u202f", "bob"},
		{"zero-width space", "bob\u200b", "bob"},
		{"zero-width joiner and non-joiner", "\u200dbob\u200c", "bob"},
		{"word joiner", "bob\u2060", "bob"},
		{"byte order mark", "\ufeffbob", "bob"},
		{"direction marks", "\u200ebob\u200f", "bob"},
		{"direction isolates", "\u2066bob\u2069", "bob"},
		{"soft hyphen", "bob\u00ad", "bob"},
		{"Mongolian vowel separator", "bob\u180e", "bob"},
		{"all at once", "\u200f \u00a0\ufeffbob\u200b \u3000", "bob"},
		{"NFD", "Zoe\u0308", "Zo\u00eb"},
		{"NFC", "Zo\u00eb", "Zo\u00eb"},
		{"two marks in another order", "a\u0301\u0323", "\u1ea1\u0301"},
		{"a singleton", "\u212bngstr\u00f6m", "\u00c5ngstr\u00f6m"},
		{"Hangul in parts", "\u1112\u1161\u11ab", "\ud55c"},
		{"a space inside", "Zo\u00eb Lee", "Zo\u00eb Lee"},
		{"an ideographic space inside", "\u5c71\u7530\u3000\u592a\u90ce", "\u5c71\u7530 \u592a\u90ce"},
		{"a no-break space inside", "Bob\u00a0Lee", "Bob Lee"},
		{"two spaces inside", "Bob  Lee", "Bob  Lee"},
		{"a capital", "Bob", "Bob"},
		{"full width", "\uff42\uff4f\uff42", "\uff42\uff4f\uff42"},
		{"a line break inside", "bob\nlee", "bob\nlee"},
		{"blanks only", " \u00a0\u200b", ""},
		{"no UTF-8", "b\xffb", "b\xffb"},
		{"nothing", "", ""},
	} {
		if got := NormalizeName(row.typed); got != row.want {
			t.Errorf("%s: %+q becomes %+q, want %+q", row.name, row.typed, got, row.want)
		}
	}
}

func FuzzNormalizeName(f *testing.F) {
	f.Add(" bob\u00a0")
	f.Add("\u200bZoe\u0308\ufeff")
	f.Add("\u0308 a")
	f.Fuzz(func(t *testing.T, typed string) {
		once := NormalizeName(typed)
		if twice := NormalizeName(once); twice != once {
			t.Errorf("%+q becomes %+q, and that %+q", typed, once, twice)
		}
		if utf8.ValidString(once) && strings.TrimSpace(once) != once {
			t.Errorf("%+q becomes %+q, with a blank at an end", typed, once)
		}
	})
}
