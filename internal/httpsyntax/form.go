// SPDX-License-Identifier: Apache-2.0

package httpsyntax

import (
	"errors"
	"iter"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FormType is the media type of a form (RFC 6749 appendix B, RFC 5849 §3.4.1.3.1).
const FormType = "application/x-www-form-urlencoded"

// IsForm reports whether a Content-Type header announces a form. Parameters of the media type mean
// nothing here, malformed ones neither.
func IsForm(contentType string) bool {
	if contentType == FormType {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return media == FormType && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// Form is what an endpoint reads of a form or a query.
type Form struct {
	// Values are the parameters that the endpoint knows, those without a value included.
	Values url.Values
	// Malformed names those with a value that is not percent-encoded.
	Malformed []string
}

// ParseForm reads a form or a query and ignores each parameter that is not known, whatever its
// value is (RFC 6749 §3.1, §3.2). Pairs are separated by & alone; a name without = has an
// empty value.
func ParseForm(text string, known func(name string) bool) Form {
	f := Form{Values: url.Values{}}
	for name, encoded := range Pairs(text) {
		if !known(name) {
			continue
		}
		value, err := url.QueryUnescape(encoded)
		if err != nil {
			f.Malformed = append(f.Malformed, name)
			continue
		}
		f.Values.Add(name, value)
	}
	return f
}

// Pairs yields each name of a form or a query with its value, which is still encoded. It leaves out a
// name that is not percent-encoded.
func Pairs(text string) iter.Seq2[string, string] {
	return func(yield func(name, encoded string) bool) {
		for text != "" {
			var pair string
			pair, text, _ = strings.Cut(text, "&")
			name, encoded, _ := strings.Cut(pair, "=")
			name, err := url.QueryUnescape(name)
			if pair == "" || err != nil {
				continue
			}
			if !yield(name, encoded) {
				return
			}
		}
	}
}

// AddQuery adds parameters, which are encoded already, to the query of an address. What the
// address has already stays as it is.
func AddQuery(address, parameters string) string {
	_, query, found := strings.Cut(address, "?")
	switch {
	case !found:
		return address + "?" + parameters
	case query == "" || strings.HasSuffix(query, "&"):
		return address + parameters
	default:
		return address + "&" + parameters
	}
}

// RetryAfter writes a Retry-After header: whole seconds, rounded up (RFC 9110 §10.2.3).
func RetryAfter(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }
