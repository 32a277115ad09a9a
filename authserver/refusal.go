// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"time"
)

// Refusal is an error that may be shown outside. Any other error is an internal fault: it is
// logged, and the outside learns only that there was one. A refusal is made once and never changes.
//
// errors.AsType[Refusal] finds it in any chain. errors.Is finds its Code and, where it has one, its
// cause: a ParameterFault, a GrantCause or an AccessCause.
type Refusal interface {
	error
	Code() Code
	// Description is for the client's developer: printable ASCII, no secrets, no double quote or
	// backslash (RFC 6749 §5.2).
	Description() string
}

// refusal is what all refusals have.
type refusal struct {
	code        Code
	description string
}

// Refuse returns a refusal of which there is no more to say than this.
func Refuse(code Code, description string) Refusal { return refusal{code, description} }

func (r refusal) Code() Code          { return r.code }
func (r refusal) Description() string { return r.description }
func (r refusal) Error() string       { return string(r.code) + ": " + r.description }
func (r refusal) Unwrap() error       { return r.code }

// ParameterError is an InvalidRequest that parameters of the request are to blame for.
type ParameterError struct {
	refusal
	fault ParameterFault
	names []string
}

// ParameterFault is what is wrong with parameters.
type ParameterFault string

// The faults of parameters.
const (
	ParameterAbsent    ParameterFault = "absent"
	ParameterEmpty     ParameterFault = "empty"
	ParameterRepeated  ParameterFault = "repeated"
	ParameterMalformed ParameterFault = "malformed"
	// ParameterMisplaced is one that the client may not put where it stood.
	ParameterMisplaced ParameterFault = "misplaced"
	// CallbackNotRegistered is a callback that is not one of the client's.
	CallbackNotRegistered ParameterFault = "callback not registered"
)

func (f ParameterFault) Error() string { return string(f) }

// NewParameterError returns an error about parameters; without names it is about the whole request.
func NewParameterError(fault ParameterFault, description string, names ...string) ParameterError {
	return ParameterError{refusal{InvalidRequest, description}, fault, slices.Clone(names)}
}

// Names are the parameters at fault.
func (e ParameterError) Names() []string { return slices.Clone(e.names) }

// Unwrap is for errors.Is.
func (e ParameterError) Unwrap() []error { return []error{e.code, e.fault} }

// TimestampError is a TimestampRefused.
type TimestampError struct {
	refusal
	earliest, latest time.Time
}

// NewTimestampError returns an error that names the range of timestamps that the server accepts.
func NewTimestampError(earliest, latest time.Time, description string) TimestampError {
	return TimestampError{refusal{TimestampRefused, description}, earliest, latest}
}

// Accepted is the range of timestamps that the server accepts.
func (e TimestampError) Accepted() (earliest, latest time.Time) { return e.earliest, e.latest }

// GrantError is an InvalidGrant: a code, a verifier or a refresh token is worth nothing.
type GrantError struct {
	refusal
	cause   GrantCause
	refresh bool
}

// GrantCause is why a code, a verifier or a refresh token is worth nothing.
type GrantCause string

// The causes of a GrantError.
const (
	GrantUnknown GrantCause = "unknown"
	GrantExpired GrantCause = "expired"
	// GrantUsedBefore has ended what the first use gave.
	GrantUsedBefore    GrantCause = "used before"
	GrantWrongCallback GrantCause = "wrong callback"
	GrantWrongVerifier GrantCause = "wrong code verifier"
	// GrantNotEntitled says that the owner may not use the client any more.
	GrantNotEntitled GrantCause = "not entitled"
	// GrantOfRefreshToken is a second cause of each GrantError that a refresh token is to blame for.
	GrantOfRefreshToken GrantCause = "refresh token"
)

func (c GrantCause) Error() string { return string(c) }

// NewGrantError returns an error that a code or a verifier is to blame for.
func NewGrantError(cause GrantCause, description string) GrantError {
	return GrantError{refusal{InvalidGrant, description}, cause, false}
}

// NewRefreshTokenError returns an error that a refresh token is to blame for.
func NewRefreshTokenError(cause GrantCause, description string) GrantError {
	return GrantError{refusal{InvalidGrant, description}, cause, true}
}

// Unwrap is for errors.Is.
func (e GrantError) Unwrap() []error {
	if e.refresh {
		return []error{e.code, e.cause, GrantOfRefreshToken}
	}
	return []error{e.code, e.cause}
}

// AccessDeniedError is an AccessDenied.
type AccessDeniedError struct {
	refusal
	cause AccessCause
}

// AccessCause is who denied the access.
type AccessCause string

// The causes of an AccessDeniedError.
const (
	DeniedByOwner AccessCause = "denied by the owner"
	// OwnerNotEntitled says that the owner may not use the client.
	OwnerNotEntitled AccessCause = "owner not entitled"
)

func (c AccessCause) Error() string { return string(c) }

// NewAccessDeniedError returns an AccessDenied with its cause.
func NewAccessDeniedError(cause AccessCause, description string) AccessDeniedError {
	return AccessDeniedError{refusal{AccessDenied, description}, cause}
}

// Unwrap is for errors.Is.
func (e AccessDeniedError) Unwrap() []error { return []error{e.code, e.cause} }

// WaitError is a refusal that another try may overcome later.
type WaitError struct {
	refusal
	after time.Duration
}

// NewWaitError returns a refusal that says how long to wait before another try.
func NewWaitError(code Code, after time.Duration, description string) WaitError {
	return WaitError{refusal{code, description}, after}
}

// After is how long to wait before another try.
func (e WaitError) After() time.Duration { return e.after }

// ReturnError is a refusal whose client and callback are proven: it may travel there.
type ReturnError struct {
	cause Refusal
	to    Return
}

// NewReturnError returns the refusal with where it may travel.
func NewReturnError(cause Refusal, to Return) ReturnError { return ReturnError{cause, to} }

// Return is where the refusal may travel.
func (e ReturnError) Return() Return { return e.to }

// Code is that of the refusal.
func (e ReturnError) Code() Code { return e.cause.Code() }

// Description is that of the refusal.
func (e ReturnError) Description() string { return e.cause.Description() }

func (e ReturnError) Error() string { return e.cause.Error() }

// Unwrap is for errors.Is and errors.AsType.
func (e ReturnError) Unwrap() error { return e.cause }

// Return is where the browser goes back to, with the client's own state.
type Return struct {
	Profile  Profile
	ClientID string
	Callback string // OutOfBand: nowhere, the proof is shown
	State    string
	// RequestToken is set in a Signed profile.
	RequestToken string
	// Silent is set where nothing may be shown (prompt=none).
	Silent bool
	// FormPost is set where the browser posts the answer to the callback.
	FormPost bool
}

// OutOfBand is the callback of a client that has none (RFC 5849 §2.1).
const OutOfBand = "oob"
