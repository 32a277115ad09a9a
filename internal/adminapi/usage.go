// SPDX-License-Identifier: Apache-2.0

package adminapi

import "time"

// Add adds what another entry says of the same client.
func (u *ClientUsage) Add(other ClientUsage) {
	if other.Since.Before(u.Since) {
		u.Since = other.Since
	}
	if other.LastUsed.After(u.LastUsed) {
		u.LastUsed = other.LastUsed
	}
	u.Credentials = append(u.Credentials, other.Credentials...)
	if other.IDToken != nil && (u.IDToken == nil || other.IDToken.Bytes > u.IDToken.Bytes) {
		u.IDToken = other.IDToken
	}
	if other.PKCE == nil {
		return
	}
	if u.PKCE == nil {
		u.PKCE = &PKCEUsage{}
	}
	sum := *u.PKCE
	sum.Challenged += other.PKCE.Challenged
	sum.Unchallenged += other.PKCE.Unchallenged
	sum.LastChallenged = later(sum.LastChallenged, other.PKCE.LastChallenged)
	sum.LastUnchallenged = later(sum.LastUnchallenged, other.PKCE.LastUnchallenged)
	u.PKCE = &sum
}

func later(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}
