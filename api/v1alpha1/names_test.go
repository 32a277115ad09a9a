// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/endpoints"
)

// profiles are all there are.
var profiles = []v1alpha1.Profile{
	v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2,
	v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud,
}

// standardKeys are the keys that the Secret of a client of any profile has before any renaming.
func standardKeys() []string {
	keys := []string{v1alpha1.KeyClientID, v1alpha1.KeyClientSecret, v1alpha1.KeyPreviousClientSecret, v1alpha1.KeyIssuer}
	keys = slices.AppendSeq(keys, maps.Keys(endpoints.OfResourceServer("https://auth.example.com")))
	for _, profile := range profiles {
		keys = slices.AppendSeq(keys, maps.Keys(endpoints.Of(profile, "https://auth.example.com")))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// The tests of this package name the profiles again: they must not miss one.
func TestTheTestsKnowEveryProfile(t *testing.T) {
	spec := customResourceDefinition(t, "OAuthClient").Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	var declared []v1alpha1.Profile
	for _, value := range spec.Properties["profile"].Enum {
		if name := strings.Trim(string(value.Raw), `"`); name != "" { // empty is absent
			declared = append(declared, v1alpha1.Profile(name))
		}
	}
	if diff := cmp.Diff(declared, profiles); diff != "" {
		t.Errorf("(-declared +known)\n%s", diff)
	}
}

// The rules of secretTemplate list the keys again: CEL cannot read Go.
func TestTheRulesOfKeysNameEveryStandardKey(t *testing.T) {
	spec := customResourceDefinition(t, "OAuthClient").Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	template := spec.Properties["credentials"].Properties["secretTemplate"]
	for _, rule := range []string{template.XValidations[0].Rule, template.Properties["keys"].XValidations[0].Rule} {
		for _, key := range standardKeysInOrder {
			if !strings.Contains(rule, " : '"+key+"'") {
				t.Errorf("the rule does not name %s: %s", key, rule)
			}
		}
	}
	if diff := cmp.Diff(standardKeys(), slices.Sorted(maps.Keys(template.Properties["keys"].Properties))); diff != "" {
		t.Errorf("standard keys of the code and fields of secretTemplate.keys differ:\n%s", diff)
	}
	if diff := cmp.Diff(standardKeys(), slices.Sorted(slices.Values(standardKeysInOrder))); diff != "" {
		t.Errorf("standard keys of the code and of this test differ:\n%s", diff)
	}
	for _, key := range standardKeysInOrder {
		for _, keys := range []*v1alpha1.SecretKeys{nil, {}} {
			if got := keys.NameOf(key); got != key {
				t.Errorf("%s is named %s", key, got)
			}
		}
	}
}

// standardKeysInOrder are the standard keys in the order in which the documentation lists them.
var standardKeysInOrder = []string{
	v1alpha1.KeyClientID, v1alpha1.KeyClientSecret, v1alpha1.KeyPreviousClientSecret, v1alpha1.KeyIssuer, v1alpha1.KeyRequestTokenEndpoint,
	v1alpha1.KeyAuthorizationEndpoint, v1alpha1.KeyTokenEndpoint, v1alpha1.KeyAccessTokenEndpoint,
	v1alpha1.KeyRevocationEndpoint, v1alpha1.KeyIntrospectionEndpoint, v1alpha1.KeyVerificationEndpoint,
	v1alpha1.KeyIdentityEndpoint, v1alpha1.KeyUserInfoEndpoint, v1alpha1.KeyKeysURI, v1alpha1.KeyEndSessionEndpoint,
}

func TestAnOAuthClientIsKnownByTheClientIDItNames(t *testing.T) {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: "photos", Name: "photoprint"}}
	if got := v1alpha1.ClientIDOf(oc); got != "photos.photoprint" {
		t.Errorf("without one: %q", got)
	}
	oc.Spec.ClientID = "app_1"
	if got := v1alpha1.ClientIDOf(oc); got != "app_1" {
		t.Errorf("with one: %q", got)
	}
}

func TestTheLongestNamesGiveAValidClientIDAndSecretName(t *testing.T) {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{
		Namespace: strings.Repeat("n", validation.DNS1123LabelMaxLength), Name: strings.Repeat("o", 189),
	}}
	for what, name := range map[string]string{"client ID": v1alpha1.ClientIDOf(oc), "Secret": v1alpha1.SecretNameOf(oc)} {
		if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
			t.Errorf("%s %q: %v", what, name, faults)
		}
	}
}

func TestACopyOfASecretTemplateIsItsOwn(t *testing.T) {
	template := v1alpha1.SecretTemplate{
		Labels: map[string]v1alpha1.LabelValue{"team": "prints"}, Annotations: map[string]v1alpha1.AnnotationValue{"note": "a"},
	}
	oc := &v1alpha1.OAuthClient{Spec: v1alpha1.OAuthClientSpec{Credentials: v1alpha1.CredentialsSpec{SecretTemplate: template}}}
	copied := oc.DeepCopy()
	if diff := cmp.Diff(oc, copied); diff != "" {
		t.Fatalf("the copy differs:\n%s", diff)
	}
	clear(template.Labels)
	clear(template.Annotations)
	got := copied.Spec.Credentials.SecretTemplate
	if len(got.Labels) != 1 || len(got.Annotations) != 1 {
		t.Errorf("a change of the original reached the copy: %v", got)
	}
}
