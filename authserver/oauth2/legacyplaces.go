// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// legacyQuery reads the query.
func legacyQuery(r *http.Request, known func(string) bool) (url.Values, error) {
	form := httpsyntax.ParseForm(r.URL.RawQuery, known)
	if len(form.Malformed) > 0 {
		return nil, malformed("query")
	}
	return form.Values, nil
}

// legacyBody reads the form in the body of a POST; other requests have none.
func legacyBody(r *http.Request, known func(string) bool) (url.Values, error) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	isForm := httpsyntax.IsForm(r.Header.Get("Content-Type"))
	if r.ContentLength == 0 && !isForm {
		return nil, nil // no body, and none was announced
	}
	if !isForm {
		return nil, malformed("Content-Type")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, malformed("body, which is too large")
	}
	form := httpsyntax.ParseForm(string(body), known)
	if err != nil || len(form.Malformed) > 0 {
		return nil, malformed("body")
	}
	return form.Values, nil
}

// legacyHeader reads the parameters of an Authorization header with the scheme OAuth. Other
// schemes are left to those who know them. Names and values are percent-encoded; a plus sign is
// a plus sign here.
func legacyHeader(r *http.Request, known func(string) bool) (url.Values, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return nil, nil
	}
	scheme, list := httpsyntax.CutScheme(values[0])
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, nil
	}
	v, err := parseHeaderList(list, known)
	if len(values) > 1 || err != nil {
		return nil, malformed("Authorization")
	}
	return v, nil
}

func parseHeaderList(list string, known func(string) bool) (url.Values, error) {
	params, err := httpsyntax.ParseAuthParams(list)
	if err != nil {
		return nil, err
	}
	v := url.Values{}
	for _, p := range params {
		name, err := url.PathUnescape(p.Name)
		if err != nil {
			return nil, err
		}
		if !known(name) {
			continue
		}
		value, err := url.PathUnescape(p.Value)
		if err != nil {
			return nil, err
		}
		v.Add(name, value)
	}
	return v, nil
}

// omittingEmpty reads a place where a parameter without a value counts as omitted (RFC 6749 §3.2).
func omittingEmpty(r reader) reader {
	return reader{r.place, func(request *http.Request, known func(string) bool) (url.Values, error) {
		v, err := r.read(request, known)
		return omitEmpty(v), err
	}}
}
