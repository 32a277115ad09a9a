// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// parameter is a row of the table of what a legacy endpoint is sent.
type parameter struct {
	name  string
	alias string // another name, for the same value
	// grant is the grant type that needs the parameter; empty: all do.
	grant    authserver.GrantType
	optional bool
	max      int    // bytes of the longest value; 0: the request's own bounds
	illegal  string // characters that are in no value
	opaque   bool   // the value comes back as it came, control characters too
	// secret values open something: their place in the request matters.
	secret bool
	source string // why the row is as it is
}

// parameters is the table of one endpoint, in the order in which it names them.
type parameters []parameter

// names are what the parameter is called.
func (p parameter) names() []string {
	if p.alias == "" {
		return []string{p.name}
	}
	return []string{p.name, p.alias}
}

// in reports whether v holds the parameter.
func (p parameter) in(v url.Values) bool { return slices.ContainsFunc(p.names(), v.Has) }

// known reports whether the endpoint reads a parameter of this name.
func (ps parameters) known(name string) bool {
	return slices.ContainsFunc(ps, func(p parameter) bool { return slices.Contains(p.names(), name) })
}

// sent is what a legacy request carries, and where.
type sent struct {
	url.Values
	place authserver.SecretPlace
}

// reader reads the parameters of one place of a request; nil: there are none.
type reader struct {
	place authserver.SecretPlace
	read  func(r *http.Request, known func(name string) bool) (url.Values, error)
}

// gather reads a request's parameters, which are all in one of the places, and each there once.
// What the endpoint does not know is ignored (RFC 6749 §3.1).
func (ps parameters) gather(r *http.Request, places ...reader) (sent, error) {
	found := sent{Values: url.Values{}}
	var used []url.Values
	for _, place := range places {
		v, err := place.read(r, ps.known)
		if err != nil {
			return sent{}, err
		}
		if names := ps.repeated(v); len(names) > 0 {
			return sent{}, fault(authserver.ParameterRepeated, names...)
		}
		if len(v) > 0 {
			found, used = sent{v, place.place}, append(used, v)
		}
	}
	if len(used) > 1 {
		return sent{}, ps.inTwoPlaces(used)
	}
	return found, nil
}

// inTwoPlaces is the error of a request in more than one place at once (RFC 6749 §2.3). It names
// what is there twice, else all that is there.
func (ps parameters) inTwoPlaces(places []url.Values) error {
	var names, twice []string
	for _, p := range ps {
		n := 0
		for _, v := range places {
			if p.in(v) {
				n++
			}
		}
		if n > 0 {
			names = append(names, p.name)
		}
		if n > 1 {
			twice = append(twice, p.name)
		}
	}
	if len(twice) > 0 {
		return fault(authserver.ParameterRepeated, twice...)
	}
	return authserver.NewParameterError(authserver.ParameterMisplaced, "parameters are in two places at once: "+strings.Join(names, ", "), names...)
}

// repeated names what the endpoint reads and v holds more than once, in the order of the table.
func (ps parameters) repeated(v url.Values) []string {
	var names []string
	for _, p := range ps {
		if slices.ContainsFunc(p.names(), func(name string) bool { return len(v[name]) > 1 }) {
			names = append(names, p.name)
		}
	}
	return names
}

// absent names what the grant type needs and v does not hold.
func (ps parameters) absent(v url.Values, grant authserver.GrantType) []string {
	var names []string
	for _, p := range ps {
		if p.optional || p.grant != "" && p.grant != grant {
			continue
		}
		if !p.in(v) {
			names = append(names, p.name)
		}
	}
	return names
}

// invalid names what is longer than it may be, or holds what it may not.
func (ps parameters) invalid(v url.Values) []string {
	control := func(r rune) bool { return r < 0x20 || r == 0x7f }
	var names []string
	for _, p := range ps {
		if slices.ContainsFunc(p.names(), func(name string) bool {
			value := v.Get(name)
			tooLong := p.max > 0 && len(value) > p.max
			malformed := !utf8.ValidString(value) || strings.ContainsAny(value, p.illegal) || !p.opaque && strings.ContainsFunc(value, control)
			return tooLong || malformed
		}) {
			names = append(names, p.name)
		}
	}
	return names
}

// secrets reports whether v carries something that opens something.
func (ps parameters) secrets(v url.Values) bool {
	return slices.ContainsFunc(ps, func(p parameter) bool { return p.secret && v.Has(p.name) })
}

// faultTexts are what a client's developer is told about parameters.
var faultTexts = map[authserver.ParameterFault]string{
	authserver.ParameterAbsent: "parameters are missing", authserver.ParameterEmpty: "a parameter is empty",
	authserver.ParameterRepeated: "parameters are given twice", authserver.ParameterMalformed: "parameters are malformed",
	authserver.ParameterMisplaced: "parameters are not where they belong",
}

func fault(of authserver.ParameterFault, names ...string) authserver.Refusal {
	return authserver.NewParameterError(of, faultTexts[of]+": "+strings.Join(names, ", "), names...)
}

func malformed(what string) authserver.Refusal { return fault(authserver.ParameterMalformed, what) }
