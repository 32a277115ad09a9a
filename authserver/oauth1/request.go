// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Request is a signed request: well-formed, and not yet verified.
type Request struct {
	redacted
	// HTTPMethod is the method as it was sent.
	HTTPMethod string
	// Secure says that the URL was https.
	Secure bool
	// Place is where the protocol parameters were.
	Place           Place
	SignatureMethod SignatureMethod
	// ConsumerKey is the client ID.
	ConsumerKey string
	// Token is the temporary or the token credentials' identifier; empty if there was none.
	Token string
	// Callback is oauth_callback, at times OutOfBand; not yet compared with anything.
	Callback string
	Verifier string
	// Nonce and Timestamp may be missing with PLAINTEXT (RFC 5849 §3.1). Where the rules
	// allow any, they are empty and zero.
	Nonce     string
	Timestamp time.Time
	// Params is everything that is signed, in the order of header, form and query.
	Params []Param

	signature  string
	baseString string
}

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

// ParseRequest reads a signed request that this server received; see MessageOf and Parse.
func ParseRequest(r *http.Request, origin string, rules Rules, required ...string) (*Request, error) {
	m, err := MessageOf(r, origin)
	if err != nil {
		return nil, err
	}
	return Parse(m, rules, required...)
}

// Parse reads a signed request under the rules. Beside what RFC 5849 §3.1 demands of every
// request, the required parameters must be there and not be empty. The error is an
// authserver.Refusal. Order of checks: well-formed, repeated, absent, invalid, admitted.
func Parse(m Message, rules Rules, required ...string) (*Request, error) {
	l, ok := parseURL(m.URL)
	if !ok || m.Method == "" || strings.ContainsFunc(m.Method, notPrintable) {
		return nil, reject("the request's method or URL is malformed")
	}
	all, err := m.collect(l, rules)
	if err != nil {
		return nil, err
	}
	v, place, err := protocolValues(all)
	if err != nil {
		return nil, err
	}
	if rules.AnyNonce && v[ParamSignatureMethod] == string(Plaintext) {
		delete(v, ParamNonce)
		delete(v, ParamTimestamp)
	}
	if absent := v.absent(required); len(absent) > 0 {
		return nil, authserver.NewParameterError(authserver.ParameterAbsent, "", absent...)
	}
	if err := v.check(); err != nil {
		return nil, err
	}
	req := &Request{
		HTTPMethod: m.Method, Secure: l.scheme == "https", Place: place,
		SignatureMethod: SignatureMethod(v[ParamSignatureMethod]),
		ConsumerKey:     v[ParamConsumerKey], Token: v[ParamToken],
		Callback: v[ParamCallback], Verifier: v[ParamVerifier],
		signature: v[ParamSignature],
	}
	req.Params = slices.DeleteFunc(flatten(all), isSignature)
	req.baseString = baseString(m.Method, l, req.Params)
	if err := rules.admit(req); err != nil {
		return nil, err
	}
	if err := req.readNonce(v); err != nil {
		return nil, err
	}
	return req, nil
}

// sources are the parameters of a request by their place (RFC 5849 §3.4.1.3.1).
type sources map[Place][]Param

func (m Message) collect(l location, rules Rules) (sources, error) {
	if len(m.URL)+len(m.Authorization)+len(m.Form) > maxMessage {
		return nil, reject("the request is too large")
	}
	h, err := parseAuthorization(m.Authorization, rules.RawValues)
	if errors.Is(err, errHeader) {
		return nil, reject("the Authorization header is malformed")
	}
	form, ok := decodeForm(m.Form)
	if !ok {
		return nil, reject("the form is malformed")
	}
	query, ok := decodeForm(l.query)
	if !ok {
		return nil, reject("the query is malformed")
	}
	if len(h.params)+len(form)+len(query) > maxParams {
		return nil, reject("there are too many parameters")
	}
	return sources{InHeader: h.params, InForm: form, InQuery: query}, nil
}

func flatten(s sources) []Param { return slices.Concat(s[InHeader], s[InForm], s[InQuery]) }

func isSignature(p Param) bool { return p.Name == ParamSignature }

// values are the protocol parameters, none of them repeated.
type values map[string]string

// protocolValues finds all that begins with oauth_. It must be in one place (RFC 5849
// §3.5), and nothing of it may be given twice (§3.1), known or not.
func protocolValues(s sources) (values, Place, error) {
	v, twice := values{}, map[string]bool{}
	var found Place
	mixed := false
	for _, place := range []Place{InHeader, InForm, InQuery} {
		for _, p := range s[place] {
			if !strings.HasPrefix(p.Name, paramPrefix) {
				continue
			}
			if _, given := v[p.Name]; given {
				twice[p.Name] = true
			}
			v[p.Name] = p.Value
			mixed = mixed || found != "" && found != place
			found = place
		}
	}
	if len(twice) > 0 {
		return nil, "", repeated(known(func(name string) bool { return twice[name] }))
	}
	if mixed {
		return nil, "", reject("the protocol parameters are in more than one place")
	}
	return v, found, nil
}

// known returns the protocol parameters that match. An answer names no others: they are
// a stranger's words.
func known(match func(name string) bool) []string {
	var names []string
	for _, p := range protocolParams {
		if match(p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// absent names what is required and missing. An empty parameter is a missing one: an
// empty verifier is what a denial carries.
func (v values) absent(required []string) []string {
	required = append([]string{ParamConsumerKey, ParamSignatureMethod, ParamSignature}, required...)
	if v[ParamSignatureMethod] != string(Plaintext) { // RFC 5849 §3.1
		required = append(required, ParamTimestamp, ParamNonce)
	}
	return known(func(name string) bool { return v[name] == "" && slices.Contains(required, name) })
}

// check bounds what will be looked up, compared or kept.
func (v values) check() error {
	var bad []string
	for _, p := range protocolParams {
		value := v[p.name]
		if p.name == ParamVerifier { // a person who typed it may have left blanks
			value = strings.ReplaceAll(value, " ", "")
		}
		if len(v[p.name]) > p.max || strings.ContainsFunc(value, notPrintable) {
			bad = append(bad, p.name)
		}
	}
	if bad != nil {
		return malformed(bad...)
	}
	if version, given := v[ParamVersion]; given && version != "1.0" {
		return malformed(ParamVersion)
	}
	return nil
}

// readNonce reads nonce and timestamp (RFC 5849 §3.3): a positive number of seconds, spelled
// in one way only, since a timestamp is part of what makes a nonce unique.
func (r *Request) readNonce(v values) error {
	r.Nonce = v[ParamNonce]
	text := v[ParamTimestamp]
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seconds > maxTimestamp || strconv.FormatUint(seconds, 10) != text || seconds == 0 {
		return malformed(ParamTimestamp)
	}
	r.Timestamp = time.Unix(int64(seconds), 0).UTC() //nolint:gosec // bounded above
	return nil
}

// maxTimestamp is the end of the year 9999.
const maxTimestamp = 253402300799

func notPrintable(c rune) bool { return c <= ' ' || c > '~' }

func reject(why string) error {
	return authserver.NewParameterError(authserver.ParameterMalformed, why)
}

func malformed(names ...string) error {
	return authserver.NewParameterError(authserver.ParameterMalformed, "", names...)
}

func repeated(names []string) error {
	return authserver.NewParameterError(authserver.ParameterRepeated, "a parameter is given twice", names...)
}
