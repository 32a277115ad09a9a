// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The defaults of the API, for objects that came past them.
const (
	defaultGrantDays     = 90
	maxGrantDays         = 90
	defaultTokenLifetime = 3600 * time.Second
)

const day = 24 * time.Hour

// Reasons why an object is not served, for the log.
const (
	reasonUnseen     = "" // the operator has not seen it yet, or it is being deleted: nothing to tell
	reasonClientID   = "its status names a client ID that is not its own"
	reasonProfile    = "its profile is not known to this version"
	reasonType       = "its type is not known to this version"
	reasonUnreadable = "it cannot be read"
)

// clientOf returns the client that the object declares, without its owned scopes: those
// depend on the other objects. An object that is not served gives nil and the reason.
//
// A client ID is taken from no field that somebody could write: it follows from the
// object's own name, and the status has to agree.
func clientOf(oc *v1alpha1.OAuthClient) (*authserver.Client, string) {
	id := v1alpha1.ClientIDOf(oc)
	switch {
	case !oc.DeletionTimestamp.IsZero() || oc.Status.ClientID == "" || oc.UID == "":
		return nil, reasonUnseen
	case oc.Status.ClientID != id:
		return nil, reasonClientID
	case oc.Spec.Profile != "" && oc.Spec.Profile != v1alpha1.ProfileOAuth2:
		return nil, reasonProfile
	case oc.Spec.Type != "" && oc.Spec.Type != v1alpha1.ClientTypeConfidential && oc.Spec.Type != v1alpha1.ClientTypePublic:
		return nil, reasonType
	}
	spec := &oc.Spec
	return &authserver.Client{
		UID: string(oc.UID), ID: id, Namespace: oc.Namespace, Name: oc.Name,
		DisplayName: cmp.Or(spec.DisplayName, oc.Name), Description: spec.Description,

		Profile:             authserver.ProfileOAuth2,
		Public:              spec.Type == v1alpha1.ClientTypePublic,
		CallbackURLs:        spec.CallbackURLs,
		GrantTypes:          grantTypes(spec.GrantTypes),
		Scopes:              scopeNames(spec.Scopes),
		GrantDuration:       grantDuration(spec.GrantDurationDays),
		AccessTokenLifetime: tokenLifetime(spec.AccessTokenLifetimeSeconds),
		Consent:             consent(spec.Consent),
		EveryoneEntitled:    spec.Entitlement == v1alpha1.EntitlementEveryone,

		Ready:       !spec.Suspend && meta.IsStatusConditionPresentAndEqual(oc.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue),
		Suspended:   spec.Suspend,
		Credentials: credentials(oc.Status.Credentials),
	}, ""
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
			out = append(out, authserver.Scope{Name: string(s.Name), Description: s.Description})
		}
		seen[s.Name] = true
	}
	return out
}

// grantTypes leaves out what this version does not know.
func grantTypes(in []v1alpha1.GrantType) []authserver.GrantType {
	if len(in) == 0 {
		return []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken}
	}
	var out []authserver.GrantType
	for _, g := range in {
		switch g {
		case v1alpha1.GrantTypeAuthorizationCode:
			out = append(out, authserver.GrantAuthorizationCode)
		case v1alpha1.GrantTypeRefreshToken:
			out = append(out, authserver.GrantRefreshToken)
		case v1alpha1.GrantTypeClientCredentials:
			out = append(out, authserver.GrantClientCredentials)
		}
	}
	return out
}

func scopeNames(in []v1alpha1.Scope) []string {
	var out []string
	for _, s := range in {
		out = append(out, string(s))
	}
	return out
}

func grantDuration(days int32) time.Duration {
	if days <= 0 {
		days = defaultGrantDays
	}
	return time.Duration(min(days, maxGrantDays)) * day
}

func tokenLifetime(seconds int32) time.Duration {
	if seconds <= 0 {
		return defaultTokenLifetime
	}
	return time.Duration(seconds) * time.Second
}

// consent asks the owner each time where a policy is not known.
func consent(p v1alpha1.ConsentPolicy) authserver.ConsentPolicy {
	switch p {
	case v1alpha1.ConsentRemember, "":
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
