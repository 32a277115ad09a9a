// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// Request is a signed request: well-formed, and not yet verified.
type Request struct {
	redacted
	// HTTPMethod is the method as it was sent.
	HTTPMethod string
	// Secure says that the URL was https.
	Secure bool
	// Place is where the protocol parameters were, but perhaps for oauth_callback and
	// oauth_verifier.
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

	signature       string
	baseString      string
	verifierInQuery bool
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
	if !ok || m.Method == "" || !httpsyntax.IsVisibleASCII(m.Method) {
		return nil, reject("the request's method or URL is malformed")
	}
	all, err := m.collect(l, rules)
	if err != nil {
		return nil, err
	}
	p, err := all.protocol()
	if err != nil {
		return nil, err
	}
	if rules.AnyNonce && p.value(ParamSignatureMethod) == string(Plaintext) {
		p.given = slices.DeleteFunc(p.given, func(g placed) bool { return g.Name == ParamNonce || g.Name == ParamTimestamp })
	}
	if err := p.demand(required); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	req := p.request(m.Method, l)
	if err := rules.admit(req); err != nil {
		return nil, err
	}
	if req.Timestamp, err = p.timestamp(); err != nil {
		return nil, err
	}
	req.Params = all.signed()
	req.baseString = baseString(m.Method, l, req.Params)
	return req, nil
}

// request is what the protocol parameters say.
func (p *protocol) request(method string, l location) *Request {
	verifier, _ := p.find(ParamVerifier)
	return &Request{
		HTTPMethod: method, Secure: l.scheme == "https", Place: p.place,
		SignatureMethod: SignatureMethod(p.value(ParamSignatureMethod)),
		ConsumerKey:     p.value(ParamConsumerKey), Token: p.value(ParamToken),
		Callback: p.value(ParamCallback), Verifier: p.value(ParamVerifier), Nonce: p.value(ParamNonce),
		signature: p.value(ParamSignature), verifierInQuery: verifier.place == InQuery && (verifier.place != p.place || verifier.Value != ""),
	}
}

// secretInQuery reports whether the query holds what is worth something to a reader of logs. A
// signature by HMAC is not, and a verifier is nothing without one. With PLAINTEXT the signature is the
// secrets themselves, and no signature protects the verifier.
func (r *Request) secretInQuery() bool {
	return r.SignatureMethod == Plaintext && (r.Place == InQuery || r.verifierInQuery)
}

// SecretPlace returns where the request carries what must stay secret, as the engine asks it. A
// header of the scheme OAuth is a good place for secrets, as the form is.
func (r *Request) SecretPlace() authserver.SecretPlace {
	if r.secretInQuery() {
		return authserver.SecretInURL
	}
	return authserver.SecretInBody
}
