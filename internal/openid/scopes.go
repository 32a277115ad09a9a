// SPDX-License-Identifier: Apache-2.0

// Package openid names what OpenID Connect defines and both programs know: the scopes that no
// ResourceServer declares.
package openid

import "slices"

// The scopes of OpenID Connect Core §3.1.2.1, §5.4 and §11, and groups, which no standard has and most programs ask for.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeGroups        = "groups"
	ScopeOfflineAccess = "offline_access"
	ScopeAddress       = "address"
	ScopePhone         = "phone"
)

// sentences complete, on the consent page, the sentence of what a client may do.
var sentences = map[string]string{
	ScopeOpenID:        "Sign you in with your account here",
	ScopeProfile:       "See your name",
	ScopeEmail:         "See your mail address",
	ScopeGroups:        "See the groups that you belong to",
	ScopeOfflineAccess: "Stay signed in while you are away",
	ScopeAddress:       "See your postal address",
	ScopePhone:         "See your phone number",
}

// Scopes returns the names, in the order in which people read them.
func Scopes() []string {
	return []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopeGroups, ScopeAddress, ScopePhone, ScopeOfflineAccess}
}

// claims are what each scope releases, as far as anything is known here (OpenID Connect Core §5.4).
var claims = map[string][]string{
	ScopeProfile: {"name", "preferred_username"},
	ScopeEmail:   {"email", "email_verified"},
	ScopeGroups:  {"groups"},
}

// ClaimsOf returns the claims that a scope releases.
func ClaimsOf(scope string) []string { return claims[scope] }

// IsScope reports whether the scope is one of them.
func IsScope(name string) bool { return slices.Contains(Scopes(), name) }

// Sentence returns what the scope lets a client do, for people; empty: it is none of them.
func Sentence(scope string) string { return sentences[scope] }
