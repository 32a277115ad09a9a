// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"strings"
)

// Mismatch is how a request differs from what its client declares. The word is the reason of an Event, too.
type Mismatch string

// The mismatches.
const (
	// CallbackDiffers is a callback that is not one of the client's.
	CallbackDiffers Mismatch = "CallbackDiffers"
	// ChallengeMissing is a request without a code challenge for a client that must send one (PKCE, RFC 7636).
	ChallengeMissing Mismatch = "PKCEMissing"
	// ScopeNotAllowed is a scope that the client may not ask for.
	ScopeNotAllowed Mismatch = "ScopeNotAllowed"
)

// MismatchDetail is what a request asked for, and what its client declares.
type MismatchDetail struct {
	Is              Mismatch
	ClientUID       string // empty: whoever refuses knows the client
	Asked, Declared []string
}

// MismatchError is a refusal with what differs, for the team of the client. The detail goes to no client and no browser.
type MismatchError struct {
	cause  Refusal
	detail MismatchDetail
}

// NewMismatchError returns the refusal with what differs.
func NewMismatchError(cause Refusal, is Mismatch, asked, declared []string) MismatchError {
	return MismatchError{cause, MismatchDetail{Is: is, Asked: asked, Declared: declared}}
}

// Detail is what differs. Nobody may change its lists.
func (e MismatchError) Detail() MismatchDetail { return e.detail }

// Code is that of the refusal.
func (e MismatchError) Code() Code { return e.cause.Code() }

// Description is that of the refusal.
func (e MismatchError) Description() string { return e.cause.Description() }

func (e MismatchError) Error() string { return e.cause.Error() }

// Unwrap is for errors.Is and errors.AsType.
func (e MismatchError) Unwrap() error { return e.cause }

// callbackDiffers adds to a refusal which callback was asked for. It may hold anything: only where it leads is kept, not what
// its user info, query and fragment say.
func callbackDiffers(cause Refusal, c *Client, asked string) MismatchError {
	var one []string
	if asked != "" {
		one = []string{placeOfCallback(asked)}
	}
	e := NewMismatchError(cause, CallbackDiffers, one, c.CallbackURLs)
	e.detail.ClientUID = c.UID
	return e
}

// placeOfCallback returns a callback without user info, query and fragment. What is left out is said by three dots.
func placeOfCallback(uri string) string {
	end := strings.IndexAny(uri, "?#")
	if end >= 0 {
		uri = uri[:end+1] + "..."
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	host, path, slash := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = "..." + host[at:]
	}
	if slash {
		host += "/" + path
	}
	return scheme + "://" + host
}

// without returns the members of a that are not in b.
func without(a, b []string) []string {
	var out []string
	for _, name := range a {
		if !slices.Contains(b, name) {
			out = append(out, name)
		}
	}
	return out
}
