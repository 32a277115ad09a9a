// SPDX-License-Identifier: Apache-2.0

package httpsyntax

import "strings"

// IsVisibleASCII reports whether text is made of VCHAR of RFC 5234: ASCII without blanks and control
// characters.
func IsVisibleASCII(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// IsPrintableASCII reports whether c is visible ASCII or a blank.
func IsPrintableASCII(c rune) bool { return c >= ' ' && c <= '~' }

// PathAndQuery cuts path and query out of a request target (RFC 9112 §3.2) as the client spelled
// them: origin form ("/a?b") or absolute form ("https://api.example/a?b"). net/url would decode and
// encode them anew, and what a client signed is its own spelling.
func PathAndQuery(target string) string {
	if strings.HasPrefix(target, "/") {
		return target
	}
	_, rest, _ := strings.Cut(target, "://")
	if n := strings.IndexAny(rest, "/?"); n >= 0 {
		return rest[n:]
	}
	return ""
}
