// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// presetOf returns the preset of the object's Secret; the zero one adds nothing.
func presetOf(s subject) preset.Preset {
	p, _ := preset.Of(s.template().Preset)
	return p
}

// presetFiles returns what the preset of the object makes of the values of the standard keys.
func presetFiles(s subject, standard map[string]string) (map[string]string, error) {
	p := presetOf(s)
	if len(p.Files) == 0 {
		return nil, nil
	}
	values := preset.Values{Standard: standard, CallbackURL: s.callbackURL, GrantType: s.grantType()}
	for _, scope := range s.scopes {
		values.Scopes = append(values.Scopes, string(scope))
	}
	return p.Render(values)
}

// unfit says what the preset cannot hold; empty: it holds all. A client secret that the operator made is never
// the reason: it is of letters and digits.
func (in input) unfit() string {
	if in.looked != nil {
		return in.looked.unfit
	}
	if len(presetOf(in.subject).Files) == 0 {
		return ""
	}
	if _, err := presetFiles(in.subject, standardValues(in)); err != nil {
		return err.Error()
	}
	return ""
}

func templateFits(o outcome) (reason, message string, failed bool) {
	unfit := o.unfit()
	return string(v1alpha1.ReadyReasonInvalidTemplate), fmt.Sprintf(
		"The Secret %q is not written: %s. Change that value, or leave out spec.credentials.secretTemplate.preset and write what the program needs in secretTemplate.data.",
		o.subject.secretName, unfit), unfit != ""
}

// grantTypeOf returns the grant type that a client of one of the OAuth 2.0 profiles is for.
func grantTypeOf(spec *v1alpha1.OAuthClientSpec) string {
	switch {
	case spec.EffectiveProfile().Signed():
		return ""
	case spec.MayUse(v1alpha1.GrantTypeAuthorizationCode):
		return "authorization_code"
	case spec.MayUse(v1alpha1.GrantTypeClientCredentials):
		return "client_credentials"
	default:
		return ""
	}
}
