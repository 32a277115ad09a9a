// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// wait is how long the API server may take to notice something.
const wait = time.Minute

// What a policy allows and is a risk comes back as a warning, and nothing else does.
func TestWhatIsRiskyWarns(t *testing.T) {
	f := setUp(t)
	in := func(days int) string {
		return time.Now().Add(time.Duration(days) * 24 * time.Hour).UTC().Format(time.RFC3339)
	}
	for spec, want := range map[string][]string{
		`{` + anyCallback + `}`: nil,
		`{` + anyCallback + `, consent: Prompt, entitlement: Bound, oauth2: {pkce: Required}}`:                          nil,
		`{` + anyCallback + `, consent: Skip}`:                                                                          {"spec.consent is Skip"},
		`{` + anyCallback + `, entitlement: Everyone}`:                                                                  {"spec.entitlement is Everyone"},
		`{` + anyCallback + `, oauth2: {pkce: Optional}, consent: Skip}`:                                                {"spec.consent is Skip", "spec.oauth2.pkce is Optional"},
		`{` + anyCallback + `, profile: OAuth1, oauth1: {signatureMethods: [HMAC-SHA256]}}`:                             nil,
		`{` + anyCallback + `, profile: OAuth1, oauth1: {signatureMethods: [PLAINTEXT]}}`:                               {"spec.oauth1.signatureMethods holds PLAINTEXT"},
		`{` + anyCallback + `, profile: IntegrationCloud, integrationCloud: {allowSecretInURLUntil: "` + in(89) + `"}}`: nil,
		`{` + anyCallback + `, profile: IntegrationCloud, integrationCloud: {allowSecretInURLUntil: "` + in(365) + `"}}`: {
			"allowSecretInURLUntil is " + in(365)[:11],
		},
		`{` + anyCallback + `, profile: ConnectionsCloudOAuth1, connectionsCloud: {allowSecretInURLUntil: "` + in(91) + `"}}`: {
			"allowSecretInURLUntil is " + in(91)[:11],
		},
		`{` + anyCallback + `, profile: ConnectionsCloudOAuth2, connectionsCloud: {allowSecretInURLUntil: "` + in(1) +
			`", allowSecretInAuthorizationHeaderUntil: "` + in(91) + `"}}`: {"allowSecretInAuthorizationHeaderUntil is " + in(91)[:11]},
	} {
		f.warnings.Take()
		if err := f.warned.Create(t.Context(), f.oauthClient(t, "everything", spec), client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		f.wantWarnings(t, spec, want)
	}
}

// wantWarnings demands that the warnings since the last call begin as those of want.
func (f *fixture) wantWarnings(t *testing.T, what string, want []string) {
	t.Helper()
	const ours = "Validation failed for ValidatingAdmissionPolicy 'gatehouse-warnings' with binding 'gatehouse-warnings': "
	got := f.warnings.Take()
	for i, warning := range got {
		if i >= len(want) || !strings.HasPrefix(warning, ours+want[i]) {
			t.Errorf("%s: warning %q", what, warning)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d warnings, want %d", what, len(got), len(want))
	}
}

// Whoever applies an object again, or labels it, was warned before.
func TestWhatWasWarnedOfWarnsNoMore(t *testing.T) {
	f := setUp(t)
	oc := f.oauthClient(t, "everything", `{`+anyCallback+`, entitlement: Everyone}`)
	oc.Labels = map[string]string{"a": "b"}
	if err := f.warned.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	f.wantWarnings(t, "create", []string{"spec.entitlement is Everyone"})
	for patch, want := range map[string][]string{
		`{"metadata": {"labels": {"a": "c"}}}`:     nil,
		`{"spec": {"entitlement": "Everyone"}}`:    nil,
		`{"spec": {"displayName": "Changed"}}`:     {"spec.entitlement is Everyone"},
		`{"spec": {"entitlement": "Bound"}}`:       nil,
		`{"metadata": {"annotations": {"a": ""}}}`: nil,
	} {
		if err := f.warned.Patch(t.Context(), oc.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll); err != nil {
			t.Fatal(err)
		}
		f.wantWarnings(t, patch, want)
	}
}

// An expression that names a field that does not exist is an error at run time, and the object would be admitted. The
// controller manager checks each expression against the schemas.
func TestEveryExpressionFitsTheSchemas(t *testing.T) {
	f := setUp(t)
	testenv.StartWithControllers(t)
	for _, name := range []string{"gatehouse-oauthclients", "gatehouse-resourceservers", "gatehouse-warnings"} {
		policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
		testenv.Eventually(t, wait, name+" is checked", func() bool {
			if err := f.Client.Get(t.Context(), client.ObjectKey{Name: name}, policy); err != nil {
				t.Fatal(err)
			}
			return policy.Status.TypeChecking != nil && policy.Status.ObservedGeneration == policy.Generation
		})
		for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s: %s", name, warning.FieldRef, warning.Warning)
		}
	}
}
