// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Fault names what went wrong, in the words of the Problem Reporting extension
// (oauth_problem) where it has one.
//
// Its consumer_key_unknown, _rejected and _refused are not here on purpose: a client that
// is unknown, suspended or not ready is answered as one with a wrong signature.
type Fault string

// The faults. TokenUsed, TokenExpired and TokenRevoked are for clients whose signature has
// been verified; of strangers every token is rejected.
const (
	ParameterAbsent         Fault = "parameter_absent"
	ParameterRejected       Fault = "parameter_rejected"
	ParameterRepeated       Fault = "parameter_repeated" // ours; spelled parameter_rejected
	VersionRejected         Fault = "version_rejected"
	SignatureMethodRejected Fault = "signature_method_rejected"
	SignatureInvalid        Fault = "signature_invalid"
	TimestampRefused        Fault = "timestamp_refused"
	NonceUsed               Fault = "nonce_used"
	TokenUsed               Fault = "token_used"
	TokenExpired            Fault = "token_expired"
	TokenRevoked            Fault = "token_revoked"
	TokenRejected           Fault = "token_rejected"
	PermissionDenied        Fault = "permission_denied"
	UserRefused             Fault = "user_refused"
	ServerError             Fault = "server_error"            // ours, RFC 6749's word
	Unavailable             Fault = "temporarily_unavailable" // ours, RFC 6749's word
)

// Problem is how this protocol tells an error.
type Problem struct {
	Fault Fault
	// Params names the parameters at fault, where that can be told.
	Params []string
	// Acceptable is a range of versions or timestamps that would have done, "1-2".
	Acceptable string
	// Advice is for the client's developer: ASCII, no secrets. A wrong signature has none.
	Advice string
	// RetryAfter, when set, is how long to wait before another try.
	RetryAfter time.Duration
}

// Status returns the HTTP status (RFC 5849 §3.2).
func (p *Problem) Status() int {
	switch p.Fault {
	case ParameterAbsent, ParameterRejected, ParameterRepeated, VersionRejected, SignatureMethodRejected:
		return http.StatusBadRequest
	case ServerError:
		return http.StatusInternalServerError
	case Unavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusUnauthorized
	}
}

// faults are what this protocol calls the errors of the engine. The first row that fits counts;
// for what has none the request is to blame.
var faults = []struct {
	code   authserver.Code
	why    authserver.Why // WhyUnsaid: any
	fault  Fault
	about  string   // the parameter that the error names; empty: any
	params []string // at fault, where the error does not name them
	advice string   // in this protocol's words; empty: the engine's
}{
	// Who is not known learns nothing, however they are not known.
	{code: authserver.SignatureInvalid, fault: SignatureInvalid},
	{code: authserver.InvalidClient, fault: SignatureInvalid},
	{code: authserver.UnknownClient, fault: SignatureInvalid},
	{code: authserver.SignatureMethodRejected, fault: SignatureMethodRejected, params: []string{ParamSignatureMethod}},
	{code: authserver.TimestampRefused, fault: TimestampRefused, params: []string{ParamTimestamp}},
	{code: authserver.NonceUsed, fault: NonceUsed, params: []string{ParamNonce}},

	{code: authserver.InvalidRequest, why: authserver.WhyMalformed, about: ParamVersion, fault: VersionRejected},
	{code: authserver.InvalidRequest, why: authserver.WhyWrongCallback, fault: ParameterRejected, params: []string{ParamCallback}},
	{code: authserver.InvalidRequest, why: authserver.WhyAbsent, fault: ParameterAbsent},
	{code: authserver.InvalidRequest, why: authserver.WhyRepeated, fault: ParameterRepeated},
	{code: authserver.InvalidRequest, why: authserver.WhyMisplaced, fault: ParameterRejected, params: []string{ParamSignature},
		advice: "this client may not send secrets in the URL; the Authorization header is the place for them"},
	{code: authserver.InvalidCallback, fault: ParameterRejected, params: []string{ParamCallback}},

	{code: authserver.InvalidGrant, why: authserver.WhyExpired, fault: TokenExpired, advice: "the verifier has expired"},
	{code: authserver.InvalidGrant, why: authserver.WhyUsedBefore, fault: TokenUsed, advice: "the verifier was used before; what it gave is revoked"},
	{code: authserver.InvalidGrant, why: authserver.WhyNotEntitled, fault: PermissionDenied},
	{code: authserver.InvalidGrant, fault: TokenRejected, advice: "the verifier is not that of the request token"},
	{code: authserver.TokenExpired, fault: TokenExpired},
	{code: authserver.TokenRejected, fault: TokenRejected},
	{code: authserver.RequestTokenExpired, fault: TokenExpired},
	{code: authserver.RequestTokenUsed, fault: TokenUsed},
	{code: authserver.RequestTokenUnknown, fault: TokenRejected},

	{code: authserver.UnauthorizedClient, fault: PermissionDenied},
	{code: authserver.AccessDenied, fault: PermissionDenied},
	{code: authserver.TemporarilyUnavailable, fault: Unavailable},
	{code: authserver.TooManyAttempts, fault: Unavailable},
	{code: authserver.ServerError, fault: ServerError},
}

