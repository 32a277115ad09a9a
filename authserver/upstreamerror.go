// SPDX-License-Identifier: Apache-2.0

package authserver

// UpstreamFailed is a login at another server that nobody came back from.
const UpstreamFailed Code = "upstream_failed"

// UpstreamError is an UpstreamFailed with its cause.
type UpstreamError struct {
	refusal
	cause  UpstreamCause
	detail error
	owner  string // who it is about, where it is known
}

// UpstreamCause is why a login at another server did not succeed.
type UpstreamCause string

// The causes of an UpstreamError.
const (
	// UpstreamOtherBrowser is an answer to a login that did not begin in this browser.
	UpstreamOtherBrowser UpstreamCause = "not begun in this browser"
	// UpstreamTooLate is an answer that took too long.
	UpstreamTooLate UpstreamCause = "too late"
	// UpstreamUsed is an answer to a login that was answered before.
	UpstreamUsed UpstreamCause = "answered before"
	// UpstreamDenied is an error that the source sent.
	UpstreamDenied UpstreamCause = "the source sent an error"
	// UpstreamAnswerUnfit is an answer that does not fit to what was asked, or that nothing proves.
	UpstreamAnswerUnfit UpstreamCause = "the answer does not fit"
	// UpstreamPersonUnfit is a person whom the configuration does not take.
	UpstreamPersonUnfit UpstreamCause = "the person does not fit"
	// UpstreamNameTaken is a person whose name somebody of another source has.
	UpstreamNameTaken UpstreamCause = "the name is known to another source"
	// UpstreamAway is a source that does not answer.
	UpstreamAway UpstreamCause = "the source does not answer"
	// UpstreamLoginOld is a login at the source that is older than was asked for.
	UpstreamLoginOld UpstreamCause = "the login at the source is too old"
)

func (c UpstreamCause) Error() string { return string(c) }

// NewUpstreamError returns an error with what the log says of it.
func NewUpstreamError(cause UpstreamCause, detail error) UpstreamError {
	return UpstreamError{refusal: refusal{UpstreamFailed, string(cause)}, cause: cause, detail: detail}
}

// Of returns the error with the name of the person it is about.
func (e UpstreamError) Of(owner string) UpstreamError {
	return UpstreamError{e.refusal, e.cause, e.detail, owner}
}

// Detail is for the log. It may hold what the source said.
func (e UpstreamError) Detail() error { return e.detail }

// Unwrap is for errors.Is.
func (e UpstreamError) Unwrap() []error { return []error{e.code, e.cause} }
