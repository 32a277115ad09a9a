// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/url"
	"regexp"
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

var (
	// atSign ends user info (RFC 3986 §3.2.1). It may be encoded, once or several times.
	atSign = regexp.MustCompile(`@|%(?:25)*40`)
	// schemePart is a scheme with what follows it. Where no slash follows, it may be a user name, unless it is that of HTTP.
	schemePart = regexp.MustCompile(`^(?i:https?:/{0,2}|[a-z][a-z0-9+.-]*:/{1,2}|/{0,2})`)
)

// placeOfCallback returns a callback without user info, query and fragment. What is left out is said by three dots. Programs differ
// in where the user info of a malformed callback ends. So nothing before the last @ is kept but the scheme, and of what is no URI
// (RFC 3986) nothing else.
func placeOfCallback(uri string) string {
	start, end, place := schemePart.FindString(uri), strings.IndexAny(uri, "?#"), uri
	if end >= 0 {
		place = uri[:end+1] + "..."
	}
	_, err := url.Parse(uri)
	foreign := strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' })
	signs := atSign.FindAllStringIndex(uri, -1)
	if len(signs) == 0 && err == nil && !foreign {
		return place
	}
	if err != nil || foreign || end >= 0 && signs[len(signs)-1][0] > end {
		return start + "..."
	}
	return start + "...@" + place[signs[len(signs)-1][1]:]
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
