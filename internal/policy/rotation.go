// SPDX-License-Identifier: Apache-2.0

package policy

import "github.com/gatehouse-dev/gatehouse/api/v1alpha1"

// rotation returns what the policy demands of the rotation of a client secret and the object does not have. An
// object without a client secret has nothing to rotate.
func (p Policy) rotation(c *v1alpha1.CredentialsSpec, public bool) []Denial {
	limit := p.Spec.Secrets.MaxRotationIntervalDays
	if limit <= 0 || public {
		return nil
	}
	switch c.Source {
	case "", v1alpha1.SourceGenerate:
	case v1alpha1.SourceFromSecret:
		return p.deny("spec.credentials.source", "must be Generate: the policy demands that client secrets are renewed, and nothing renews a given one")
	default: // no client secret is made
		return nil
	}
	if c.Rotation == nil || c.Rotation.IntervalDays < 1 || c.Rotation.IntervalDays > limit {
		return p.deny("spec.credentials.rotation.intervalDays", "must be from 1 to %d: the policy demands that client secrets are renewed that often", limit)
	}
	return nil
}
