// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"net/url"
	"strings"
)

// maxHeader bounds what is read of an Authorization header.
const maxHeader = 8 << 10

// legacyHeader reads the parameters of an Authorization header with the scheme OAuth. Other
// schemes are left to those who know them.
func legacyHeader(r *http.Request) (url.Values, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return nil, nil
	}
	scheme, list, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, nil
	}
	if len(values) > 1 || len(list) > maxHeader {
		return nil, malformed("Authorization")
	}
	return parseHeaderList(list)
}

// parseHeaderList reads name="value" pairs with commas between them. Names and values are
// percent-encoded, blanks around the pairs do not matter, and quotes may be left out, as
// old clients do. A plus sign is a plus sign here.
func parseHeaderList(list string) (url.Values, error) {
	v := url.Values{}
	for list = strings.Trim(list, " \t"); list != ""; list = strings.TrimLeft(list, " \t") {
		name, rest, found := strings.Cut(list, "=")
		if !found {
			return nil, malformed("Authorization")
		}
		value, rest, ok := cutValue(strings.TrimLeft(rest, " \t"))
		name, err := url.PathUnescape(strings.TrimRight(name, " \t"))
		if err != nil || !ok || name == "" {
			return nil, malformed("Authorization")
		}
		if value, err = url.PathUnescape(value); err != nil {
			return nil, malformed("Authorization")
		}
		v.Add(name, value)
		list = rest
	}
	return v, nil
}

// cutValue splits what follows the equals sign into the value and what comes after its comma.
func cutValue(text string) (value, rest string, ok bool) {
	if inside, quoted := strings.CutPrefix(text, `"`); quoted {
		value, rest, ok = strings.Cut(inside, `"`)
		rest = strings.TrimLeft(rest, " \t")
		if !ok || rest == "" {
			return value, "", ok
		}
		rest, ok = strings.CutPrefix(rest, ",")
		return value, rest, ok
	}
	value, rest, _ = strings.Cut(text, ",")
	value = strings.TrimRight(value, " \t")
	return value, rest, !strings.ContainsAny(value, "\" \t")
}
