// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func TestAProofOfAnAuthenticationIsForAllThatIsStated(t *testing.T) {
	k, stated := key(t, 1), []string{"keys", "jwks.json", "{}", "a", "1"}
	proof := credential.ProveAuthentication(k, "u", stated)
	if len(proof) != 43 || !credential.VerifyAuthentication(k, "u", stated, proof) {
		t.Fatalf("%q does not prove what it was made for", proof)
	}
	for _, row := range []struct {
		name     string
		key      credential.Key
		identity string
		stated   []string
		proof    string
	}{
		{"another key", key(t, 2), "u", stated, proof},
		{"another object", k, "v", stated, proof},
		{"a byte moved", k, "u", []string{"keysj", "wks.json", "{}", "a", "1"}, proof},
		{"a byte of the object moved", k, "uk", []string{"eys", "jwks.json", "{}", "a", "1"}, proof},
		{"less", k, "u", stated[:3], proof},
		{"more", k, "u", append(stated, ""), proof},
		{"nothing", k, "u", nil, proof},
		{"no proof", k, "u", stated, ""},
		{"the proof of a takeover", k, "u", stated, credential.ProveTakeover(k, credential.Takeover{Namespace: "u", Name: "keys", Identity: "jwks.json", UID: "{}"})},
	} {
		if credential.VerifyAuthentication(row.key, row.identity, row.stated, row.proof) {
			t.Errorf("%s: the proof counts", row.name)
		}
	}
}
