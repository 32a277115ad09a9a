// SPDX-License-Identifier: Apache-2.0

package authserver

import "slices"

// ClaimsRequest is what the claims parameter of an authorization request asks (OpenID Connect Core §5.5).
type ClaimsRequest struct {
	// Scopes are those that release the claims.
	Scopes []string
	// Level is what is asked of the level of the login, by the claim acr.
	Level LevelRequest
	// Subject is the only person whom the request is about; empty: anybody.
	Subject string
}

// extend returns the scopes with those that release the claims, in the order of the client's. A claim whose scope the client
// may not have is left out, as it would be if the person had none (§5.5.1).
func (r ClaimsRequest) extend(c *Client, scopes []string) []string {
	if len(r.Scopes) == 0 || !c.speaksOpenID(scopes) {
		return scopes
	}
	return intersect(c.Scopes, slices.Concat(scopes, r.Scopes))
}

// or returns a request that asks what either of two asks.
func (r LevelRequest) or(other LevelRequest) LevelRequest {
	return LevelRequest{TwoFactors: r.TwoFactors || other.TwoFactors, Prefer: r.Prefer || other.Prefer}
}

// subject returns the only person whom the request is about; empty: anybody. If the hint and the claims name two, it is nobody.
func (r AuthorizeRequest) subject() string {
	hinted, claimed := r.hintedSubject(), r.Claims.Subject
	switch {
	case claimed == "":
		return hinted
	case hinted == "" || hinted == claimed:
		return claimed
	default:
		return nobody
	}
}
