// SPDX-License-Identifier: Apache-2.0

package authserver

import "errors"

// Code names what went wrong. Those of RFC 6749, RFC 7009, RFC 8707 and OpenID Connect Core
// go over the wire as they are; the others are only shown on a page. A code is an error value:
// errors.Is(err, InvalidGrant) finds every Refusal with this code.
type Code string

func (c Code) Error() string { return string(c) }

// Codes that clients see (RFC 6749 §4.1.2.1 and §5.2, RFC 7009 §2.2.1, RFC 8707 §2, OpenID
// Connect Core §3.1.2.6).
const (
	InvalidRequest          Code = "invalid_request"
	InvalidClient           Code = "invalid_client"
	InvalidGrant            Code = "invalid_grant"
	InvalidScope            Code = "invalid_scope"
	InvalidTarget           Code = "invalid_target"
	UnauthorizedClient      Code = "unauthorized_client"
	UnsupportedGrantType    Code = "unsupported_grant_type"
	UnsupportedResponseType Code = "unsupported_response_type"
	AccessDenied            Code = "access_denied"
	ServerError             Code = "server_error"
	TemporarilyUnavailable  Code = "temporarily_unavailable"
	LoginRequired           Code = "login_required"
	ConsentRequired         Code = "consent_required"
	// UnmetAuthenticationRequirements is a level of login that the owner cannot reach now (OpenID Connect Core Error
	// Code unmet_authentication_requirements, RFC 9470 §5).
	UnmetAuthenticationRequirements Code = "unmet_authentication_requirements"
	// RequestNotSupported and RequestURINotSupported refuse request objects (OpenID Connect Core §6).
	RequestNotSupported    Code = "request_not_supported"
	RequestURINotSupported Code = "request_uri_not_supported"
	// InsufficientScope is a token that does not open a resource (RFC 6750 §3.1).
	InsufficientScope Code = "insufficient_scope"
)

// Codes of signed requests (RFC 5849 §3.2), in the words of the OAuth Problem Reporting extension.
const (
	// SignatureInvalid covers unknown clients, unknown tokens and wrong signatures alike.
	SignatureInvalid        Code = "signature_invalid"
	SignatureMethodRejected Code = "signature_method_rejected"
	TimestampRefused        Code = "timestamp_refused"
	NonceUsed               Code = "nonce_used"
	TokenRejected           Code = "token_rejected"
	// TokenMissing is a request to a resource that brought no token (RFC 6750 §3.1).
	TokenMissing Code = "token_missing"
	TokenExpired Code = "token_expired"
)

// Codes that only a person sees, on a page.
const (
	// RequestTokenUnknown, RequestTokenExpired and RequestTokenUsed are faults of the link that
	// brought the owner (RFC 5849 §2.2).
	RequestTokenUnknown Code = "request_token_unknown"
	RequestTokenExpired Code = "request_token_expired"
	RequestTokenUsed    Code = "request_token_used"
	// UnknownClient covers unknown, suspended and not accepted clients alike.
	UnknownClient Code = "unknown_client"
	// InvalidCallback is a callback that is not registered.
	InvalidCallback Code = "invalid_callback"
	// InvalidLogoutRedirect is a post_logout_redirect_uri that is not registered.
	InvalidLogoutRedirect Code = "invalid_post_logout_redirect_uri"
	// InteractionGone is an interaction that expired, was finished or was tampered with.
	InteractionGone Code = "interaction_gone"
	// NothingChosen is an approval of no scope at all, where the owner may choose.
	NothingChosen Code = "nothing_chosen"
	// WrongPassword covers unknown names and wrong passwords alike.
	WrongPassword Code = "wrong_password"
	// WrongCode is a code of an app, or a recovery code, that is wrong or was used before.
	WrongCode Code = "wrong_code"
	// WrongPasskey is a passkey that is not known here, is of somebody else or did not prove itself.
	WrongPasskey Code = "wrong_passkey"
	// PasskeyTooLate is an answer to a page that is too old, was answered before or was shown in another browser.
	PasskeyTooLate Code = "passkey_too_late"
	// PasskeyCopied is a passkey that counts backwards: there are two of it (Web Authentication §6.1.1).
	PasskeyCopied Code = "passkey_copied"
	// FactorRefused is a factor that cannot be added: its page is too old or of another login, or there are too many.
	FactorRefused Code = "factor_refused"
	// LoginTooOld asks for a new login, with all factors, before factors are changed.
	LoginTooOld Code = "login_too_old"
	// TooManyAttempts asks a person to wait before the next login.
	TooManyAttempts Code = "too_many_attempts"
)

// Errors that dependencies return to the engine.
var (
	// ErrNotFound says that what was asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrExists says that what was to be made is already there, or was once.
	ErrExists = errors.New("already exists")
	// ErrStale says that a compare-and-set found another value.
	ErrStale = errors.New("stale")
	// ErrUnavailable says that a dependency (store, directory, API server) cannot
	// answer now. Outside: 503 with Retry-After.
	ErrUnavailable = errors.New("unavailable")
	// ErrTokenRefused says that a source does not take a refresh token any more, so it cannot be asked before the person logs in.
	ErrTokenRefused = errors.New("the refresh token is not taken any more")
	// ErrCannotAsk says that a source has no way to be asked about somebody who is not there.
	ErrCannotAsk = errors.New("cannot be asked")
	// ErrWrongPassword says that name and password do not belong together, for
	// unknown names too.
	ErrWrongPassword = errors.New("wrong user name or password")
)
