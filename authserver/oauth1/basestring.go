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
	parameters := normalize(params)
	b := make([]byte, 0, len(method)+2*len(l.path)+len(l.host)+2*len(parameters)+64)
	b = append(appendEncoded(b, strings.ToUpper(method)), '&')
	b = append(appendEncoded(b, l.baseURI()), '&')
	return string(appendEncoded(b, parameters))
}

// normalize is RFC 5849 §3.4.1.3.2: encoded first, then sorted by bytes.
func normalize(params []Param) []byte {
	encoded := make([]Param, len(params))
	size := 0
	for n, p := range params {
		encoded[n] = Param{Encode(p.Name), Encode(p.Value)}
		size += len(encoded[n].Name) + len(encoded[n].Value) + len("=&")
	}
	slices.SortFunc(encoded, func(a, b Param) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	b := make([]byte, 0, size)
	for n, p := range encoded {
		if n > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.Name...), '='), p.Value...)
	}
	return b
}
