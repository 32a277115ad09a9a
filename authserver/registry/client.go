// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

const day = 24 * time.Hour

// Reasons why an object is not served, for the log.
const (
	reasonUnseen     = "" // the operator has not seen it yet, or it is being deleted: nothing to tell
	reasonClientID   = "its status names a client ID that is not its own"
	reasonLooksLike  = "it brings a client ID that looks like another object's"
	reasonOlder      = "an older OAuthClient has its client ID"
	reasonProfile    = "its profile is not known to this version"
	reasonType       = "its type is not known to this version"
	reasonUnreadable = "it cannot be read"
)

// clientOf returns the client that the object declares, without what depends on the other
// objects: its owned scopes, and whether a client ID that it brings along is another's. An
// object that is not served gives nil and the reason.
//
// A client ID is taken from no status: it follows from the object's own name and spec, and
// the status has to agree.
func clientOf(oc *v1alpha1.OAuthClient) (*authserver.Client, string) {
	if reason, served := whyNotServed(oc); !served {
		return nil, reason
	}
	spec, profile := &oc.Spec, authserver.Profile(oc.Spec.EffectiveProfile())
	traits := profiles()[profile]
	c := &authserver.Client{
		UID: string(oc.UID), ID: v1alpha1.ClientIDOf(oc), Namespace: oc.Namespace, Name: oc.Name,
		DisplayName: cmp.Or(string(spec.DisplayName), oc.Name), Description: string(spec.Description),

		Profile:             profile,
		Public:              spec.Public(),
		CallbackURLs:        callbackURLs(spec.CallbackURLs),
		GrantTypes:          grantTypes(spec.EffectiveGrantTypes(), traits),
		Scopes:              scopeNames(spec.Scopes),
		GrantDuration:       time.Duration(spec.EffectiveGrantDurationDays()) * day,
		AccessTokenLifetime: time.Duration(spec.EffectiveAccessTokenLifetimeSeconds()) * time.Second,
		Consent:             consent(spec.EffectiveConsent()),
		EveryoneEntitled:    spec.Entitlement == v1alpha1.EntitlementEveryone,

		Ready:       !spec.Suspend && meta.IsStatusConditionPresentAndEqual(oc.Status.Conditions, string(v1alpha1.ConditionReady), metav1.ConditionTrue),
		Suspended:   spec.Suspend,
		Credentials: credentials(oc.Status.Credentials),
	}
	if at := oc.Status.ValidAfter; at != nil {
		c.NotBefore = at.Time
	}
	traits.add(c, spec)
	return c, ""
}

// whyNotServed reports whether the object is served as far as it alone decides, and if
// not, why.
func whyNotServed(oc *v1alpha1.OAuthClient) (reason string, served bool) {
	_, known := profiles()[authserver.Profile(oc.Spec.EffectiveProfile())]
	kind := oc.Spec.EffectiveClientType()
	switch {
	case !oc.DeletionTimestamp.IsZero() || oc.Status.ClientID == "" || oc.UID == "":
		return reasonUnseen, false
	case strings.Contains(string(oc.Spec.ClientID), "."):
		return reasonLooksLike, false
	case oc.Status.ClientID != v1alpha1.ClientIDOf(oc):
		return reasonClientID, false
	case !known:
		return reasonProfile, false
	case kind != v1alpha1.ClientTypeConfidential && kind != v1alpha1.ClientTypePublic:
		return reasonType, false
	}
	return "", true
}

// declaredScopes returns the scopes the object declares as a resource server, each once.
func declaredScopes(oc *v1alpha1.OAuthClient) []authserver.Scope {
	if oc.Spec.ResourceServer == nil || !oc.DeletionTimestamp.IsZero() {
		return nil
	}
	var out []authserver.Scope
	seen := map[v1alpha1.Scope]bool{}
	for _, s := range oc.Spec.ResourceServer.Scopes {
		if !seen[s.Name] {
			out = append(out, authserver.Scope{Name: string(s.Name), Description: string(s.Description)})
		}
		seen[s.Name] = true
	}
	return out
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

func scopeNames(in []v1alpha1.Scope) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

func callbackURLs(in []v1alpha1.CallbackURL) []string {
	var out []string
	for _, u := range in {
		out = append(out, string(u))
	}
	return out
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
