// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/callback"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

const day = 24 * time.Hour

// Reasons why an object is not served, or only a part of it, for the log. What a policy denies has
// the words of the denial.
const (
	reasonClientID   = "its status names a client ID that is not its own"
	reasonRestored   = "its status was made for another object: it was restored from a backup"
	reasonTakenOver  = "its status does not prove that it goes on with the identity that it names: see status.takenOver"
	reasonUnproven   = "its status does not prove that the operator named its public keys or ServiceAccounts, so none of them is accepted: see status.clientAuthentication"
	reasonLooksLike  = "it brings a client ID that looks like another object's"
	reasonClaim      = "its status does not record that it holds all that it claims, or another object's status says the same: see status.claims"
	reasonNamespace  = "its namespace is not known yet"
	reasonProfile    = "its profile is not known to this version"
	reasonType       = "its client type is not known to this version"
	reasonUnreadable = "it cannot be read"
)

// clientOf returns the client that the object declares, and what is to be logged of it. One that is
// not served is nil. It needs the lock.
//
// Nothing is taken from the operator's word but what it alone can know: the credentials, the
// claims and that it has seen the object. A client ID is taken from no status: it follows from the
// object's own name and spec, and the status has to agree.
func (r *Registry) clientOf(o *oauthClient) (*authserver.Client, string) {
	if o.gone || o.unserved != "" {
		return nil, o.unserved
	}
	if ok, reason := r.mayGoOn(&o.object); !ok {
		return nil, reason
	}
	if o.spec.ClientID != "" && !r.clientClaims.holds(o, policy.Claim{Kind: v1alpha1.ClaimClientID, Name: o.id}) {
		return nil, reasonClaim
	}
	p, known := r.policyOf(o.Namespace)
	if !known {
		return nil, reasonNamespace
	}
	denials := p.Client(o.spec)
	c := declaredClient(o)
	c.SecondFactor = p.SecondFactor(o.spec)
	c.Accepted = len(denials) == 0 && !o.spec.Suspend && o.mistake == ""
	c.Scopes, c.ScopesWithoutOwner = r.scopesOf(o, r.namespaces.all[o.Namespace].Labels)
	assertions, unproven := r.assertionsOf(&o.object)
	c.Assertions = assertions
	reason := cmp.Or(firstOf(denials), o.mistake, unproven)
	for _, u := range o.spec.CallbackURLs {
		address, claimed := callback.Address(string(u))
		switch {
		case claimed && !r.clientClaims.holds(o, policy.Claim{Kind: v1alpha1.ClaimCallback, Name: address}):
			reason = reasonClaim
		case callback.Classify(string(u)) != callback.Invalid:
			c.CallbackURLs = append(c.CallbackURLs, string(u))
		}
	}
	return c, reason
}

// declaredClient returns what the object alone says of its client.
func declaredClient(o *oauthClient) *authserver.Client {
	spec, profile := o.spec, authserver.Profile(o.spec.EffectiveProfile())
	traits := profiles[profile]
	c := authserver.Client{
		UID: o.identity(), ID: o.id, Namespace: o.Namespace, Name: o.Name,
		DisplayName: cmp.Or(string(spec.DisplayName), o.Name), Description: string(spec.Description),

		Profile:             profile,
		Public:              spec.Public(),
		GrantTypes:          grantTypes(spec.EffectiveGrantTypes(), traits),
		GrantDuration:       time.Duration(spec.EffectiveGrantDurationDays()) * day,
		AccessTokenLifetime: time.Duration(spec.EffectiveAccessTokenLifetimeSeconds()) * time.Second,
		Consent:             consent(spec.EffectiveConsent()),
		EveryoneEntitled:    spec.Entitlement == v1alpha1.EntitlementEveryone,

		Suspended:   spec.Suspend,
		Credentials: o.credentials,
		GivenSecret: spec.Credentials.FromGivenSecret(),
		NotBefore:   o.notBefore.Time,
	}
	c.ExpiresAt = spec.Expiry()
	out := traits.withProfile(c, spec)
	out.OpenID.Mappings = o.mappings
	return out
}

// unknownForm returns why a spec cannot be served by this version; empty: it can.
func unknownForm(spec *v1alpha1.OAuthClientSpec) string {
	_, known := profiles[authserver.Profile(spec.EffectiveProfile())]
	kind := spec.EffectiveClientType()
	switch {
	case strings.Contains(string(spec.ClientID), "."):
		return reasonLooksLike
	case !known:
		return reasonProfile
	case kind != v1alpha1.ClientTypeConfidential && kind != v1alpha1.ClientTypePublic:
		return reasonType
	}
	return ""
}

// grantTypes leaves out what this version does not know and what the profile does not have.
func grantTypes(in []v1alpha1.GrantType, of traits) []authserver.GrantType {
	var out []authserver.GrantType
	for _, g := range in {
		if slices.Contains(of.grants, g) {
			out = append(out, spelled(g))
		}
	}
	return out
}

func spelled(g v1alpha1.GrantType) authserver.GrantType {
	switch g {
	case v1alpha1.GrantTypeRefreshToken:
		return authserver.GrantRefreshToken
	case v1alpha1.GrantTypeClientCredentials:
		return authserver.GrantClientCredentials
	default:
		return authserver.GrantAuthorizationCode
	}
}

// consent asks the owner each time where a policy is not known.
func consent(p v1alpha1.ConsentPolicy) authserver.ConsentPolicy {
	switch p {
	case v1alpha1.ConsentRemember:
		return authserver.ConsentRemember
	case v1alpha1.ConsentSkip:
		return authserver.ConsentSkip
	default:
		return authserver.ConsentPrompt
	}
}

func credentials(in []v1alpha1.CredentialStatus) []authserver.Credential {
	var out []authserver.Credential
	for _, c := range in {
		credential := authserver.Credential{ID: c.ID, Verifier: c.Verifier}
		if c.ExpiresAt != nil {
			credential.ExpiresAt = c.ExpiresAt.Time
		}
		out = append(out, credential)
	}
	return out
}
