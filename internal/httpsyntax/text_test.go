// SPDX-License-Identifier: Apache-2.0

package httpsyntax_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

func TestVisibleAndPrintableASCIIDifferByTheBlank(t *testing.T) {
	for c := range rune(0x110000) {
		visible, printable := httpsyntax.IsVisibleASCII("a"+string(c)), httpsyntax.IsPrintableASCII(c)
		if visible != (c >= 0x21 && c <= 0x7e) || printable != (visible || c == 0x20) {
			t.Fatalf("%U: visible %v, printable %v", c, visible, printable)
		}
	}
	if !httpsyntax.IsVisibleASCII("") || httpsyntax.IsVisibleASCII("\xff") {
		t.Error("an empty text, or one that is no UTF-8")
	}
}

func TestPathAndQueryAreCutAsTheyWereSpelled(t *testing.T) {
	for target, want := range map[string]string{
		"/a/../b%2f%7e;c?x=%7e+1":         "/a/../b%2f%7e;c?x=%7e+1",
		"http://api.example/a|b?c":        "/a|b?c",
		"HTTPS://api.example/a?b=://c/d":  "/a?b=://c/d",
		"http://api.example?b=/":          "?b=/",
		"http://api.example":              "",
		"//api.example/a":                 "//api.example/a",
		"*":                               "",
		"":                                "",
		"api.example:443":                 "",
		"https://api.example:8443/%2Fa??": "/%2Fa??",
	} {
		if got := httpsyntax.PathAndQuery(target); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}
