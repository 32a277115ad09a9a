// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Bounds of what is taken of a person. Lengths are in bytes.
const (
	maxText   = 256
	maxGroups = 256
)

// rules make a person of claims.
type rules struct {
	key                                       string
	username, groups, uid, displayName, email mapper
	groupsClaim                               string
	emailAlwaysVerified                       bool
	claims                                    []rule
	user                                      []rule
}

// rule is a validation rule that was compiled.
type rule struct {
	claim, required string
	expression      *expression
	message         string
}

func newRules(key string, c Common) (*rules, error) {
	r := &rules{key: key, emailAlwaysVerified: c.EmailAlwaysVerified, groupsClaim: c.ClaimMappings.Groups.Claim}
	m := c.ClaimMappings
	for _, a := range []struct {
		from Mapping
		to   *mapper
	}{{m.Username, &r.username}, {m.Groups, &r.groups}, {m.UID, &r.uid}, {m.DisplayName, &r.displayName}, {m.Email, &r.email}} {
		compiled, err := a.from.mapper()
		if err != nil {
			return nil, err
		}
		*a.to = compiled
	}
	for _, from := range c.ClaimValidationRules {
		compiled := rule{claim: from.Claim, required: from.RequiredValue, message: from.Message}
		if from.Expression != "" {
			e, err := compile(from.Expression, variable)
			if err != nil {
				return nil, err
			}
			compiled.expression = &e
		}
		r.claims = append(r.claims, compiled)
	}
	for _, from := range c.UserValidationRules {
		e, err := compile(from.Expression, variableUser)
		if err != nil {
			return nil, err
		}
		r.user = append(r.user, rule{expression: &e, message: from.Message})
	}
	return r, nil
}

// owner makes a person of claims, or returns an UpstreamError that says why they are none.
func (r *rules) owner(ctx context.Context, claims map[string]any) (authserver.Owner, error) {
	if verified, _ := claims["email_verified"].(bool); !verified && !r.emailAlwaysVerified {
		delete(claims, "email") // whoever may write it there could be anybody
	}
	for _, rule := range r.claims {
		if err := rule.check(ctx, claims); err != nil {
			return authserver.Owner{}, unfit("claimValidationRules", err)
		}
	}
	owner, err := r.read(ctx, claims)
	if err != nil {
		return authserver.Owner{}, err
	}
	groups := make([]any, len(owner.Groups))
	for i, group := range owner.Groups {
		groups[i] = group
	}
	user := map[string]any{"username": owner.Name, "uid": owner.SourceID, "groups": groups}
	for _, rule := range r.user {
		if err := rule.check(ctx, user); err != nil {
			return authserver.Owner{}, unfit("userValidationRules", err).Of(owner.Name)
		}
	}
	return owner, nil
}

func (r *rules) read(ctx context.Context, claims map[string]any) (authserver.Owner, error) {
	id, err := r.uid.text(ctx, claims)
	if err == nil {
		err = checkName(id)
	}
	if err != nil {
		return authserver.Owner{}, unfit("claimMappings.uid", err)
	}
	name, err := r.username.text(ctx, claims)
	if err == nil {
		err = checkName(name)
	}
	if err == nil && authserver.NormalizeName(name) != name { // two accounts would have one name here
		err = errors.New("it has a character that looks like nothing or like another one, or is not in Unicode Normalization Form C")
	}
	if err != nil {
		return authserver.Owner{}, unfit("claimMappings.username", err)
	}
	groups, err := r.groupsOf(ctx, claims)
	if err != nil {
		return authserver.Owner{}, unfit("claimMappings.groups", err).Of(name)
	}
	owner := authserver.Owner{
		Subject: authserver.SubjectOf(r.key, id), Source: r.key, SourceID: id, Name: name, DisplayName: shown(ctx, r.displayName, claims),
		Email: shown(ctx, r.email, claims), Groups: groups,
	}
	if owner.DisplayName == "" {
		owner.DisplayName = name
	}
	return owner, nil
}

// groupsOf returns each group once, in alphabetical order. Names that cannot be used are left out.
func (r *rules) groupsOf(ctx context.Context, claims map[string]any) ([]string, error) {
	if elsewhere, ok := claims["_claim_names"].(map[string]any); ok && r.groupsClaim != "" {
		if _, distributed := elsewhere[r.groupsClaim]; distributed {
			return nil, errors.New("the source keeps the groups at another address, because there are too many for a token; let it send fewer")
		}
	}
	names, err := r.groups.texts(ctx, claims)
	if err != nil {
		return nil, err
	}
	if len(names) > maxGroups { // a part would be taken for all
		return nil, fmt.Errorf("there are more than %d", maxGroups)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return checkName(name) != nil })
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return nil, nil
	}
	return names, nil
}

// shown returns a text for pages; empty: there is none that is fit to be shown.
func shown(ctx context.Context, m mapper, claims map[string]any) string {
	text, err := m.text(ctx, claims)
	if err != nil || len(text) > maxText || !isPrintable(text) {
		return ""
	}
	return text
}

func (r rule) check(ctx context.Context, input map[string]any) error {
	if r.expression == nil {
		if value, ok := input[r.claim].(string); !ok || value != r.required {
			return fmt.Errorf("the claim %s is not as required", r.claim)
		}
		return nil
	}
	holds, err := r.expression.holds(ctx, input)
	switch {
	case err != nil:
		return fmt.Errorf("a rule cannot be evaluated: %w", err)
	case !holds && r.message != "":
		return errors.New(r.message)
	case !holds:
		return errors.New("a rule does not hold")
	}
	return nil
}

func unfit(key string, err error) authserver.UpstreamError {
	return authserver.NewUpstreamError(authserver.UpstreamPersonUnfit, fmt.Errorf("%s: %w", key, err))
}

// checkName tells what is wrong with a name, of a person or a group, or an ID.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the source sends none")
	case len(name) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case !isPrintable(name) || strings.TrimSpace(name) != name:
		return errors.New("it has a character that is not printable, or a blank at one end")
	}
	return authserver.CheckOwnerName(name)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
