// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Made by other programs, so that both sides do not share one mistake: the vectors of the
// tests of argon2's reference implementation and of crypt_blowfish.
const (
	foreignArgon2id = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	foreignBcrypt   = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

// cheap returns a bcrypt hash that costs a test next to nothing.
func cheap(t testing.TB, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func mustParse(t testing.TB, encoded string) hash {
	t.Helper()
	h, err := parseHash(encoded)
	if err != nil {
		t.Fatalf("parseHash: %v", err)
	}
	return h
}

func TestAHashKnowsItsPasswordAndNoOther(t *testing.T) {
	own, err := HashPassword([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, hash, password string
		want                 bool
	}{
		{name: "our own", hash: own, password: "correct horse", want: true},
		{name: "our own, wrong", hash: own, password: "correct horsf"},
		{name: "our own, longer", hash: own, password: "correct horse\x00"},
		{name: "our own, empty", hash: own},
		{name: "argon2id of another program", hash: foreignArgon2id, password: "password", want: true},
		{name: "argon2id of another program, wrong", hash: foreignArgon2id, password: "Password"},
		{name: "bcrypt of another program", hash: foreignBcrypt, password: "U*U", want: true},
		{name: "bcrypt of another program, wrong", hash: foreignBcrypt, password: "U*U*"},
		{name: "bcrypt variant b", hash: strings.Replace(foreignBcrypt, "$2a", "$2b", 1), password: "U*U", want: true},
		{name: "bcrypt variant y", hash: strings.Replace(foreignBcrypt, "$2a", "$2y", 1), password: "U*U", want: true},
		{name: "72 bytes are all that bcrypt reads", hash: cheap(t, strings.Repeat("x", 72)), password: strings.Repeat("x", 72), want: true},
		{name: "a 73rd byte is not ignored", hash: cheap(t, strings.Repeat("x", 72)), password: strings.Repeat("x", 73)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := mustParse(t, row.hash).verify([]byte(row.password)); got != row.want {
				t.Errorf("verify = %v, want %v", got, row.want)
			}
		})
	}
}

func TestHashPasswordReadsLongPasswordsToTheEnd(t *testing.T) {
	long := strings.Repeat("x", authserver.MaxPassword)
	encoded, err := HashPassword([]byte(long))
	if err != nil {
		t.Fatal(err)
	}
	h := mustParse(t, encoded)
	if !h.verify([]byte(long)) {
		t.Error("the password is not accepted")
	}
	if h.verify([]byte(long[:authserver.MaxPassword-1] + "y")) {
		t.Error("the last byte does not matter")
	}
	again, err := HashPassword([]byte(long))
	if err != nil {
		t.Fatal(err)
	}
	if again == encoded {
		t.Error("two hashes of one password are equal: there is no salt")
	}
}

func TestHashPasswordRefusesWhatCannotLogIn(t *testing.T) {
	for name, password := range map[string]string{
		"nothing":         "",
		"more than 1 KiB": strings.Repeat("x", authserver.MaxPassword+1),
	} {
		t.Run(name, func(t *testing.T) {
			if encoded, err := HashPassword([]byte(password)); err == nil {
				t.Errorf("HashPassword = %q", encoded)
			}
		})
	}
}

func TestAHashThatIsMalformedOrTooCostlyIsRefused(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	argon := func(middle, salt, key string) string { return "$argon2id$" + middle + "$" + salt + "$" + key }
	for _, row := range []struct{ name, hash, want string }{
		{name: "nothing", want: "missing"},
		{name: "a password", hash: "hunter2", want: "neither"},
		{name: "crypt", hash: "$6$saltsalt$abcdef", want: "neither"},
		{name: "argon2i", hash: strings.Replace(foreignArgon2id, "argon2id", "argon2i", 1), want: "neither"},
		{name: "too long", hash: foreignArgon2id + strings.Repeat("A", 200), want: "too long"},
		{name: "bcrypt cut", hash: foreignBcrypt[:59], want: "whole"},
		{name: "bcrypt with more", hash: foreignBcrypt + "A", want: "whole"},
		{name: "bcrypt with a line break", hash: foreignBcrypt + "\n", want: "whole"},
		{name: "bcrypt variant x", hash: "$2x" + foreignBcrypt[3:], want: "whole"},
		{name: "bcrypt without variant", hash: "$2" + foreignBcrypt[3:], want: "whole"},
		{name: "bcrypt cost 3", hash: "$2a$03" + foreignBcrypt[6:], want: "cost outside 4 to 15"},
		{name: "bcrypt cost 16", hash: "$2a$16" + foreignBcrypt[6:], want: "cost outside 4 to 15"},
		{name: "argon2id without version", hash: "$argon2id$m=256,t=2,p=1$" + salt + "$" + key, want: "form"},
		{name: "argon2id version 16", hash: argon("v=16$m=256,t=2,p=1", salt, key), want: "form"},
		{name: "argon2id with a field more", hash: foreignArgon2id + "$", want: "form"},
		{name: "argon2id with a parameter more", hash: argon("v=19$m=256,t=2,p=1,keyid=AA", salt, key), want: "in this order"},
		{name: "argon2id out of order", hash: argon("v=19$t=2,m=256,p=1", salt, key), want: "in this order"},
		{name: "argon2id with a leading zero", hash: argon("v=19$m=0256,t=2,p=1", salt, key), want: "in this order"},
		{name: "argon2id with a sign", hash: argon("v=19$m=+256,t=2,p=1", salt, key), want: "in this order"},
		{name: "argon2id with no number", hash: argon("v=19$m=,t=2,p=1", salt, key), want: "in this order"},
		{name: "argon2id with all memory", hash: argon("v=19$m=4294967295,t=2,p=1", salt, key), want: "parameter m"},
		{name: "argon2id with just too much memory", hash: argon("v=19$m=65537,t=2,p=1", salt, key), want: "parameter m"},
		{name: "argon2id with too little memory", hash: argon("v=19$m=15,t=2,p=2", salt, key), want: "8 KiB for each lane"},
		{name: "argon2id with no pass", hash: argon("v=19$m=256,t=0,p=1", salt, key), want: "parameter t"},
		{name: "argon2id with too many passes", hash: argon("v=19$m=256,t=11,p=1", salt, key), want: "parameter t"},
		{name: "argon2id with no lane", hash: argon("v=19$m=256,t=2,p=0", salt, key), want: "parameter p"},
		{name: "argon2id with too many lanes", hash: argon("v=19$m=256,t=2,p=5", salt, key), want: "parameter p"},
		{name: "argon2id lanes beyond a byte", hash: argon("v=19$m=256,t=2,p=257", salt, key), want: "parameter p"},
		{name: "argon2id with a short salt", hash: argon("v=19$m=256,t=2,p=1", "c2FsdA", key), want: "salt"},
		{name: "argon2id with a padded salt", hash: argon("v=19$m=256,t=2,p=1", salt+"=", key), want: "salt"},
		{name: "argon2id with a salt of spare bits", hash: argon("v=19$m=256,t=2,p=1", "c29tZXNhbHR", key), want: "salt"},
		{name: "argon2id with a broken line", hash: argon("v=19$m=256,t=2,p=1", salt, key[:10]+"\n"+key[10:]), want: "key"},
		{name: "argon2id with a short key", hash: argon("v=19$m=256,t=2,p=1", salt, "c29tZXNhbHQ"), want: "key"},
		{name: "argon2id with no key", hash: argon("v=19$m=256,t=2,p=1", salt, ""), want: "key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseHash(row.hash)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("error %v, want one with %q", err, row.want)
			}
			if len(row.hash) > 0 && strings.Contains(err.Error(), row.hash) {
				t.Errorf("the error quotes the hash: %v", err)
			}
		})
	}
}

