// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"math"
	"net/http"
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

// Problem is a refusal that may be shown outside.
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

func (p *Problem) Error() string {
	return string(p.Fault) + ": " + strings.Join(p.Params, ",") + " " + p.Advice
}

// Is matches problems with the same fault.
func (p *Problem) Is(target error) bool {
	t, ok := errors.AsType[*Problem](target)
	return ok && t.Fault == p.Fault
}

func reject(advice string) *Problem { return &Problem{Fault: ParameterRejected, Advice: advice} }

// RefuseTimestamp is the problem of a timestamp outside the window (RFC 5849 §3.3). It lets
// a client set its clock.
func RefuseTimestamp(from, to time.Time) *Problem {
	return &Problem{
		Fault: TimestampRefused, Params: []string{ParamTimestamp},
		Acceptable: strconv.FormatInt(from.Unix(), 10) + "-" + strconv.FormatInt(to.Unix(), 10),
	}
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

// ProblemOf spells an error of the engine.
func ProblemOf(e *authserver.Error) *Problem {
	p := &Problem{Advice: e.Description, RetryAfter: e.RetryAfter}
	switch e.Code {
	case authserver.InvalidClient, authserver.UnknownClient:
		return &Problem{Fault: SignatureInvalid}
	case authserver.InvalidGrant:
		p.Fault = TokenRejected
	case authserver.InvalidCallback:
		p.Fault, p.Params = ParameterRejected, []string{ParamCallback}
	case authserver.UnauthorizedClient, authserver.AccessDenied:
		p.Fault = PermissionDenied
	case authserver.TemporarilyUnavailable, authserver.TooManyAttempts:
		p.Fault = Unavailable
	case authserver.ServerError:
		p.Fault = ServerError
	default:
		p.Fault = ParameterRejected
	}
	return p
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
		write(w, p.Status(), "text/plain; charset=utf-8", rules.identify(p)+"\n")
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
	name := map[Fault]string{
		ParameterAbsent:   "oauth_parameters_absent",
		ParameterRejected: "oauth_parameters_rejected",
		VersionRejected:   "oauth_acceptable_versions",
		TimestampRefused:  "oauth_acceptable_timestamps",
	}[word]
	value := p.Acceptable
	if value == "" {
		value = strings.Join(p.Params, "&")
	}
	if name != "" && value != "" {
		params = append(params, Param{name, value})
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
