// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// standardKeys are the keys of a client's Secret before any renaming.
func standardKeys() []string {
	keys := []string{v1alpha1.KeyClientID, v1alpha1.KeyClientSecret, v1alpha1.KeyIssuer}
	endpoints := v1alpha1.ProfileOAuth2.Endpoints("https://auth.example.com")
	return append(keys, slices.Sorted(maps.Keys(endpoints))...)
}

// The rule of secretTemplate.keys lists them again: CEL cannot read Go.
func TestTheRuleOfKeysNamesEveryStandardKey(t *testing.T) {
	spec := customResourceDefinition(t).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	keys := spec.Properties["credentials"].Properties["secretTemplate"].Properties["keys"]
	quoted := "['" + strings.Join(standardKeysInOrder, "', '") + "']"
	for _, rule := range keys.XValidations {
		if !strings.Contains(rule.Rule, quoted) {
			t.Errorf("the rule does not hold %s: %s", quoted, rule.Rule)
		}
	}
	if got, want := int(*keys.MaxProperties), len(standardKeysInOrder); got != want {
		t.Errorf("maxProperties is %d, want one for each of %d standard keys", got, want)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(standardKeys())), slices.Sorted(slices.Values(standardKeysInOrder))); diff != "" {
		t.Errorf("standard keys of the code and of this test differ:\n%s", diff)
	}
}

// standardKeysInOrder are the standard keys in the order in which the documentation lists them.
var standardKeysInOrder = []string{
	v1alpha1.KeyClientID, v1alpha1.KeyClientSecret, v1alpha1.KeyIssuer, v1alpha1.KeyAuthorizationEndpoint,
	v1alpha1.KeyTokenEndpoint, v1alpha1.KeyRevocationEndpoint, v1alpha1.KeyIntrospectionEndpoint,
}

func TestTheEndpointsStandBelowTheIssuer(t *testing.T) {
	want := map[string]string{
		"authorization-endpoint": "https://auth.example.com/oauth2/authorize",
		"token-endpoint":         "https://auth.example.com/oauth2/token",
		"revocation-endpoint":    "https://auth.example.com/oauth2/revoke",
		"introspection-endpoint": "https://auth.example.com/oauth2/introspect",
	}
	for _, issuer := range []string{"https://auth.example.com", "https://auth.example.com/"} {
		if diff := cmp.Diff(want, v1alpha1.ProfileOAuth2.Endpoints(issuer)); diff != "" {
			t.Errorf("issuer %s (-want +got):\n%s", issuer, diff)
		}
	}
}

func TestTheLongestNamesGiveAValidClientIDAndSecretName(t *testing.T) {
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{
		Namespace: strings.Repeat("n", validation.DNS1123LabelMaxLength), Name: strings.Repeat("o", 189),
	}}
	for what, name := range map[string]string{"client ID": v1alpha1.ClientIDOf(oc), "Secret": v1alpha1.DefaultSecretName(oc)} {
		if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
			t.Errorf("%s %q: %v", what, name, faults)
		}
	}
}

func TestTheOlderObjectWins(t *testing.T) {
	at := func(seconds int64, uid types.UID) *v1alpha1.OAuthClient {
		return &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{
			UID: uid, CreationTimestamp: metav1.NewTime(time.Unix(seconds, 0)),
		}}
	}
	for _, test := range []struct {
		name string
		a, b *v1alpha1.OAuthClient
		want bool
	}{
		{"earlier", at(1, "b"), at(2, "a"), true},
		{"later", at(2, "a"), at(1, "b"), false},
		{"same second, smaller UID", at(1, "a"), at(1, "b"), true},
		{"same second, greater UID", at(1, "b"), at(1, "a"), false},
		{"itself", at(1, "a"), at(1, "a"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := v1alpha1.Older(test.a, test.b); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

func TestACopyOfASecretTemplateIsItsOwn(t *testing.T) {
	template := v1alpha1.SecretTemplate{
		Labels: map[string]string{"team": "prints"}, Annotations: map[string]string{"note": "a"}, Keys: map[string]string{"issuer": "ISSUER"},
	}
	oc := &v1alpha1.OAuthClient{Spec: v1alpha1.OAuthClientSpec{Credentials: v1alpha1.CredentialsSpec{SecretTemplate: template}}}
	copied := oc.DeepCopy()
	if diff := cmp.Diff(oc, copied); diff != "" {
		t.Fatalf("the copy differs:\n%s", diff)
	}
	clear(template.Labels)
	clear(template.Annotations)
	clear(template.Keys)
	got := copied.Spec.Credentials.SecretTemplate
	if len(got.Labels) != 1 || len(got.Annotations) != 1 || len(got.Keys) != 1 {
		t.Errorf("a change of the original reached the copy: %v", got)
	}
}
