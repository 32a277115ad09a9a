// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/url"
	"strings"
)

// Encode is the percent-encoding of RFC 5849 §3.6: all bytes but the unreserved ones, with
// upper-case digits. What it returns is also correct in forms and queries.
func Encode(s string) string {
	if isUnreserved(s) {
		return s
	}
	return string(appendEncoded(make([]byte, 0, len(s)+len(s)/2), s))
}

func isUnreserved(s string) bool {
	for n := range len(s) {
		if !unreserved(s[n]) {
			return false
		}
	}
	return true
}

func appendEncoded[T string | []byte](b []byte, s T) []byte {
	const digits = "0123456789ABCDEF"
	for n := range len(s) {
		if c := s[n]; unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// decode is the inverse of Encode, and takes digits of either case. With raw, printable
// ASCII may stand for itself, but for the quote and the backslash, which have a meaning
// in a header.
func decode(s string, raw bool) (string, bool) {
	if isUnreserved(s) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for n := 0; n < len(s); n++ {
		switch c := s[n]; {
		case c == '%':
			if n+2 >= len(s) {
				return "", false
			}
			high, low := digitOf(s[n+1]), digitOf(s[n+2])
			if high > 15 || low > 15 {
				return "", false
			}
			b = append(b, high<<4|low)
			n += 2
		case unreserved(c), raw && c >= ' ' && c <= '~' && c != '"' && c != '\\':
			b = append(b, c)
		default:
			return "", false
		}
	}
	return string(b), true
}

// digitOf returns the value of a hexadecimal digit, and more than 15 of anything else.
func digitOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	default:
		return 0xff
	}
}

// unreserved is RFC 3986 §2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// encodeForm writes parameters as a form, in their order.
func encodeForm(params []Param) string {
	pairs := make([]string, len(params))
	for n, p := range params {
		pairs[n] = Encode(p.Name) + "=" + Encode(p.Value)
	}
	return strings.Join(pairs, "&")
}

// decodeForm reads a form or a query, names given twice included (RFC 5849 §3.4.1.3.1,
// HTML 4.0 §17.13.4): "+" is a blank, a name without "=" has an empty value.
func decodeForm(text string) ([]Param, bool) {
	var params []Param
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		params = append(params, Param{name, value})
	}
	return params, true
}
