// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

func TestAKeyIsExactly32Bytes(t *testing.T) {
	for _, length := range []int{0, 1, 31, 33, 44, 64} {
		if _, err := credential.ParseKey(make([]byte, length)); err == nil {
			t.Errorf("%d bytes were taken as a key", length)
		}
	}
	k := credential.NewKey()
	back, err := credential.ParseKey(k.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !back.Equal(k) || !bytes.Equal(back.Bytes(), k.Bytes()) {
		t.Error("a key did not come back from its bytes")
	}
	if credential.NewKey().Equal(k) || (credential.Key{}).Equal(k) || k.Equal(credential.Key{}) {
		t.Error("two different keys are equal")
	}
	if !(credential.Key{}).IsZero() || k.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestBytesOfAKeyAreACopy(t *testing.T) {
	in := bytes.Repeat([]byte{7}, credential.KeySize)
	k, err := credential.ParseKey(in)
	if err != nil {
		t.Fatal(err)
	}
	in[0], k.Bytes()[1] = 0, 0
	if !k.Equal(key(t, 7)) {
		t.Error("the key changed from outside")
	}
}

func TestTheZeroKeyMakesNothing(t *testing.T) {
	for name, use := range map[string]func(){
		"Derive":   func() { credential.Derive(credential.Key{}, uid, id) },
		"Verifier": func() { credential.Verifier(credential.Key{}, uid, id, "x") },
		"Verify":   func() { credential.Verify(credential.Key{}, uid, id, "x", "y") },
		"Sub":      func() { credential.Key{}.Sub("x") },
		"Bytes":    func() { credential.Key{}.Bytes() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			use()
		})
	}
}

func TestSubKeysAreApartByPurpose(t *testing.T) {
	root := counting(t)
	const want = "cf5070d516313027432313403f30e793b86f5ad2765f3a2e07f0391143d88f56"
	if got := hex.EncodeToString(root.Sub("seal").Bytes()); got != want {
		t.Errorf("Sub(seal) = %s, want %s", got, want)
	}
	for _, other := range []credential.Key{root, root.Sub("sign"), root.Sub(""), root.Sub("seal").Sub("seal"), key(t, 1).Sub("seal")} {
		if root.Sub("seal").Equal(other) {
			t.Error("two purposes have one key")
		}
	}
}

// hidden holds a key where fmt does not call methods: in an unexported field.
type hidden struct{ inner credential.Key }

func TestAKeyIsNeverPrinted(t *testing.T) {
	k := counting(t)
	set := credential.KeySet{Keys: []credential.SetKey{{ID: "00000000", Key: k}}}
	var out bytes.Buffer
	for _, v := range []any{k, &k, []credential.Key{k}, map[string]credential.Key{"k": k}, set, set.Keys, hidden{k}, &hidden{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%p"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", v)
	}
	text := strings.ToLower(out.String())
	if !strings.Contains(text, "[redacted]") {
		t.Error("no [redacted] in the output")
	}
	// The bytes 00..1f in hexadecimal, decimal, Go syntax and base64.
	for _, leak := range []string{"08090a0b0c", "8 9 10 11", "0x8, 0x9, 0xa", "8,9,10,11", "1000 1001 1010", "aaecawqf", "caskcwwndg"} {
		if strings.Contains(text, leak) {
			t.Errorf("the key leaks as %q", leak)
		}
	}
	if err := fmt.Errorf("wrap %v", k); strings.Contains(err.Error(), "\x08") {
		t.Error("the key leaks into an error")
	}
}
