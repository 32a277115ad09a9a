// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

// The longest that a policy can allow, where it names no limit.
const (
	maxGrantDurationDays          = 90
	maxAccessTokenLifetimeSeconds = 86400
)

// Client returns everything in the spec of an OAuthClient that the policy does not allow, in
// the order of the checks below. Empty: all of it is allowed.
func (p Policy) Client(spec *v1alpha1.OAuthClientSpec) []Denial {
	if p.Spec == nil {
		return []Denial{p.missing()}
	}
	var denials []Denial
	for _, check := range clientChecks {
		denials = append(denials, check(p, &p.Spec.Clients, spec)...)
	}
	denials = append(denials, p.rotation(&spec.Credentials, spec.Public())...)
	return append(denials, p.template(&spec.Credentials.SecretTemplate)...)
}

// missing says that the namespace has no policy.
func (p Policy) missing() Denial {
	return Denial{Policy: p.Name, Field: "metadata.namespace", Message: fmt.Sprintf(
		"has no policy: no OAuthClientPolicy %q exists. Ask who runs the cluster to create it, or to set the label %s of the namespace to one that exists",
		p.Name, v1alpha1.LabelPolicy)}
}

func (p Policy) deny(field, format string, args ...any) []Denial {
	return []Denial{{Policy: p.Name, Field: field, Message: fmt.Sprintf(format, args...)}}
}

type clientCheck func(Policy, *v1alpha1.ClientRules, *v1alpha1.OAuthClientSpec) []Denial

// clientChecks are all there are: each looks at one thing.
var clientChecks = []clientCheck{
	checkProfile, checkGrantTypes, checkCallbacks, checkLogout, checkBackChannelLogout, checkSource, checkClientID, checkConsent, checkEntitlement, checkPKCE,
	checkOutOfBand, checkLegacyOpenings, checkGrantDuration, checkTokenLifetime,
}

func checkProfile(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if profile := spec.EffectiveProfile(); !slices.Contains(rules.Profiles, profile) {
		return p.deny("spec.profile", "must be one that the policy allows, which %s is not", profile)
	}
	return nil
}

// checkGrantTypes looks at the profiles where the client chooses its grant types.
func checkGrantTypes(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	field := "spec.oauth2.grantTypes"
	switch spec.EffectiveProfile() {
	case v1alpha1.ProfileOAuth2:
	case v1alpha1.ProfileIntegrationCloud:
		field = "spec.integrationCloud.grantTypes"
	default:
		return nil
	}
	var denials []Denial
	for _, g := range spec.EffectiveGrantTypes() {
		if !slices.Contains(rules.GrantTypes, g) {
			denials = append(denials, p.deny(field, "must not hold %s, which the policy does not allow", g)...)
		}
	}
	return denials
}

func checkCallbacks(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	var denials []Denial
	for i, u := range spec.CallbackURLs {
		field := fmt.Sprintf("spec.callbackURLs[%d]", i)
		switch callback.Classify(string(u)) {
		case callback.HTTPS:
			if host := callback.Host(string(u)); !p.matchesAnyHost(rules.CallbackHosts, host) {
				denials = append(denials, p.deny(field, "must have a host that the policy allows, which %s is not", host)...)
			}
		case callback.Loopback:
			if !rules.LoopbackCallbacks {
				denials = append(denials, p.deny(field, "must not lead to the machine of the person: the policy does not allow loopback callbacks")...)
			}
		case callback.PrivateUse:
			if scheme := callback.Scheme(string(u)); !p.matchesAnyScheme(rules.PrivateUseSchemes, scheme) {
				denials = append(denials, p.deny(field, "must have a scheme that the policy allows, which %s is not", scheme)...)
			}
		case callback.Invalid:
			denials = append(denials, p.deny(field, "must be a URL in the form that the API accepts")...)
		}
	}
	return denials
}

// checkLogout says again what the API demands: an object can come past it.
func checkLogout(p Policy, _ *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	var denials []Denial
	for i, uri := range spec.EffectiveOpenID().PostLogoutRedirectURIs {
		if !AddressAfterLogout(spec, uri) {
			denials = append(denials, p.deny(fmt.Sprintf("spec.oauth2.openID.postLogoutRedirectURIs[%d]", i),
				"must be a URL in the form that the API accepts, with scheme, host and port of one of spec.callbackURLs")...)
		}
	}
	return denials
}