func TestADecoyCostsTheSameAndBelongsToNoPassword(t *testing.T) {
	own, err := HashPassword([]byte("U*U"))
	if err != nil {
		t.Fatal(err)
	}
	for name, encoded := range map[string]string{
		"argon2id": foreignArgon2id, "bcrypt": foreignBcrypt, "our own": own,
	} {
		t.Run(name, func(t *testing.T) {
			h := mustParse(t, encoded)
			decoy := h.decoy()
			if decoy.cost() != h.cost() {
				t.Errorf("cost %q, want %q", decoy.cost(), h.cost())
			}
			if decoy.String() == h.String() || decoy.verify([]byte("U*U")) || decoy.verify([]byte("password")) {
				t.Error("the decoy is the hash")
			}
			if again := mustParse(t, decoy.String()); again.cost() != h.cost() || len(decoy.String()) != len(encoded) {
				t.Errorf("the decoy %q is not a whole hash", decoy)
			}
		})
	}
}

func FuzzParseHash(f *testing.F) {
	for _, seed := range []string{"", "$", "$2a$", foreignArgon2id, foreignBcrypt,
		"$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=4294967296,t=2,p=1$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		h, err := parseHash(encoded)
		if err != nil {
			if len(encoded) > 20 && strings.Contains(err.Error(), encoded) {
				t.Errorf("the error quotes the hash: %v", err)
			}
			return
		}
		if h.String() != encoded {
			t.Errorf("%q was read as %q", encoded, h)
		}
		if a, ok := h.(argon2idHash); ok && (a.kibibytes > maxArgonMemory || a.passes > maxArgonPasses || a.lanes > maxArgonLanes) {
			t.Errorf("%q may take too much", encoded)
		}
		if b, ok := h.(bcryptHash); ok && (b.rounds < bcrypt.MinCost || b.rounds > maxBcryptCost) {
			t.Errorf("%q may take too long", encoded)
		}
	})
}
