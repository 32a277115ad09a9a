// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"cmp"
	"slices"
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

// WithoutSecret reports whether the client proves itself with assertions, and has no client secret.
func (c *CredentialsSpec) WithoutSecret() bool {
	return c.Source == SourcePrivateKeyJWT || c.Source == SourceServiceAccount
}

// EffectiveSource returns where credentials come from: Generate where nothing is named.
func (c *CredentialsSpec) EffectiveSource() CredentialSource {
	if c.Source == "" {
		return SourceGenerate
	}
	return c.Source
}

// KeysSecret returns the name of the Secret that holds the public keys, and the key in it. Empty: the spec names none.
func (c *CredentialsSpec) KeysSecret() (name, key string) {
	if c.Source != SourcePrivateKeyJWT || c.PrivateKeyJWT == nil || c.PrivateKeyJWT.FromSecret == nil {
		return "", ""
	}
	from := c.PrivateKeyJWT.FromSecret
	if from.Key == "" {
		return string(from.Name), KeyJWKS
	}
	return string(from.Name), string(from.Key)
}

// ServiceAccountNames returns the ServiceAccounts of this cluster that are the client; nil: there are none, or its source is another one.
func (c *CredentialsSpec) ServiceAccountNames() []ServiceAccountName {
	if c.Source != SourceServiceAccount || c.ServiceAccount == nil || len(c.ServiceAccount.Clusters) > 0 && !slices.Contains(c.ServiceAccount.Clusters, InCluster) {
		return nil
	}
	return c.ServiceAccount.Names
}

// OtherClusters returns the clusters beside this one whose ServiceAccounts are the client; nil: there are none.
func (c *CredentialsSpec) OtherClusters() (others []ClusterName) {
	if c.Source != SourceServiceAccount || c.ServiceAccount == nil {
		return nil
	}
	for _, cluster := range c.ServiceAccount.Clusters {
		if cluster != InCluster {
			others = append(others, cluster)
		}
	}
	return others
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

// Stated returns what the status says of the keys or the ServiceAccounts of the spec, which the proof is over. Nil: nothing is
// taken from the status.
func (s *ClientAuthenticationStatus) Stated(c *CredentialsSpec) []string {
	secret, key := c.KeysSecret()
	if s.JWKS == "" && len(s.ServiceAccounts) == 0 || secret == "" && c.ServiceAccountNames() == nil {
		return nil
	}
	parts := []string{secret, key, s.JWKS}
	for _, account := range s.ServiceAccounts {
		parts = append(parts, string(account.Name), account.UID)
	}
	return parts
}