// ProblemOf spells an error of the engine.
func ProblemOf(e *authserver.Error) *Problem {
	p := &Problem{
		Fault: ParameterRejected, Params: e.Parameters, Acceptable: acceptable(e),
		Advice: e.Description, RetryAfter: e.RetryAfter,
	}
	for _, row := range faults {
		if row.code != e.Code || row.why != authserver.WhyUnsaid && row.why != e.Why || row.about != "" && !slices.Contains(e.Parameters, row.about) {
			continue
		}
		if row.fault == SignatureInvalid {
			return &Problem{Fault: SignatureInvalid}
		}
		p.Fault = row.fault
		if row.advice != "" {
			p.Advice = row.advice
		}
		if len(p.Params) == 0 {
			p.Params = row.params
		}
		return p
	}
	return p
}

// acceptable is the range that would have done: the protocol's version, or the time of a
// request, which lets a client set its clock.
func acceptable(e *authserver.Error) string {
	switch {
	case slices.Contains(e.Parameters, ParamVersion):
		return "1.0-1.0"
	case !e.Latest.IsZero():
		return strconv.FormatInt(e.Earliest.Unix(), 10) + "-" + strconv.FormatInt(e.Latest.Unix(), 10)
	default:
		return ""
	}
}

// onPages are the errors that the old server told people by an identifier. Others are our own
// pages' business: they have none.
var onPages = map[authserver.Code]bool{
	authserver.InvalidRequest: true, authserver.InvalidCallback: true, authserver.UnknownClient: true,
	authserver.RequestTokenUnknown: true, authserver.RequestTokenExpired: true, authserver.RequestTokenUsed: true,
	authserver.TemporarilyUnavailable: true, authserver.ServerError: true,
}

// OnPage returns how the profile calls an error on a page, and the page's status; false
// for what it has no word for.
func OnPage(rules Rules, e *authserver.Error) (status int, identifier string, ok bool) {
	if rules.Identifiers == nil || !onPages[e.Code] && (e.Code != authserver.AccessDenied || e.Why != authserver.WhyNotEntitled) {
		return 0, "", false
	}
	p := ProblemOf(e)
	return p.Status(), rules.identify(p), true
}

// WriteProblem answers a request of a client with a problem: 401 comes with a challenge
// (RFC 9110 §11.6.1), and challenge and body say the same.
func WriteProblem(w http.ResponseWriter, rules Rules, p *Problem) {
	params := p.spell()
	if rules.Identifiers != nil {
		params = nil
	}
	if p.Status() == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", Authorization("gatehouse", params))
	}
	if p.RetryAfter > 0 { // RFC 9110 §10.2.3: whole seconds
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if rules.Identifiers != nil {
		write(w, p.Status(), "text/plain; charset=utf-8", rules.identify(p))
		return
	}
	writeForm(w, p.Status(), params)
}

// spell names the problem as the extension does. Lists in it are joined by "&".
func (p *Problem) spell() []Param {
	word := p.Fault
	if word == ParameterRepeated {
		word = ParameterRejected
	}
	params := []Param{{"oauth_problem", string(word)}}
	names := strings.Join(p.Params, "&")
	for _, more := range []struct {
		of    Fault
		param Param
	}{
		{ParameterAbsent, Param{"oauth_parameters_absent", names}},
		{ParameterRejected, Param{"oauth_parameters_rejected", names}},
		{VersionRejected, Param{"oauth_acceptable_versions", p.Acceptable}},
		{TimestampRefused, Param{"oauth_acceptable_timestamps", p.Acceptable}},
	} {
		if more.of == word && more.param.Value != "" {
			params = append(params, more.param)
		}
	}
	if p.Advice != "" {
		params = append(params, Param{"oauth_problem_advice", p.Advice})
	}
	return params
}

// identify is the old server's line: an identifier, and the parameters it is about.
func (r Rules) identify(p *Problem) string {
	if len(p.Params) == 0 {
		return r.Identifiers[p.Fault]
	}
	return r.Identifiers[p.Fault] + ": " + strings.Join(p.Params, ",")
}
