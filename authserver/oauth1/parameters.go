// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// protocolParams are the parameters this package knows, in the order in which answers
// name them, each with the length in bytes that is accepted.
var protocolParams = []struct {
	name string
	max  int
}{
	{ParamConsumerKey, 512},
	{ParamToken, 512},
	{ParamVerifier, 512},
	{ParamSignatureMethod, 32},
	{ParamSignature, 2048}, // PLAINTEXT: two encoded secrets
	{ParamTimestamp, 64},
	{ParamNonce, 128},
	{ParamCallback, 2048},
	{ParamVersion, 8},
}

// maxTimestamp is the end of the year 9999. Milliseconds are always later.
const maxTimestamp = 253402300799

// mayStandApart reports whether a protocol parameter may be in the form or the query while the
// others are in another place. Many libraries send these two so, and the signature covers them
// there too (docs/decisions/0023).
func mayStandApart(name string) bool { return name == ParamCallback || name == ParamVerifier }

// sources are the parameters of a request by their place (RFC 5849 §3.4.1.3.1).
type sources struct {
	byPlace [3][]Param // in the order of places
	// otherScheme is set where the Authorization header is of another scheme than OAuth.
	otherScheme bool
}

// places are all of them in the order in which their parameters are listed.
var places = []Place{InHeader, InForm, InQuery}

func (m Message) collect(l location, rules Rules) (sources, error) {
	if len(m.URL)+len(m.Authorization)+len(m.Form) > maxMessage {
		return sources{}, reject("the request is too large")
	}
	h, err := parseAuthorization(m.Authorization, rules.RawValues)
	if errors.Is(err, errHeader) {
		return sources{}, reject("the Authorization header is malformed or too long")
	}
	form, ok := decodeForm(m.Form)
	if !ok {
		return sources{}, reject("the form is malformed")
	}
	query, ok := decodeForm(l.query)
	if !ok {
		return sources{}, reject("the query is malformed")
	}
	if len(h.params)+len(form)+len(query) > maxParams {
		return sources{}, reject("there are too many parameters")
	}
	return sources{[...][]Param{h.params, form, query}, h.otherScheme}, nil
}

// signed are all parameters that the signature covers.
func (s sources) signed() []Param {
	return slices.DeleteFunc(slices.Concat(s.byPlace[:]...), isSignature)
}

func isSignature(p Param) bool { return p.Name == ParamSignature }

// protocol is what a request says in protocol parameters, none of them repeated.
type protocol struct {
	given []placed
	// place is where they are, but for those that stand apart.
	place       Place
	otherScheme bool
}

// placed is a parameter and where it is.
type placed struct {
	Param
	place Place
}

// find returns a parameter, if it is there.
func (p *protocol) find(name string) (placed, bool) {
	for _, g := range p.given {
		if g.Name == name {
			return g, true
		}
	}
	return placed{}, false
}

// value returns what a parameter says; empty if it is not there.
func (p *protocol) value(name string) string {
	g, _ := p.find(name)
	return g.Value
}

// protocol finds all that begins with oauth_. Nothing of it may be given twice (RFC 5849 §3.1),
// known or not, and it must be in one place (§3.5), but for what may stand apart.
func (s sources) protocol() (*protocol, error) {
	p := &protocol{given: make([]placed, 0, len(protocolParams)), otherScheme: s.otherScheme}
	var twice []string
	mixed := false
	for n, place := range places {
		for _, param := range s.byPlace[n] {
			if !strings.HasPrefix(param.Name, paramPrefix) {
				continue
			}
			if _, given := p.find(param.Name); given {
				twice = append(twice, param.Name)
				continue
			}
			p.given = append(p.given, placed{param, place})
			if !mayStandApart(param.Name) {
				mixed = mixed || p.place != "" && p.place != place
				p.place = place
			}
		}
	}
	if len(twice) > 0 {
		return nil, authserver.NewParameterError(authserver.ParameterRepeated, "a parameter is given twice",
			known(func(name string) bool { return slices.Contains(twice, name) })...)
	}
	for _, g := range p.given {
		mixed = mixed || mayStandApart(g.Name) && g.place != p.place && g.place == InHeader
	}
	if mixed {
		return nil, reject("the protocol parameters are in more than one place; only oauth_callback and oauth_verifier may be in the form or the query while the others are elsewhere")
	}
	return p, nil
}

// known returns the protocol parameters that match. An answer names no others: the client made them up.
func known(match func(name string) bool) []string {
	var names []string
	for _, p := range protocolParams {
		if match(p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// demand refuses a request that lacks what RFC 5849 §3.1 or its endpoint requires. An empty parameter
// is a missing one: an empty verifier is what a denial carries.
func (p *protocol) demand(required []string) error {
	required = slices.Concat([]string{ParamConsumerKey, ParamSignatureMethod, ParamSignature}, required)
	if p.value(ParamSignatureMethod) != string(Plaintext) { // RFC 5849 §3.1
		required = append(required, ParamTimestamp, ParamNonce)
	}
	absent := known(func(name string) bool { return p.value(name) == "" && slices.Contains(required, name) })
	if len(absent) == 0 {
		return nil
	}
	why := ""
	if p.otherScheme {
		why = "the Authorization header is not of the scheme OAuth"
	}
	return authserver.NewParameterError(authserver.ParameterAbsent, why, absent...)
}

// check bounds what will be looked up, compared or kept.
func (p *protocol) check() error {
	var bad []string
	for _, param := range protocolParams {
		value := p.value(param.name)
		if len(value) > param.max {
			bad = append(bad, param.name)
			continue
		}
		if param.name == ParamVerifier { // a person who typed it may have left blanks
			value = strings.ReplaceAll(value, " ", "")
		}
		if !httpsyntax.IsVisibleASCII(value) {
			bad = append(bad, param.name)
		}
	}
	if slices.Equal(bad, []string{ParamTimestamp}) {
		return badTimestamp()
	}
	if bad != nil {
		return reject("a value is too long, or holds something else than visible ASCII", bad...)
	}
	if version, given := p.find(ParamVersion); given && version.Value != "1.0" { // RFC 5849 §3.1: MUST be 1.0 if it is there
		return reject("oauth_version must be 1.0, also in OAuth 1.0a", ParamVersion)
	}
	return nil
}

// timestamp reads oauth_timestamp (RFC 5849 §3.3): a positive number of seconds, spelled in one
// way only, since it is part of what makes a nonce unique. Without one it is zero.
func (p *protocol) timestamp() (time.Time, error) {
	text := p.value(ParamTimestamp)
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seconds > maxTimestamp || strconv.FormatUint(seconds, 10) != text || seconds == 0 {
		return time.Time{}, badTimestamp()
	}
	return time.Unix(int64(seconds), 0).UTC(), nil //nolint:gosec // bounded above
}

func badTimestamp() error {
	return reject("oauth_timestamp must be in seconds since 1970: a whole number, without sign, point or leading zero", ParamTimestamp)
}

// reject refuses a request that is malformed, because of these parameters or as a whole.
func reject(why string, names ...string) error {
	return authserver.NewParameterError(authserver.ParameterMalformed, why, names...)
}
