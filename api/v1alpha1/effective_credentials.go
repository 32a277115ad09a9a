// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"cmp"
	"time"
)

const (
	defaultRotationOverlap = 24 * time.Hour
	maxRotationOverlap     = 720 * time.Hour
	maxRotationWait        = 2160 * time.Hour
)

// FromGivenSecret reports whether somebody else makes the client secret.
func (c *CredentialsSpec) FromGivenSecret() bool { return c.Source == SourceFromSecret }

// GivenSecret returns the name of the Secret that holds the client secret, and the key in it. Empty:
// the spec names none.
func (c *CredentialsSpec) GivenSecret() (name, key string) {
	if !c.FromGivenSecret() || c.FromSecret == nil {
		return "", ""
	}
	return string(c.FromSecret.Name), cmp.Or(string(c.FromSecret.Key), KeyClientSecret)
}

// RotationInterval returns how long a client secret is used before the next one is made. Zero: until
// somebody asks for another one.
func (c *CredentialsSpec) RotationInterval() time.Duration {
	if c.Rotation == nil || c.Rotation.IntervalDays <= 0 {
		return 0
	}
	return time.Duration(c.Rotation.IntervalDays) * 24 * time.Hour
}

// RotationOverlap returns how long an old client secret is accepted beside the new one.
func (c *CredentialsSpec) RotationOverlap() time.Duration {
	if c.Rotation == nil || c.Rotation.OverlapHours <= 0 {
		return defaultRotationOverlap
	}
	return min(time.Duration(c.Rotation.OverlapHours)*time.Hour, maxRotationOverlap)
}

// RotationLimit returns how long an old client secret is accepted beside the new one at most, whoever
// uses it. It is the overlap unless a rotation waits for use.
func (c *CredentialsSpec) RotationLimit() time.Duration {
	overlap := c.RotationOverlap()
	if c.Rotation == nil || c.Rotation.WaitForUse == nil {
		return overlap
	}
	return max(overlap, min(time.Duration(c.Rotation.WaitForUse.LimitHours)*time.Hour, maxRotationWait))
}

// EffectiveType returns the type of the Secret.
func (t *SecretTemplate) EffectiveType() SecretType { return cmp.Or(t.Type, SecretTypeDefault) }

// NameOf returns under which key of the Secret a standard value is. Nil renames none.
func (k *SecretKeys) NameOf(standard string) string {
	if k == nil {
		return standard
	}
	var renamed SecretKey
	switch standard {
	case KeyClientID:
		renamed = k.ClientID
	case KeyClientSecret:
		renamed = k.ClientSecret
	case KeyPreviousClientSecret:
		renamed = k.PreviousClientSecret
	case KeyIssuer:
		renamed = k.Issuer
	case KeyRequestTokenEndpoint:
		renamed = k.RequestTokenEndpoint
	case KeyAuthorizationEndpoint:
		renamed = k.AuthorizationEndpoint
	case KeyTokenEndpoint:
		renamed = k.TokenEndpoint
	case KeyAccessTokenEndpoint:
		renamed = k.AccessTokenEndpoint
	case KeyRevocationEndpoint:
		renamed = k.RevocationEndpoint
	case KeyIntrospectionEndpoint:
		renamed = k.IntrospectionEndpoint
	case KeyVerificationEndpoint:
		renamed = k.VerificationEndpoint
	case KeyIdentityEndpoint:
		renamed = k.IdentityEndpoint
	case KeyUserInfoEndpoint:
		renamed = k.UserInfoEndpoint
	case KeyKeysURI:
		renamed = k.KeysURI
	case KeyEndSessionEndpoint:
		renamed = k.EndSessionEndpoint
	}
	return cmp.Or(string(renamed), standard)
}
