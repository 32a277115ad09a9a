// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// maxForm bounds the body that is read here. The server bounds it more tightly.
const maxForm = 64 << 10

// request is what an endpoint reads of a request: RFC 6749 §3.1 and §3.2 for all endpoints. A parameter
// that the endpoint does not know is ignored, repeated or malformed ones too. One without a value
// counts as omitted, beside the same one with a value too.
type request struct {
	// Values holds one value for each parameter that is given once and well-formed.
	url.Values
	// repeated and malformed name the others, in the order of the endpoint's list.
	repeated, malformed []string
}

// parseRequest reads what an endpoint knows of forms and queries. One name in two of them is a repetition.
func parseRequest(known []string, texts ...string) request {
	isKnown := func(name string) bool { return slices.Contains(known, name) }
	all, malformed := url.Values{}, []string(nil)
	for _, text := range texts {
		form := httpsyntax.ParseForm(text, isKnown)
		malformed = append(malformed, form.Malformed...)
		for name, values := range omitEmpty(form.Values) {
			all[name] = append(all[name], values...)
		}
	}
	r := request{Values: url.Values{}}
	for _, name := range known {
		switch {
		case slices.Contains(malformed, name):
			r.malformed = append(r.malformed, name)
		case len(all[name]) > 1:
			r.repeated = append(r.repeated, name)
		case len(all[name]) == 1:
			r.Values[name] = all[name]
		}
	}
	return r
}

// omitEmpty returns v without what has no value.
func omitEmpty(v url.Values) url.Values {
	given := url.Values{}
	for name, values := range v {
		values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
		if len(values) > 0 {
			given[name] = values
		}
	}
	return given
}

// check refuses a request with a parameter that is repeated or malformed, among the named ones if
// there are names.
func (r request) check(names ...string) authserver.Refusal {
	concerns := func(name string) bool { return len(names) == 0 || slices.Contains(names, name) }
	if n := slices.IndexFunc(r.repeated, concerns); n >= 0 {
		return authserver.NewParameterError(authserver.ParameterRepeated, "the parameter "+r.repeated[n]+" is given more than once", r.repeated[n])
	}
	if n := slices.IndexFunc(r.malformed, concerns); n >= 0 {
		return authserver.NewParameterError(authserver.ParameterMalformed, "the value of the parameter "+r.malformed[n]+" is not percent-encoded", r.malformed[n])
	}
	return nil
}

// parseForm reads a request to a back-channel endpoint. All that the endpoint knows is in the
// body (RFC 6749 §2.3.1, §3.2): in a URL it would end up in logs.
func parseForm(r *http.Request, known []string) (url.Values, error) {
	query := parseRequest(known, r.URL.RawQuery)
	if n := slices.IndexFunc(known, func(name string) bool {
		return query.Has(name) || slices.Contains(query.repeated, name) || slices.Contains(query.malformed, name)
	}); n >= 0 {
		return nil, authserver.NewParameterError(authserver.ParameterMisplaced, "the parameter "+known[n]+" belongs in the body, not in the URL", known[n])
	}
	text, err := readForm(r)
	if err != nil {
		return nil, err
	}
	form := parseRequest(known, text)
	if problem := form.check(); problem != nil {
		return nil, problem
	}
	return form.Values, nil
}

// readForm returns the body, which must be a form.
func readForm(r *http.Request) (string, error) {
	if !httpsyntax.IsForm(r.Header.Get("Content-Type")) {
		return "", invalid("the body must be " + httpsyntax.FormType)
	}
	if r.Body == nil {
		return "", nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxForm))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", invalid("the body is too large")
	}
	if err != nil {
		return "", invalid("the body was cut off")
	}
	return string(body), nil
}
