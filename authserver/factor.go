// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"slices"
	"time"
)

// FactorKind is what somebody logs in with beside, or instead of, their password.
type FactorKind string

// The kinds of factors.
const (
	// FactorTOTP is an app that shows a code for each half minute (RFC 6238). Its secret is derived, not kept.
	FactorTOTP FactorKind = "totp"
	// FactorRecovery is a recovery code. Its ID is a MAC of it, and it is removed when it is used.
	FactorRecovery FactorKind = "recovery"
	// FactorPasskey is a passkey (Web Authentication). Its ID is the hash of its credential ID, and its data what Passkeys made
	// of it: a public key, and no secret.
	FactorPasskey FactorKind = "passkey"
)

// Factor is one of a person's. No secret is in it.
type Factor struct {
	ID    Hash
	Owner string // the subject
	Kind  FactorKind
	Name  string // what the person calls it
	Data  string // what the kind needs to know of it beside
	// Counter only goes up: the time step of the last code that was taken, or how often a passkey says that it was used.
	Counter   int64
	CreatedAt time.Time
	UsedAt    time.Time // zero: never
}

// The methods of a login (RFC 8176 §2).
const (
	methodPassword = "pwd"
	methodOTP      = "otp"
	methodKey      = "pop"  // a passkey has signed. Whether hardware keeps it nobody proves, so it is neither hwk nor swk
	methodPresence = "user" // somebody touched it
	methodMultiple = "mfa"  // two of them at least
)

// demandFactor reports whether somebody with the factors needs one to log in with a password. Recovery codes alone stand
// for nothing.
func demandFactor(factors []Factor) bool {
	return slices.ContainsFunc(factors, func(f Factor) bool { return f.Kind != FactorRecovery })
}

// The levels of a login, as acr, acr_values and acr_values_supported name them (OpenID Connect Core §2).
const (
	ACROneFactor  = "urn:gatehouse:acr:1fa"
	ACRTwoFactors = "urn:gatehouse:acr:2fa"
)

// TwoFactors reports whether the owner has proven two factors in the session.
func (s Session) TwoFactors() bool { return slices.Contains(s.Methods, methodMultiple) }

// ACR is the level of the login (OpenID Connect Core §2).
func (a Authentication) ACR() string {
	if slices.Contains(a.Methods, methodMultiple) {
		return ACRTwoFactors
	}
	return ACROneFactor
}
