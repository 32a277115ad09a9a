// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"strings"
)

const (
	scheme = "OAuth"
	// blanks are the linear whitespace of RFC 2617. Line breaks do not reach us.
	blanks = " \t"
)

var errHeader = errors.New("malformed Authorization header")

// header is the content of an Authorization header of the scheme OAuth. The realm is
// not among the parameters: it is not signed (RFC 5849 §3.4.1.3.1).
type header struct {
	realm    string
	hasRealm bool
	params   []Param
}

// parseAuthorization reads an Authorization header (RFC 5849 §3.5.1). One of another
// scheme is none of ours: the result is empty then. With raw, values need not be encoded.
func parseAuthorization(text string, raw bool) (header, error) {
	var h header
	name, rest, _ := strings.Cut(text, " ")
	if !strings.EqualFold(name, scheme) {
		return h, nil
	}
	rest = strings.Trim(rest, blanks)
	for {
		var err error
		if rest, err = h.readParam(rest, raw); err != nil {
			return header{}, err
		}
		if rest = strings.TrimLeft(rest, blanks); rest == "" {
			return h, nil
		}
		if rest[0] != ',' {
			return header{}, errHeader
		}
		rest = strings.TrimLeft(rest[1:], blanks)
	}
}

// readParam reads name="value" and returns what follows.
func (h *header) readParam(text string, raw bool) (rest string, err error) {
	name, rest, found := strings.Cut(text, `="`)
	name, ok := decode(name, false)
	if !found || !ok || name == "" {
		return "", errHeader
	}
	if strings.EqualFold(name, paramRealm) { // HTTP's own parameters have no case
		if h.hasRealm {
			return "", errHeader
		}
		h.hasRealm = true
		h.realm, rest, ok = unquote(rest)
		if !ok {
			return "", errHeader
		}
		return rest, nil
	}
	value, rest, found := strings.Cut(rest, `"`)
	value, ok = decode(value, raw)
	if !found || !ok {
		return "", errHeader
	}
	h.params = append(h.params, Param{name, value})
	return rest, nil
}

// unquote reads what is left of a quoted-string after its opening quote (RFC 9110 §5.6.4).
func unquote(text string) (value, rest string, ok bool) {
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

// Authorization writes an Authorization header, or the challenge of WWW-Authenticate, which
// has the same form (RFC 5849 §3.5.1). Without a realm there is none.
func Authorization(realm string, params []Param) string {
	parts := make([]string, 0, len(params)+1)
	if realm != "" {
		parts = append(parts, paramRealm+`="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm)+`"`)
	}
	for _, p := range params {
		parts = append(parts, Encode(p.Name)+`="`+Encode(p.Value)+`"`)
	}
	return scheme + " " + strings.Join(parts, ", ")
}
