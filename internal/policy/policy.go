// SPDX-License-Identifier: Apache-2.0

// Package policy decides whether an object of a namespace may have what its spec asks for.
// The operator says so in the condition Accepted, and the authorization server serves only
// what it allows. Both ask here, so they never disagree. The ValidatingAdmissionPolicies in
// config/policy say the same in CEL when an object is applied, as an early answer.
//
// It knows neither program. There is no I/O here: the caller brings the policy, the labels of
// the namespace and the object.
package policy

import (
	"cmp"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Denial is one thing in a spec that the policy does not allow.
type Denial struct {
	// Policy is the name of the policy that decided.
	Policy string
	// Field is the path of the field, for instance spec.consent.
	Field string
	// Message says what is wrong and what to do, in one sentence after the field's name.
	Message string
}

// String returns the denial as a person reads it in a condition.
func (d Denial) String() string {
	return d.Field + " " + d.Message + " (OAuthClientPolicy " + d.Policy + ")"
}

// NameFor returns the name of the policy of a namespace with these labels.
func NameFor(namespaceLabels map[string]string) string {
	return cmp.Or(namespaceLabels[v1alpha1.LabelPolicy], v1alpha1.DefaultPolicy)
}

// Policy is the policy of one namespace. Spec is nil where no policy of the name exists: then
// nothing is allowed.
type Policy struct {
	Name      string
	Namespace string
	Spec      *v1alpha1.OAuthClientPolicySpec
}
