// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

const scheme = "OAuth"

var errHeader = errors.New("malformed Authorization header")

// header is the content of an Authorization header of the scheme OAuth. The realm is
// not among the parameters: it is not signed (RFC 5849 §3.4.1.3.1).
type header struct {
	realm    string
	hasRealm bool
	params   []Param
	// otherScheme is set where there is a header, and its scheme is not OAuth.
	otherScheme bool
}

// parseAuthorization reads an Authorization header (RFC 5849 §3.5.1). Its list is read as RFC 9110
// says: empty members, blanks and missing quotes do no harm. What stands in a name or a value must
// be percent-encoded; with raw, values need not be. A header of another scheme has no parameters.
func parseAuthorization(text string, raw bool) (header, error) {
	name, list := httpsyntax.CutScheme(text)
	if !strings.EqualFold(name, scheme) {
		return header{otherScheme: text != ""}, nil
	}
	parts, err := httpsyntax.ParseAuthParams(list)
	if err != nil {
		return header{}, errHeader
	}
	var h header
	for _, part := range parts {
		name, ok := decode(part.Name, false)
		if !ok || name == "" {
			return header{}, errHeader
		}
		if strings.EqualFold(name, paramRealm) { // HTTP's own parameters have no case
			if h.hasRealm {
				return header{}, errHeader
			}
			h.hasRealm, h.realm = true, part.Value
			continue
		}
		value, ok := decode(part.Value, raw)
		if !ok {
			return header{}, errHeader
		}
		h.params = append(h.params, Param{name, value})
	}
	return h, nil
}

// Authorization writes an Authorization header, or the challenge of WWW-Authenticate, which
// has the same form (RFC 5849 §3.5.1). Without a realm there is none.
func Authorization(realm string, params []Param) string {
	parts := make([]string, 0, len(params)+1)
	if realm != "" {
		parts = append(parts, paramRealm+"="+httpsyntax.Quote(realm))
	}
	for _, p := range params {
		parts = append(parts, Encode(p.Name)+`="`+Encode(p.Value)+`"`)
	}
	return scheme + " " + strings.Join(parts, ", ")
}
