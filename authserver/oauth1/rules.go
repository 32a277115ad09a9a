// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// SignatureMethod is a way to sign a request, as oauth_signature_method names it.
type SignatureMethod string

// The signature methods (RFC 5849 §3.4.2, §3.4.4). HMAC-SHA256 is not in the RFC; all
// libraries that speak it sign as with HMAC-SHA1, with the other hash.
const (
	HMACSHA1   SignatureMethod = "HMAC-SHA1"
	HMACSHA256 SignatureMethod = "HMAC-SHA256"
	Plaintext  SignatureMethod = "PLAINTEXT"
)

// Place is where a request carries its protocol parameters (RFC 5849 §3.5).
type Place string

// The places, in the RFC's order of preference.
const (
	InHeader Place = "header"
	InForm   Place = "form"
	InQuery  Place = "query"
)

// Rules are what a profile's endpoints accept and how they answer.
type Rules struct {
	// HTTPMethods are the methods of requests; nil: any.
	HTTPMethods []string
	// Places are where the protocol parameters may stand.
	Places []Place
	// SignatureMethods are those that are accepted.
	SignatureMethods []SignatureMethod
	// SecretsInURL reads PLAINTEXT with its secrets or its verifier in the query, which ends
	// up in logs and histories. The engine knows which client may do that.
	SecretsInURL bool
	// RawValues allows characters in a header's values that should be percent-encoded.
	RawValues bool
	// AnyNonce allows any oauth_timestamp and oauth_nonce with PLAINTEXT. They are not
	// read then.
	AnyNonce bool
	// DefaultCallback takes every oauth_callback of a client that has none of its own for
	// OutOfBand: what it sends was never more than a placeholder.
	DefaultCallback bool
	// Lifetimes adds issued_on and expires_in, in milliseconds, to credentials.
	Lifetimes bool
	// Denied is what a callback carries beside oauth_token when the owner said no.
	Denied []Param
	// Identifiers are answered in plain text in place of oauth_problem; nil: none are.
	Identifiers map[Fault]string
}

// Strict returns the rules of the profile OAuth1: RFC 5849 and nothing else, but that a
// secret never travels in a URL.
func Strict() Rules {
	return Rules{
		HTTPMethods:      []string{http.MethodPost}, // RFC 5849 §2.1, §2.3
		Places:           []Place{InHeader, InForm, InQuery},
		SignatureMethods: []SignatureMethod{HMACSHA1, HMACSHA256, Plaintext},
		// RFC 5849 §2.2 knows no denial; user_refused is the extension's word for it.
		Denied: []Param{{"oauth_problem", string(UserRefused)}},
	}
}

// Resource returns the rules of requests to a resource server, which may have any method.
func Resource() Rules {
	r := Strict()
	r.HTTPMethods = nil
	return r
}

// ConnectionsCloud returns the rules of the profile ConnectionsCloudOAuth1, whose quirks
// are those of the old server.
func ConnectionsCloud() Rules {
	return Rules{
		// The vendor's page of getAccessToken: the header of a GET or POST, the body of a
		// POST, the query of a GET.
		HTTPMethods:  []string{http.MethodGet, http.MethodPost},
		Places:       []Place{InHeader, InForm, InQuery},
		SecretsInURL: true,
		// The vendor's pages of all three steps: "only PLAINTEXT".
		SignatureMethods: []SignatureMethod{Plaintext},
		// The PHP SDK sends the signature as it is, and unescaped values with it.
		RawValues: true,
		// The vendor's pages: both are demanded, neither is checked; RFC 5849 §3.1 lets
		// them be left out.
		AnyNonce: true,
		// The vendor's page of getRequestToken: while the callback was never replaced by one
		// of the company's own, the verifier is displayed.
		DefaultCallback: true,
		// What the SDKs read from the answer; milliseconds as in the OAuth 2.0 answers.
		Lifetimes: true,
		// The vendor's page of authorizeToken: the verifier is empty, the error attached.
		Denied:      []Param{{ParamVerifier, ""}, {"oauth_error", "oauth_denied"}},
		Identifiers: connectionsIdentifiers(),
	}
}

// ConnectionsCloudResource returns the rules of calls to that profile's resources: the
// vendor's page names only the header of a GET or POST.
func ConnectionsCloudResource() Rules {
	r := ConnectionsCloud()
	r.Places, r.SecretsInURL = []Place{InHeader}, false
	return r
}

// connectionsIdentifiers are the old server's error identifiers. Those of its OAuth 1.0a
// endpoints are not known; these are their OAuth 2.0 sisters, and oauth_token_expired,
// which the SDKs know. Whatever is wrong with a token, the client must begin again.
func connectionsIdentifiers() map[Fault]string {
	const (
		invalid = "oauth_invalid_parameters"
		expired = "oauth_token_expired"
		failed  = "oauth_request_failed"
	)
	return map[Fault]string{
		ParameterAbsent:         "oauth_absent_parameters",
		ParameterRepeated:       "oauth_duplicated_parameters",
		ParameterRejected:       invalid,
		VersionRejected:         invalid,
		SignatureMethodRejected: invalid,
		TimestampRefused:        invalid,
		NonceUsed:               invalid,
		SignatureInvalid:        "oauth_invalid_clientid", // an unknown client's too
		TokenUsed:               expired,
		TokenExpired:            expired,
		TokenRevoked:            expired,
		TokenRejected:           expired,
		PermissionDenied:        "oauth_consumer_missing_subscription",
		ServerError:             failed,
		Unavailable:             failed,
	}
}

// CallbackOf returns the callback that a client means by what it sent.
func (r Rules) CallbackOf(c *authserver.Client, sent string) string {
	if r.DefaultCallback && c.OutOfBand && len(c.CallbackURLs) == 0 {
		return OutOfBand
	}
	return sent
}

// admit checks how a parsed request was made and signed. The error is an authserver.Refusal.
func (r Rules) admit(req *Request) error {
	switch {
	case r.HTTPMethods != nil && !slices.Contains(r.HTTPMethods, req.HTTPMethod):
		return reject("use " + strings.Join(r.HTTPMethods, " or ") + " at this address")
	case !slices.Contains(r.Places, req.Place):
		return reject("the protocol parameters must not be in the " + string(req.Place))
	case !slices.Contains(r.SignatureMethods, req.SignatureMethod):
		return rejectMethod("use one of " + r.methodNames())
	case req.SignatureMethod != Plaintext:
		return nil
	case !req.Secure: // RFC 5849 §3.4.4
		return rejectMethod("PLAINTEXT needs TLS")
	case req.secretInQuery() && !r.SecretsInURL && req.Place == InQuery:
		return rejectMethod("PLAINTEXT must not be in the query: use the Authorization header or the form")
	case req.secretInQuery() && !r.SecretsInURL:
		return reject("with PLAINTEXT, oauth_verifier must not be in the query: use the Authorization header or the form", ParamVerifier)
	}
	return nil
}

// methodNames names the signature methods that are accepted, for the client's developer. They are
// the same for all clients of the profile.
func (r Rules) methodNames() string {
	names := make([]string, len(r.SignatureMethods))
	for n, method := range r.SignatureMethods {
		names[n] = string(method)
	}
	return strings.Join(names, ", ")
}

func rejectMethod(why string) error {
	return authserver.Refuse(authserver.SignatureMethodRejected, why)
}
