// SPDX-License-Identifier: Apache-2.0

package authserver

import "time"

// Use is what is remembered of how a client or a resource server was used with one of its credentials. Who
// writes it cuts times to the hour, so that a row is written once an hour however often it is used.
type Use struct {
	UID string // of the client or the resource server
	// CredentialID is empty for what needs none: a Public client, a client or resource server that proves itself with assertions, or
	// a token that somebody asks about.
	CredentialID string
	Since        time.Time // the first use
	UsedAt       time.Time // the last one
	// Challenged and Unchallenged count the codes of profile OAuth2 that were redeemed whose request had a code challenge
	// (RFC 7636), and those whose request had none. The times are of the last ones; zero: there was none.
	Challenged, Unchallenged     int64
	ChallengedAt, UnchallengedAt time.Time
	// IDTokenBytes is the size of the largest ID token that was issued, and IDTokenAt when it was. See IDTokenMemory.
	IDTokenBytes int64
	IDTokenAt    time.Time
}

const (
	// UseMemory is how long the use of a credential is remembered, while its client is used with another one. Nobody asks about more:
	// an overlap has 30 days at most, and logins are counted for 30 days. A client that rotates each day has as many rows.
	UseMemory = 32 * 24 * time.Hour
	// IDTokenMemory is how long the largest ID token is remembered while smaller ones come: so one that was made smaller is
	// known as small after that time.
	IDTokenMemory = 7 * 24 * time.Hour
)

// With returns what is remembered when b was noted after u, of the same credential. Stores do the same in SQL.
func (u Use) With(b Use) Use {
	if b.Since.Before(u.Since) {
		u.Since = b.Since
	}
	u.UsedAt = later(u.UsedAt, b.UsedAt)
	u.Challenged += b.Challenged
	u.Unchallenged += b.Unchallenged
	u.ChallengedAt, u.UnchallengedAt = later(u.ChallengedAt, b.ChallengedAt), later(u.UnchallengedAt, b.UnchallengedAt)
	if b.IDTokenBytes > 0 && (b.IDTokenBytes >= u.IDTokenBytes || !u.IDTokenAt.After(b.IDTokenAt.Add(-IDTokenMemory))) {
		u.IDTokenBytes, u.IDTokenAt = b.IDTokenBytes, b.IDTokenAt
	}
	return u
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
