// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestN360TheServiceAccountOfEveryPodIsAClientOnlyWhereTheSpecSaysSo(t *testing.T) {
	env := testenv.Start(t)
	try := func(allow bool, names ...v1alpha1.ServiceAccountName) error {
		oc := newClient(t, env)
		oc.Spec.Credentials.Source = v1alpha1.SourceServiceAccount
		oc.Spec.Credentials.ServiceAccount = &v1alpha1.ServiceAccountSpec{Names: names, AllowDefault: allow}
		return env.Client.Create(t.Context(), oc)
	}
	for _, names := range [][]v1alpha1.ServiceAccountName{{"default"}, {"reporter", "default"}} {
		if err := try(false, names...); err == nil || !strings.Contains(err.Error(), "must not hold default") {
			t.Errorf("%v: %v", names, err)
		}
		if err := try(true, names...); err != nil {
			t.Errorf("%v, and allowDefault: %v", names, err)
		}
	}
	if err := try(false, "default-2"); err != nil {
		t.Errorf("a name that begins so: %v", err)
	}
}

func TestN414TheServiceAccountOfEveryPodElsewhereIsAClientOnlyWhereTheSpecSaysSo(t *testing.T) {
	env := testenv.Start(t)
	for allow, want := range map[bool]string{false: "must not hold default", true: ""} {
		oc := newClient(t, env)
		oc.Spec.Credentials.Source = v1alpha1.SourceServiceAccount
		oc.Spec.Credentials.ServiceAccount = &v1alpha1.ServiceAccountSpec{
			Names: []v1alpha1.ServiceAccountName{"reporter", "default"}, Clusters: []v1alpha1.ClusterName{"east"}, AllowDefault: allow,
		}
		err := env.Client.Create(t.Context(), oc)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("allowDefault %t: %v", allow, err)
		}
	}
}

func TestWhereAClientIsByTheNamesOfClusters(t *testing.T) {
	for name, row := range map[string]struct {
		clusters []v1alpha1.ClusterName
		here     bool
		others   int
	}{
		"no list": {nil, true, 0}, "this one": {[]v1alpha1.ClusterName{"in-cluster"}, true, 0}, "others": {[]v1alpha1.ClusterName{"east", "west"}, false, 2},
		"both": {[]v1alpha1.ClusterName{"east", "in-cluster"}, true, 1},
	} {
		c := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"a"}, Clusters: row.clusters}}
		if here := c.ServiceAccountNames() != nil; here != row.here || len(c.OtherClusters()) != row.others {
			t.Errorf("%s: it is here %t, and in %v", name, here, c.OtherClusters())
		}
		c.Source = v1alpha1.SourceGenerate
		if c.ServiceAccountNames() != nil || c.OtherClusters() != nil {
			t.Errorf("%s: another source has ServiceAccounts", name)
		}
	}
}

func TestWhereCredentialsComeFrom(t *testing.T) {
	given, keys := v1alpha1.CredentialsSpec{Source: v1alpha1.SourceFromSecret}, v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT}
	keys.PrivateKeyJWT = &v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "keys"}}
	if name, key := keys.KeysSecret(); name != "keys" || key != "jwks.json" || !keys.WithoutSecret() || given.WithoutSecret() {
		t.Errorf("the keys are in %s, %s", name, key)
	}
	if name, _ := given.KeysSecret(); name != "" {
		t.Errorf("a client secret has keys in %s", name)
	}
}
