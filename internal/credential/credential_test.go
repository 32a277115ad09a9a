// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

const (
	uid = "6f1f7c2e-0d0b-4a52-9d3a-0c8f0d9b7a11"
	id  = "abcdefghij234"
)

// key returns the key whose bytes are all b.
func key(t *testing.T, b byte) credential.Key {
	t.Helper()
	k, err := credential.ParseKey(bytes.Repeat([]byte{b}, credential.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// counting returns the key 00 01 02 ... 1f.
func counting(t *testing.T) credential.Key {
	t.Helper()
	b := make([]byte, credential.KeySize)
	for i := range b {
		b[i] = byte(i)
	}
	k, err := credential.ParseKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The expected values come from a second implementation of RFC 5869 and RFC 2104
// in another language: they may never change, or every client loses its secret.
func TestSecretsAndVerifiersNeverChange(t *testing.T) {
	for _, row := range []struct {
		name, uid, id    string
		key              credential.Key
		secret, verifier string
	}{
		{
			name: "zero bytes, empty names", key: key(t, 0),
			secret:   "ghs_gnqBmN6AI7tO6ACwacuiMwhp3GoZZQ0rrxjaEStOOPy25x8aa",
			verifier: "-GlwItKvq8MNGHuW9vZ6wnaC8-lNr7NBIgwMHptcbgg",
		},
		{
			name: "counting bytes", key: counting(t), uid: uid, id: id,
			secret:   "ghs_2S05xqb0IVeec0Fg1i8XifTmIRxCAQoqr2ywYQryCnJ4amRR0",
			verifier: "JqTRZucDywYj01lOAki3O6jr-aSvHkh5pyEF2FK4lYw",
		},
		{
			name: "highest bytes", key: key(t, 0xff), uid: uid, id: id,
			secret:   "ghs_4QVKSmFb1H5KwrXZEsBvLyqtp5q3PWerpINKuoUvbhp3NHXH0",
			verifier: "RHS5IE6wFRDZ5NFemzkS9iHwTViB66BXtMevtNRQzmI",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			secret := credential.Derive(row.key, row.uid, row.id)
			if secret != row.secret {
				t.Errorf("Derive = %q, want %q", secret, row.secret)
			}
			if got := credential.Verifier(row.key, row.uid, row.id, secret); got != row.verifier {
				t.Errorf("Verifier = %q, want %q", got, row.verifier)
			}
			if !credential.Verify(row.key, row.uid, row.id, row.secret, row.verifier) {
				t.Error("Verify refuses its own verifier")
			}
			if !credential.WellFormed(row.secret) {
				t.Error("the secret is not well formed")
			}
		})
	}
}

func TestEveryInputChangesTheSecret(t *testing.T) {
	secrets := map[string]string{}
	for _, row := range []struct {
		name, uid, id string
		key           credential.Key
	}{
		{name: "base", key: key(t, 1), uid: "ab", id: "cd"},
		{name: "another key", key: key(t, 2), uid: "ab", id: "cd"},
		{name: "another client", key: key(t, 1), uid: "aB", id: "cd"},
		{name: "another credential", key: key(t, 1), uid: "ab", id: "cD"},
		{name: "a byte moved to the credential", key: key(t, 1), uid: "a", id: "bcd"},
		{name: "a byte moved to the client", key: key(t, 1), uid: "abc", id: "d"},
		{name: "all in the client", key: key(t, 1), uid: "abcd"},
		{name: "all in the credential", key: key(t, 1), id: "abcd"},
		{name: "swapped", key: key(t, 1), uid: "cd", id: "ab"},
	} {
		secret := credential.Derive(row.key, row.uid, row.id)
		if other, twice := secrets[secret]; twice {
			t.Errorf("%q and %q have one secret", row.name, other)
		}
		secrets[secret] = row.name
	}
}

func TestAVerifierBelongsToOneSecretOfOneClientUnderOneKey(t *testing.T) {
	secret := credential.Derive(key(t, 1), "ab", "cd")
	verifier := credential.Verifier(key(t, 2), "ab", "cd", secret)
	for _, row := range []struct {
		name                      string
		key                       credential.Key
		uid, id, secret, verifier string
		want                      bool
	}{
		{name: "its own", key: key(t, 2), uid: "ab", id: "cd", secret: secret, verifier: verifier, want: true},
		{name: "another key", key: key(t, 1), uid: "ab", id: "cd", secret: secret, verifier: verifier},
		{name: "another client", key: key(t, 2), uid: "ac", id: "cd", secret: secret, verifier: verifier},
		{name: "another credential", key: key(t, 2), uid: "ab", id: "ce", secret: secret, verifier: verifier},
		{name: "a byte moved", key: key(t, 2), uid: "a", id: "bcd", secret: secret, verifier: verifier},
		{name: "a byte moved into the secret", key: key(t, 2), uid: "ab", id: "c", secret: "d" + secret, verifier: verifier},
		{name: "a shorter secret", key: key(t, 2), uid: "ab", id: "cd", secret: secret[:52], verifier: verifier},
		{name: "no secret", key: key(t, 2), uid: "ab", id: "cd", verifier: verifier},
		{name: "no verifier", key: key(t, 2), uid: "ab", id: "cd", secret: secret},
		{name: "a shorter verifier", key: key(t, 2), uid: "ab", id: "cd", secret: secret, verifier: verifier[:42]},
		{name: "a padded verifier", key: key(t, 2), uid: "ab", id: "cd", secret: secret, verifier: verifier + "="},
		{name: "the secret as verifier", key: key(t, 2), uid: "ab", id: "cd", secret: secret, verifier: secret},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := credential.Verify(row.key, row.uid, row.id, row.secret, row.verifier); got != row.want {
				t.Errorf("Verify = %v, want %v", got, row.want)
			}
		})
	}
}

func TestOneChangedCharacterIsNotWellFormed(t *testing.T) {
	secret := credential.Derive(credential.NewKey(), uid, id)
	for i := range secret {
		changed := []byte(secret)
		changed[i] = '0'
		if secret[i] == '0' {
			changed[i] = '1'
		}
		if credential.WellFormed(string(changed)) {
			t.Errorf("character %d changed and still well formed", i)
		}
	}
	for _, other := range []string{"", "ghs_", secret + "0", secret[1:], " " + secret, secret + "\n"} {
		if credential.WellFormed(other) {
			t.Errorf("WellFormed(%d bytes) = true", len(other))
		}
	}
}

func TestCredentialIDsAreRandomAndFitALabel(t *testing.T) {
	form := regexp.MustCompile(`^[a-z2-7]{13}$`)
	seen := map[string]bool{}
	for range 10_000 {
		id := credential.NewID()
		if !form.MatchString(id) {
			t.Fatalf("NewID = %q", id)
		}
		if seen[id] {
			t.Fatalf("NewID gave %q twice", id)
		}
		seen[id] = true
	}
}

func FuzzWellFormed(f *testing.F) {
	f.Add("")
	f.Add("ghs_000000000000000000000000000000000000000000028U4NG")
	f.Add("ghs_2S05xqb0IVeec0Fg1i8XifTmIRxCAQoqr2ywYQryCnJ4amRR0")
	f.Add("ghs_!S05xqb0IVeec0Fg1i8XifTmIRxCAQoqr2ywYQryCnJ4amRR0")
	form := regexp.MustCompile(`\Aghs_[0-9A-Za-z]{49}\z`)
	f.Fuzz(func(t *testing.T, s string) {
		if credential.WellFormed(s) && !form.MatchString(s) {
			t.Errorf("WellFormed(%q) = true", s)
		}
	})
}

// What is derived must never change: Secrets and statuses of running clusters hold it.
func TestWhatIsDerivedBesideASecretNeverChanges(t *testing.T) {
	const uid, id = "6f1f7c2e-0d0b-4a52-9d3a-0c8f0d9b7a11", "abcdefghijk23"
	k := counting(t)
	for name, row := range map[string]struct{ got, want string }{
		"first ID":                  {credential.FirstID(uid, ""), "ja77soly5w2ap"},
		"first ID after a reset":    {credential.FirstID(uid, "1"), "csndjqsbgteza"},
		"secret of a signed client": {credential.DeriveSigned(k, uid, id), "ghs_4JZSsyy1ftkyWQA2y2pKTbuuGuNXLISM4h6h7xU4PcD3BksJO"},
		"generated value":           {credential.DeriveValue(k, uid, "cookie-secret", 50), "JXjFfmPnhCKMYOFzANk7VzK3g6leYO4T7wcBSIjCMT5CZ6bWy5"},
		"record":                    {credential.Record(k, uid, id), "hCbjLhcCiU9Q3f68wljTw_SWjlZz5pDOnFt8Oz1vKSw"},
		"client authentication":     {credential.ProveAuthentication(k, uid, []string{id}), "rDbxTXi_9-S40mD0pnPjiYj5oMBGhdd397Gb239Ya0A"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %s, want %s", name, row.got, row.want)
		}
	}
	if credential.DeriveSigned(k, uid, id) == credential.Derive(k, uid, id) {
		t.Error("a signed client's secret comes from the key itself")
	}
	for length := 16; length <= 128; length++ {
		if got := credential.DeriveValue(k, uid, "x", length); len(got) != length || strings.Trim(got, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
			t.Errorf("a generated value of %d characters: %q", length, got)
		}
	}
	if credential.DeriveValue(k, uid, "x", 32) == credential.DeriveValue(k, uid, "y", 32) || credential.DeriveValue(k, uid, "x", 32) == credential.DeriveValue(k, "other", "x", 32) {
		t.Error("two names, or two objects, have one value")
	}
	mac := credential.Record(k, "a", "bc")
	if !credential.VerifyRecord(k, mac, "a", "bc") || credential.VerifyRecord(k, mac, "ab", "c") || credential.VerifyRecord(key(t, 1), mac, "a", "bc") {
		t.Error("a record proves other parts, or another key")
	}
}
