// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// person are the claims about a person, each with the scope that releases it (OpenID Connect Core §5.4). What the
// source of the person does not know is left out.
type person struct {
	Subject           string `json:"sub"`
	Name              string `json:"name,omitempty"`               // profile
	PreferredUsername string `json:"preferred_username,omitempty"` // profile
	Email             string `json:"email,omitempty"`              // email
	// EmailVerified says that the address is the person's by the word of who runs the source: people do not
	// write it themselves.
	EmailVerified bool     `json:"email_verified,omitempty"`
	Groups        []string `json:"groups,omitempty"` // groups
}

// claimsOf returns what the scopes release about an owner.
func claimsOf(o authserver.Owner, scopes []string) person {
	p := person{Subject: o.Subject}
	if slices.Contains(scopes, openid.ScopeProfile) {
		p.Name, p.PreferredUsername = cmp.Or(o.DisplayName, o.Name), o.Name
	}
	if slices.Contains(scopes, openid.ScopeEmail) {
		p.Email, p.EmailVerified = o.Email, o.Email != ""
	}
	if slices.Contains(scopes, openid.ScopeGroups) {
		p.Groups = o.Groups
	}
	return p
}

// withMappings returns the claims as they are marshaled, with those of the client's own in them. A mapping knows of the person
// what the claims say and no more. One that does not fit the person yields no claim, and misfit is told why.
func withMappings(claims any, p person, scopes []string, mappings []claimmap.Mapping, misfit func(error)) (any, error) {
	if len(mappings) == 0 {
		return claims, nil
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("marshal claims: %w", err)
	}
	var all map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a time stays as it is
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("read claims again: %w", err)
	}
	known := claimmap.Owner{
		Subject: p.Subject, Profile: slices.Contains(scopes, openid.ScopeProfile), Name: p.PreferredUsername, DisplayName: p.Name,
		Mail: slices.Contains(scopes, openid.ScopeEmail), Email: p.Email, Member: slices.Contains(scopes, openid.ScopeGroups), Groups: p.Groups,
	}
	for _, m := range mappings {
		if m.Claim == "email" {
			delete(all, "email_verified") // it was said of another address
		}
		value, err := m.Value(known)
		if err != nil {
			misfit(err)
			delete(all, m.Claim) // what stands there is not what the client wants
			continue
		}
		all[m.Claim] = value
	}
	return all, nil
}

// included returns the groups that one of the patterns allows; without patterns all.
func included(groups, patterns []string) []string {
	if patterns == nil {
		return groups
	}
	var out []string
	for _, group := range groups {
		if slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, group) }) {
			out = append(out, group)
		}
	}
	return out
}

func matches(pattern, name string) bool {
	if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, beginning)
	}
	return pattern == name
}
