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
