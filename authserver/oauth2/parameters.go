// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// maxForm bounds the body that is read here. The server bounds it more tightly.
const maxForm = 64 << 10

// Given is what an endpoint reads of a request: RFC 6749 §3.1 and §3.2 for all endpoints. A parameter
// that the endpoint does not know is ignored, repeated or malformed ones too. One without a value
// counts as omitted, beside the same one with a value too.
type Given struct {
	known []string
	// params has a place for each that is known.
	params [maxKnown]givenParameter
	// resources are the values of the parameter that may be repeated.
	resources []string
}

// maxKnown is more than any endpoint reads.
const maxKnown = 24

// givenParameter is one parameter: its value, how often it is there, and whether a value of it is not
// percent-encoded.
type givenParameter struct {
	value     string
	times     int
	malformed bool
}

// read adds what a form or a query holds.
func (g *Given) read(text string) {
	for name, encoded := range httpsyntax.Pairs(text) {
		n := slices.Index(g.known, name)
		if n < 0 || encoded == "" {
			continue
		}
		p := &g.params[n]
		value, err := url.QueryUnescape(encoded)
		if err != nil {
			p.malformed = true
			continue
		}
		if name == resourceParameter {
			if p.times = 1; len(g.resources) <= authserver.MaxResources { // with one more there are too many
				g.resources = append(g.resources, value)
			}
			continue
		}
		p.value = value
		p.times++
	}
}

// parseGiven reads what an endpoint knows of forms and queries. One name in two of them is a repetition.
func parseGiven(known []string, texts ...string) *Given {
	g := &Given{known: known}
	for _, text := range texts {
		g.read(text)
	}
	return g
}

// Get returns the value of a parameter that is given once and well-formed, else an empty string.
func (g *Given) Get(name string) string {
	if n := slices.Index(g.known, name); n >= 0 && g.params[n].times == 1 && !g.params[n].malformed {
		return g.params[n].value
	}
	return ""
}

// first returns the first of the named parameters that something holds of, in the order of the
// endpoint's list; without names the first of all.
func (g *Given) first(holds func(p *givenParameter) bool, names []string) (name string, ok bool) {
	for n, name := range g.known {
		if holds(&g.params[n]) && (len(names) == 0 || slices.Contains(names, name)) {
			return name, true
		}
	}
	return "", false
}

func (p *givenParameter) isThere() bool     { return p.times > 0 || p.malformed }
func (p *givenParameter) isMalformed() bool { return p.malformed }
func (p *givenParameter) isRepeated() bool  { return p.times > 1 && !p.malformed }

// check refuses a request with a parameter that is repeated or malformed, among the named ones if
// there are names.
func (g *Given) check(names ...string) authserver.Refusal {
	if name, ok := g.first((*givenParameter).isRepeated, names); ok {
		return authserver.NewParameterError(authserver.ParameterRepeated, "the parameter "+name+" is given more than once", name)
	}
	if name, ok := g.first((*givenParameter).isMalformed, names); ok {
		return authserver.NewParameterError(authserver.ParameterMalformed, "the value of the parameter "+name+" is not percent-encoded", name)
	}
	return nil
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

// ParseQueryAndForm reads what an endpoint knows from the query and, on POST, the form. Nothing may be given twice.
func ParseQueryAndForm(r *http.Request, known ...string) (*Given, error) {
	v, err := parseQueryAndForm(r, known)
	if err != nil {
		return nil, err
	}
	if problem := v.check(); problem != nil {
		return nil, problem
	}
	return v, nil
}

// parseForm reads a request to a back-channel endpoint. All that the endpoint knows is in the
// body (RFC 6749 §2.3.1, §3.2): in a URL it would end up in logs.
func parseForm(r *http.Request, known []string) (*Given, error) {
	if r.URL.RawQuery != "" {
		if name, ok := parseGiven(known, r.URL.RawQuery).first((*givenParameter).isThere, nil); ok {
			return nil, authserver.NewParameterError(authserver.ParameterMisplaced, "the parameter "+name+" belongs in the body, not in the URL", name)
		}
	}
	text, err := readForm(r)
	if err != nil {
		return nil, err
	}
	form := parseGiven(known, text)
	if problem := form.check(); problem != nil {
		return nil, problem
	}
	return form, nil
}

// readForm returns the body, which must be a form.
func readForm(r *http.Request) (string, error) {
	if !httpsyntax.IsForm(r.Header.Get("Content-Type")) {
		return "", invalid("the body must be " + httpsyntax.FormType)
	}
	if r.Body == nil {
		return "", nil
	}
	text, err := httpsyntax.ReadText(r.Body, maxForm)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, httpsyntax.ErrTooLarge) {
		return "", invalid("the body is too large")
	}
	if err != nil {
		return "", invalid("the body was cut off")
	}
	return text, nil
}
