// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"os"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// The API server makes the message of every validation of a policy, also of those that hold, and
// does so for each OAuthClientPolicy of the cluster. One validation makes one message.
func TestAPolicyOfAdmissionMakesOneMessage(t *testing.T) {
	for _, name := range []string{"oauthclients", "resourceservers"} {
		text, err := os.ReadFile("../../config/policy/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n---\n")
		p := &admissionv1.ValidatingAdmissionPolicy{}
		if err := yaml.UnmarshalStrict([]byte(first), p); err != nil {
			t.Fatal(err)
		}
		if len(p.Spec.Validations) != 1 || !strings.HasPrefix(p.Spec.Validations[0].MessageExpression, "variables.foreign ? '' : ") {
			t.Errorf("%s has %d validations, want one whose message asks first whether the policy counts", name, len(p.Spec.Validations))
		}
	}
}
