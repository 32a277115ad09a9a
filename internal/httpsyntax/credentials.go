// SPDX-License-Identifier: Apache-2.0

// Package httpsyntax reads and writes what HTTP itself defines and both protocols use: lists and
// credentials in a header (RFC 9110), forms, the query of an address. It works on text, knows no
// protocol of ours and makes no error that a client sees.
package httpsyntax

import (
	"encoding/base64"
	"errors"
	"strings"
)

const (
	// MaxCredentials is the longest Authorization header that is read, in bytes.
	MaxCredentials = 16 << 10
	// MaxAuthParams is how many parameters an Authorization header may have. Empty members of the
	// list do not count: MaxCredentials bounds them.
	MaxAuthParams = 256

	// whitespace is what RFC 9110 §5.6.3 allows around the parts of a field.
	whitespace = " \t"
)

// ErrCredentials says that an Authorization header is malformed or too large.
var ErrCredentials = errors.New("malformed credentials")

// AuthParam is a parameter of credentials (RFC 9110 §11.2). The value is without quotes.
type AuthParam struct{ Name, Value string }

// CutScheme splits the value of an Authorization header into the scheme and what follows it
// (RFC 9110 §11.4). One or more blanks or tabs come between them. A comma may come there
// too: it ends an empty member of the list that follows. Without a scheme, scheme is empty.
func CutScheme(credentials string) (scheme, rest string) {
	credentials = strings.Trim(credentials, whitespace)
	end := strings.IndexFunc(credentials, func(c rune) bool { return !isTokenChar(c) })
	if end < 0 {
		return credentials, ""
	}
	if !strings.ContainsRune(whitespace+",", rune(credentials[end])) {
		return "", credentials
	}
	return credentials[:end], strings.TrimLeft(credentials[end:], whitespace)
}

// ParseAuthParams reads what follows a scheme as a list of parameters (RFC 9110 §5.6.1.2, §11.2):
// empty members are ignored, and blanks and tabs around a comma or an equals sign mean nothing. A
// value is a quoted-string or a token. For clients that leave quotes out, a token may be empty and
// is any visible ASCII but the comma, the quote and the backslash. Nothing is percent-decoded.
func ParseAuthParams(list string) ([]AuthParam, error) {
	if len(list) > MaxCredentials {
		return nil, ErrCredentials
	}
	var params []AuthParam
	for {
		list = strings.TrimLeft(list, whitespace+",")
		if list == "" {
			return params, nil
		}
		if len(params) == MaxAuthParams {
			return nil, ErrCredentials
		}
		var p AuthParam
		var ok bool
		if p, list, ok = cutAuthParam(list); !ok {
			return nil, ErrCredentials
		}
		params = append(params, p)
	}
}

// cutAuthParam reads the first parameter of a list and returns what follows it: nothing, or a comma.
func cutAuthParam(list string) (p AuthParam, rest string, ok bool) {
	name, rest, found := strings.Cut(list, "=")
	p.Name = strings.TrimRight(name, whitespace)
	if !found || p.Name == "" || strings.ContainsFunc(p.Name, func(c rune) bool { return !isTokenChar(c) }) {
		return p, "", false
	}
	rest = strings.TrimLeft(rest, whitespace)
	if inside, quoted := strings.CutPrefix(rest, `"`); quoted {
		p.Value, rest, ok = cutQuoted(inside)
	} else {
		p.Value, rest, ok = cutUnquoted(rest)
	}
	rest = strings.TrimLeft(rest, whitespace)
	return p, rest, ok && (rest == "" || rest[0] == ',')
}

// cutQuoted reads a quoted-string after its opening quote (RFC 9110 §5.6.4).
func cutQuoted(text string) (value, rest string, ok bool) {
	if end := strings.IndexByte(text, '"'); end >= 0 && !strings.ContainsFunc(text[:end], needsCare) {
		return text[:end], text[end+1:], true
	}
	var b strings.Builder
	for n := 0; n < len(text); n++ {
		c := text[n]
		if c == '"' {
			return b.String(), text[n+1:], true
		}
		if c == '\\' && n+1 < len(text) {
			n++
			c = text[n]
		}
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", "", false
		}
		b.WriteByte(c)
	}
	return "", "", false
}

// needsCare reports whether a character of a quoted-string does not simply stand for itself.
func needsCare(c rune) bool { return c == '\\' || c < ' ' || c == 0x7f }

// cutUnquoted reads a value up to a comma, a blank or the end.
func cutUnquoted(text string) (value, rest string, ok bool) {
	end := strings.IndexAny(text, whitespace+",")
	if end < 0 {
		end = len(text)
	}
	value = text[:end]
	bad := func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }
	return value, text[end:], !strings.ContainsFunc(value, bad)
}

// Quote writes text as a quoted-string (RFC 9110 §5.6.4). The text holds no control characters
// but tabs.
func Quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// ParseBasic reads the credentials of the scheme Basic (RFC 7617 §2). ok is false for another
// scheme, too.
func ParseBasic(credentials string) (user, password string, ok bool) {
	scheme, rest := CutScheme(credentials)
	if len(credentials) > MaxCredentials || !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	var room [256]byte // most credentials are shorter
	raw, err := strictBase64.AppendDecode(room[:0], []byte(rest))
	if err != nil || strings.ContainsAny(rest, "\r\n") {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}

var strictBase64 = base64.StdEncoding.Strict()

// isTokenChar is tchar of RFC 9110 §5.6.2.
func isTokenChar(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}