// checkSource says again what the API demands, because an object can come past it, and what the policy allows. A Public client has no
// credentials, wherever they come from.
func checkSource(p Policy, _ *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	c := &spec.Credentials
	switch {
	case c.FromGivenSecret() && (spec.Public() || spec.EffectiveProfile().Signed()):
		return p.deny(fieldSource, "must be Generate in an OAuth 1.0a profile, and be left out for a Public client")
	case c.WithoutSecret() && (spec.Public() || spec.EffectiveProfile() != v1alpha1.ProfileOAuth2):
		return p.deny(fieldSource, "must be Generate or FromSecret unless the client is a Confidential one of profile OAuth2")
	case spec.Public():
		return nil
	}
	return p.source(c)
}

func checkBackChannelLogout(p Policy, _ *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	told := spec.EffectiveOpenID().BackChannelLogout
	if told == nil {
		return nil
	}
	return p.visited("spec.oauth2.openID.backChannelLogout.uri", string(told.URI))
}

func checkClientID(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if spec.ClientID != "" && !p.matchesAnyName(rules.ClientIDs, string(spec.ClientID)) {
		return p.deny("spec.clientID", "must be left out, or be one that the policy allows")
	}
	return nil
}

func checkConsent(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if spec.Consent == v1alpha1.ConsentSkip && !rules.ConsentSkip {
		return p.deny("spec.consent", "must not be Skip: the policy does not allow to skip the owner's consent")
	}
	return nil
}

func checkEntitlement(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if spec.Entitlement == v1alpha1.EntitlementEveryone && !rules.EntitlementEveryone {
		return p.deny("spec.entitlement", "must not be Everyone: the policy does not allow to open a client to everyone")
	}
	return nil
}

// SecondFactor reports whether a login for the client needs a second step: what the policy demands adds to what the spec does. A value of
// the future asks for more, not for less.
func (p Policy) SecondFactor(spec *v1alpha1.OAuthClientSpec) bool {
	return p.Spec != nil && p.Spec.Clients.RequireSecondFactor || spec.SecondFactor != "" && spec.SecondFactor != v1alpha1.SecondFactorOptional
}

func checkPKCE(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	optional := spec.EffectiveProfile() == v1alpha1.ProfileOAuth2 && !spec.PKCERequired()
	if optional && !rules.PKCEOptional {
		return p.deny("spec.oauth2.pkce", "must not be Optional: the policy demands PKCE")
	}
	return nil
}

func checkOutOfBand(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if !spec.EffectiveOutOfBand() || rules.OutOfBand {
		return nil
	}
	field := "spec.oauth1.outOfBand"
	if spec.EffectiveProfile() == v1alpha1.ProfileConnectionsCloudOAuth1 {
		field = "spec.connectionsCloud.outOfBand"
	}
	return p.deny(field, "must not be true: the policy does not allow to show verifiers to people")
}

func checkLegacyOpenings(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	if rules.LegacyOpenings {
		return nil
	}
	name := "spec.connectionsCloud."
	if spec.EffectiveProfile() == v1alpha1.ProfileIntegrationCloud {
		name = "spec.integrationCloud."
	}
	var denials []Denial
	if spec.SecretInURLUntil() != "" {
		denials = append(denials, p.deny(name+"allowSecretInURLUntil", "must be left out: the policy does not allow secrets in URLs")...)
	}
	if spec.SecretInHeaderUntil() != "" {
		denials = append(denials, p.deny(name+"allowSecretInAuthorizationHeaderUntil", "must be left out: the policy does not allow secrets in such a header")...)
	}
	if spec.EffectiveProfile() == v1alpha1.ProfileOAuth1 && slices.Contains(spec.EffectiveSignatureMethods(), v1alpha1.SignaturePLAINTEXT) {
		denials = append(denials, p.deny("spec.oauth1.signatureMethods", "must not hold PLAINTEXT, which the policy does not allow")...)
	}
	return denials
}

func checkGrantDuration(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	longest := cmp.Or(rules.MaxGrantDurationDays, maxGrantDurationDays)
	if days := spec.EffectiveGrantDurationDays(); days > longest {
		return p.deny("spec.grantDurationDays", "must be at most %d, which the policy allows, and is %d", longest, days)
	}
	return nil
}

func checkTokenLifetime(p Policy, rules *v1alpha1.ClientRules, spec *v1alpha1.OAuthClientSpec) []Denial {
	longest := cmp.Or(rules.MaxAccessTokenLifetimeSeconds, maxAccessTokenLifetimeSeconds)
	if seconds := spec.EffectiveAccessTokenLifetimeSeconds(); seconds > longest {
		return p.deny("spec.accessTokenLifetimeSeconds", "must be at most %d, which the policy allows, and is %d", longest, seconds)
	}
	return nil
}
