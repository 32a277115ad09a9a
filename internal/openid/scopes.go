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

// IsScope reports whether the scope is one of them.
func IsScope(name string) bool { return slices.Contains(Scopes(), name) }

// Sentence returns what the scope lets a client do, for people; empty: it is none of them.
func Sentence(scope string) string { return sentences[scope] }
