// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// BaseString returns the text that is signed (RFC 5849 §3.4.1): for the method and the
// absolute URL of a request and its parameters in header and form, without realm. The
// query's are taken from the URL, oauth_signature is left out.
func BaseString(method, rawURL string, params []Param) (string, error) {
	l, ok := parseURL(rawURL)
	if !ok {
		return "", errors.New("base string: the URL is malformed")
	}
	query, ok := decodeForm(l.query)
	if !ok {
		return "", errors.New("base string: the query is malformed")
	}
	return baseString(method, l, slices.DeleteFunc(slices.Concat(params, query), isSignature)), nil
}

// BaseString returns the text that the request's signature covers.
func (r *Request) BaseString() string { return r.baseString }

func baseString(method string, l location, params []Param) string {
	return strings.Join([]string{Encode(strings.ToUpper(method)), Encode(l.baseURI()), Encode(normalize(params))}, "&")
}

// normalize is RFC 5849 §3.4.1.3.2: encoded first, then sorted by bytes.
func normalize(params []Param) string {
	encoded := make([]Param, len(params))
	for n, p := range params {
		encoded[n] = Param{Encode(p.Name), Encode(p.Value)}
	}
	slices.SortFunc(encoded, func(a, b Param) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	pairs := make([]string, len(encoded))
	for n, p := range encoded {
		pairs[n] = p.Name + "=" + p.Value
	}
	return strings.Join(pairs, "&")
}
