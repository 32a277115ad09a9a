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
	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// Fault names what went wrong, in the words of the Problem Reporting extension
// (oauth_problem) where it has one.
//
// Its consumer_key_unknown, _rejected and _refused are not here on purpose: a client that
// is unknown, suspended or not ready is answered as one with a wrong signature.
type Fault string

// The faults. TokenUsed, TokenExpired and TokenRevoked are for clients whose signature has
// been verified; of anybody else every token is rejected.
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

// faults are what this protocol calls the errors of the engine. The first row that matches counts;
// for what has none the request is to blame.
var faults = []struct {
	is     error // a Code or a cause, which errors.Is finds
	fault  Fault
	about  string   // the parameter that the error names; empty: any
	params []string // at fault, where the error does not name them
	advice string   // in this protocol's words; empty: the engine's
}{
	// An unknown client, a client that may not be used and a wrong signature are one answer.
	{is: authserver.SignatureInvalid, fault: SignatureInvalid},
	{is: authserver.InvalidClient, fault: SignatureInvalid},
	{is: authserver.UnknownClient, fault: SignatureInvalid},
	{is: authserver.SignatureMethodRejected, fault: SignatureMethodRejected, params: []string{ParamSignatureMethod}},
	{is: authserver.TimestampRefused, fault: TimestampRefused, params: []string{ParamTimestamp}},
	{is: authserver.NonceUsed, fault: NonceUsed, params: []string{ParamNonce}},

	{is: authserver.ParameterMalformed, about: ParamVersion, fault: VersionRejected},
	{is: authserver.CallbackNotRegistered, fault: ParameterRejected, params: []string{ParamCallback}},
	{is: authserver.ParameterAbsent, fault: ParameterAbsent},
	{is: authserver.ParameterRepeated, fault: ParameterRepeated},
	{is: authserver.ParameterMisplaced, fault: ParameterRejected, params: []string{ParamSignature},
		advice: "this client may not send secrets in the URL; the Authorization header is the place for them"},
	{is: authserver.InvalidCallback, fault: ParameterRejected, params: []string{ParamCallback}},

	{is: authserver.GrantExpired, fault: TokenExpired, advice: "the verifier has expired"},
	{is: authserver.GrantUsedBefore, fault: TokenUsed, advice: "the verifier was used before; what it gave is revoked"},
	{is: authserver.GrantNotEntitled, fault: PermissionDenied},
	{is: authserver.InvalidGrant, fault: TokenRejected, advice: "the verifier is not that of the request token"},
	{is: authserver.TokenExpired, fault: TokenExpired},
	{is: authserver.TokenRejected, fault: TokenRejected},
	{is: authserver.RequestTokenExpired, fault: TokenExpired},
	{is: authserver.RequestTokenUsed, fault: TokenUsed},
	{is: authserver.RequestTokenUnknown, fault: TokenRejected},

	{is: authserver.UnauthorizedClient, fault: PermissionDenied},
	{is: authserver.AccessDenied, fault: PermissionDenied},
	{is: authserver.TemporarilyUnavailable, fault: Unavailable},
	{is: authserver.TooManyAttempts, fault: Unavailable},
	{is: authserver.ServerError, fault: ServerError},
}

// ProblemOf spells an error of the engine.
func ProblemOf(e authserver.Refusal) *Problem {
	about, _ := errors.AsType[authserver.ParameterError](e)
	wait, _ := errors.AsType[authserver.WaitError](e)
	p := &Problem{
		Fault: ParameterRejected, Params: about.Names(), Acceptable: acceptable(e),
		Advice: e.Description(), RetryAfter: wait.After(),
	}
	for _, row := range faults {
		if !errors.Is(e, row.is) || row.about != "" && !slices.Contains(p.Params, row.about) {
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
func acceptable(e authserver.Refusal) string {
	if about, ok := errors.AsType[authserver.ParameterError](e); ok && slices.Contains(about.Names(), ParamVersion) {
		return "1.0-1.0"
	}
	if off, ok := errors.AsType[authserver.TimestampError](e); ok {
		earliest, latest := off.Accepted()
		return strconv.FormatInt(earliest.Unix(), 10) + "-" + strconv.FormatInt(latest.Unix(), 10)
	}
	return ""
}

// onPages are the errors that the old server told people by an identifier. Others are our own
// pages' business: they have none.
var onPages = []error{
	authserver.InvalidRequest, authserver.InvalidCallback, authserver.UnknownClient,
	authserver.RequestTokenUnknown, authserver.RequestTokenExpired, authserver.RequestTokenUsed,
	authserver.TemporarilyUnavailable, authserver.ServerError, authserver.OwnerNotEntitled,
}

// OnPage returns how the profile calls an error on a page, and the page's status; false
// for what it has no word for.
func OnPage(rules Rules, e authserver.Refusal) (status int, identifier string, ok bool) {
	named := func(is error) bool { return errors.Is(e, is) }
	if rules.Identifiers == nil || !slices.ContainsFunc(onPages, named) {
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
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", httpsyntax.RetryAfter(p.RetryAfter))
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
