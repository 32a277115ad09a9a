// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func TestN323AGivenSecretIsLongPrintableASCIIAndNothingElse(t *testing.T) {
	const good = "0123456789abcdef0123456789abcdef"
	for secret, want := range map[string]string{
		good: "", strings.Repeat("~", 256): "", good[:16] + " " + good[:15]: "", `{"a":"` + good + `"}`: "",
		"": "fewer", good[:31]: "fewer", strings.Repeat("x", 257): "more than",
		good + "\n": "line break", "\r\n" + good: "line break", " " + good: "blank", good + "\u00a0": "blank",
		good + "\x00y": "printable", good + "\ty": "printable", good + "\u00e9": "printable", good + "\x7f": "printable", good + "\xff": "printable",
	} {
		err := credential.CheckGiven(secret)
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", secret, err, want)
		}
		if err != nil && strings.Contains(err.Error(), good[:8]) {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
}

func TestAGivenIDFollowsFromSecretObjectAndKeyAlone(t *testing.T) {
	key := credential.NewKey()
	id := credential.GivenID(key, "uid", "secret")
	if id != credential.GivenID(key, "uid", "secret") || !credential.IsGiven(id) || len(id) > 64 {
		t.Errorf("the ID is %q", id)
	}
	for name, other := range map[string]string{
		"another secret": credential.GivenID(key, "uid", "secret2"),
		"another object": credential.GivenID(key, "uid2", "secret"),
		"another key":    credential.GivenID(credential.NewKey(), "uid", "secret"),
		"a first ID":     credential.FirstID("uid", ""),
	} {
		if other == id {
			t.Errorf("%s has the same ID", name)
		}
	}
	if credential.IsGiven(credential.NewID()) || credential.IsGiven(credential.FirstID("uid", "")) {
		t.Error("a generated ID is taken for a given one")
	}
}
