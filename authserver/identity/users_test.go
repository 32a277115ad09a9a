// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// named is a source whose people may have no ID.
var named = source{key: "users", idFromName: true}

func TestAUsersFileIsReadAsWritten(t *testing.T) {
	u, err := source{key: "users"}.parseUsers([]byte(`
# people
users:
- id: u-1001
  name: bob
  passwordHash: ` + foreignBcrypt + `
  displayName: Bob Müller
  email: bob@photos.example
  groups: [family, "photo club"]
- {id: 7, name: 42, passwordHash: "` + foreignArgon2id + `"}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]authserver.Owner{}
	for name, user := range u.byName {
		got[name] = user.owner
	}
	want := map[string]authserver.Owner{
		"bob": {Subject: authserver.SubjectOf("users", "u-1001"), Source: "users", SourceID: "u-1001", Name: "bob", DisplayName: "Bob Müller",
			Email: "bob@photos.example", Groups: []string{"family", "photo club"}, CredentialVersion: versionOf(foreignBcrypt)},
		"42": {Subject: authserver.SubjectOf("users", "7"), Source: "users", SourceID: "7", Name: "42", DisplayName: "42",
			CredentialVersion: versionOf(foreignArgon2id)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !u.byName["bob"].hash.verify([]byte("U*U")) || !u.byName["42"].hash.verify([]byte("password")) {
		t.Error("a hash is not the one of its user")
	}
}

func TestN138ANameInTheFileIsComparedAsPeopleTypeIt(t *testing.T) {
	u, err := named.parseUsers([]byte("users: [{name: \"Zoe\\u0308\", passwordHash: " + foreignBcrypt + "}]"))
	if err != nil {
		t.Fatal(err)
	}
	owner := u.byName["Zo\u00eb"].owner
	if owner.Name != "Zo\u00eb" || owner.Subject != authserver.SubjectOf("users", "Zo\u00eb") {
		t.Errorf("the owner is %+v", owner)
	}
}

func TestAFileWithoutAnybodyIsRead(t *testing.T) {
	u, err := named.parseUsers([]byte("users: []"))
	if err != nil || len(u.byName) != 0 || u.decoy == nil {
		t.Errorf("parseUsers = %v, %v", u, err)
	}
}

func TestAUsersFileWithOneFaultIsRefused(t *testing.T) {
	one := func(fields string) string {
		return "users:\n- name: eve\n  passwordHash: " + foreignBcrypt + "\n" + fields
	}
	calling := func(name string) string {
		return "users: [{name: " + name + ", passwordHash: " + foreignBcrypt + "}]"
	}
	for _, row := range []struct{ name, file, want string }{
		{name: "nothing", want: "no list"},
		{name: "only a comment", file: "# users", want: "no list"},
		{name: "another key", file: "people: []", want: "line 1"},
		{name: "no value", file: "users:", want: "no list"},
		{name: "a map", file: "users: {bob: x}", want: "not a list"},
		{name: "not YAML", file: "users: [", want: "not a list"},
		{name: "a tab", file: "users:\n\t- name: bob", want: "line 2"},
		{name: "unknown field", file: one("  admin: true\n"), want: "line 4"},
		{name: "field in another case", file: one("  Groups: [a]\n"), want: "line 4"},
		{name: "field given twice", file: one("  name: eve\n"), want: "line 4"},
		{name: "list given twice", file: one("users: []\n"), want: "line 4"},
		{name: "second document", file: one("---\nusers: []\n"), want: "more than one"},
		{name: "a broken second document", file: one("---\n["), want: "more than one"},
		{name: "a hash with commas and no quotes", file: "users: [{name: bob, passwordHash: " + foreignArgon2id + "}]", want: "in quotes"},
		{name: "groups as text", file: one("  groups: family\n"), want: "line 4"},
		{name: "one name twice", file: one("- name: eve\n  passwordHash: " + foreignBcrypt + "\n"), want: `users[1]: the name "eve" is there twice`},
		{name: "N139: one name in two spellings", file: "users: [{name: \"Zo\u00eb\", passwordHash: " + foreignBcrypt + "}, {name: \"Zoe\\u0308\", passwordHash: " + foreignBcrypt + "}]",
			want: `users[1]: the names "Zo\u00eb" and "Zoe\u0308" are one name, written with different Unicode characters`},
		{name: "no hash", file: "users: [{name: eve}]", want: `passwordHash of "eve" is missing`},
		{name: "a password in place of the hash", file: "users: [{name: eve, passwordHash: hunter2}]", want: "hash-password"},
		{name: "no name", file: "users: [{passwordHash: " + foreignBcrypt + "}]", want: "name is missing"},
		{name: "space before the name", file: calling(`" eve"`), want: "space"},
		{name: "space after the name", file: calling(`"eve "`), want: "space"},
		{name: "wide space after the name", file: calling(`"eve\u00a0"`), want: "control"},
		{name: "line break in the name", file: calling(`"e\nve"`), want: "control"},
		{name: "NUL in the name", file: calling(`"e\0ve"`), want: "control"},
		{name: "bell in the name", file: calling(`"e\ave"`), want: "control"},
		{name: "zero width space in the name", file: calling(`"e\u200bve"`), want: "control"},
		{name: "direction change in the name", file: calling(`"e\u202eve"`), want: "control"},
		{name: "bytes that are not UTF-8", file: calling(`!!binary "/w=="`), want: "control"},
		{name: "long name", file: calling(strings.Repeat("e", 257)), want: "longer than 256"},
		{name: "the cluster's own name", file: calling(`"system:admin"`), want: "system:"},
		{name: "N95: a name like a client's", file: calling(`"client:photos.photoprint"`), want: "client:"},
		{name: "N95: an ID like a client's", file: one("  id: \"client:bob\"\n"), want: `id of "eve" begins with client:`},
		{name: "N95: an ID of the cluster's", file: one("  id: \"system:admin\"\n"), want: `id of "eve" begins with system:`},
		{name: "an ID with a line break", file: one("  id: \"a\\nb\"\n"), want: "control"},
		{name: "a long ID", file: one("  id: " + strings.Repeat("1", 257) + "\n"), want: "longer than 256"},
		{name: "one ID twice", file: one("  id: bob\n- {id: bob, name: bob, passwordHash: " + foreignBcrypt + "}\n"), want: `users[1]: the id "bob" of "bob" is there twice`},
		{name: "a name that is another's ID", file: one("  id: bob\n- {name: bob, passwordHash: " + foreignBcrypt + "}\n"), want: `users[1]: the id "bob" of "bob" is there twice`},
		{name: "the cluster's own group", file: one(`  groups: [a, "system:masters"]` + "\n"), want: "number 1 begins with system:"},
		{name: "empty group", file: one(`  groups: [""]` + "\n"), want: "number 0 is missing"},
		{name: "one group twice", file: one("  groups: [a, b, a]\n"), want: `"a" is there twice`},
		{name: "many groups", file: one("  groups: [" + strings.Repeat("a,", 129) + "]\n"), want: "more than 128"},
		{name: "control character in the display name", file: one(`  displayName: "E\u001bve"` + "\n"), want: "displayName"},
		{name: "long mail address", file: one("  email: " + strings.Repeat("e", 257) + "\n"), want: "email"},
		{name: "large file", file: one("") + "#" + strings.Repeat("x", maxFile), want: "larger"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := named.parseUsers([]byte(row.file))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("error %v, want one with %q", err, row.want)
			}
			for _, secret := range []string{foreignBcrypt[:12], "hunter2"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error quotes a secret: %v", err)
				}
			}
		})
	}
}

func TestN95AUserWithoutAnIDIsRefusedUnlessNamesAreIDs(t *testing.T) {
	file := []byte("users: [{name: eve, passwordHash: " + foreignBcrypt + "}]")
	if _, err := (source{key: "users"}).parseUsers(file); err == nil || !strings.Contains(err.Error(), `users[0]: the id of "eve" is missing`) ||
		!strings.Contains(err.Error(), "usersFile.idFromName: true") {
		t.Errorf("error %v", err)
	}
	u, err := named.parseUsers(file)
	if err != nil || u.byName["eve"].owner.Subject != authserver.SubjectOf("users", "eve") || u.nameless != 1 {
		t.Errorf("with names as IDs: %+v, %v", u, err)
	}
}

func TestASubjectDependsOnTheSourceAndTheIDAndNothingElse(t *testing.T) {
	subjectIn := func(key, fields string) string {
		u, err := source{key: key}.parseUsers([]byte("users: [{" + fields + "}]"))
		if err != nil || len(u.bySubject) != 1 {
			t.Fatalf("%s: %v", fields, err)
		}
		for subject := range u.bySubject {
			return subject
		}
		return ""
	}
	first := subjectIn("users", "id: 1, name: bob, passwordHash: "+foreignBcrypt)
	if again := subjectIn("users", `id: 1, name: robert, groups: [a], passwordHash: "`+foreignArgon2id+`"`); again != first {
		t.Errorf("another name, group and password make %s of %s", again, first)
	}
	for name, other := range map[string]string{
		"another ID":     subjectIn("users", "id: 2, name: bob, passwordHash: "+foreignBcrypt),
		"another source": subjectIn("staff", "id: 1, name: bob, passwordHash: "+foreignBcrypt),
	} {
		if other == first {
			t.Errorf("%s gives the same subject", name)
		}
	}
}

func TestAnotherHashIsAnotherVersionOfThePassword(t *testing.T) {
	first, again, other := versionOf(foreignBcrypt), versionOf(foreignBcrypt), versionOf(foreignArgon2id)
	if first != again || first == other {
		t.Errorf("the versions are %s, %s and %s", first, again, other)
	}
	if strings.Contains(foreignBcrypt, versionOf(foreignBcrypt)) {
		t.Error("the version is part of the hash")
	}
}

func TestMoreUsersThanAllowedAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("users:\n")
	for i := range maxUsers + 1 {
		fmt.Fprintf(&b, "- {name: u%d, passwordHash: %s}\n", i, foreignBcrypt)
	}
	if _, err := named.parseUsers([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "more than 20000") {
		t.Errorf("error %v", err)
	}
}

func TestErrorsOfTheFormNeverQuoteTheFile(t *testing.T) {
	for name, file := range map[string]string{
		"a hash where a list belongs":    "users: [{name: eve, groups: s3cret}]",
		"a hash where a user belongs":    "users: [s3cret]",
		"a hash where users belong":      "users: s3cret",
		"a hash as a field's name":       "users: [{s3cret: x}]",
		"a hash as a field's name twice": "s3cret: 1\ns3cret: 2",
		"a hash as an alias":             "users: *s3cret",
		"a hash as a tag":                "users: !!s3cret x",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := named.parseUsers([]byte(file))
			if err == nil || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTheDecoyCostsWhatMostUsersCost(t *testing.T) {
	weak, strong := foreignBcrypt, "$2a$06"+foreignBcrypt[6:]
	for _, row := range []struct {
		name   string
		hashes []string
		want   string
	}{
		{name: "nobody", want: ownArgon2id().cost()},
		{name: "one", hashes: []string{foreignArgon2id}, want: "argon2id m=00000256,t=02,p=1"},
		{name: "most are weak", hashes: []string{weak, strong, weak}, want: "bcrypt 05"},
		{name: "most are strong", hashes: []string{weak, strong, strong}, want: "bcrypt 06"},
		{name: "a tie goes to the stronger", hashes: []string{weak, strong, weak, strong}, want: "bcrypt 06"},
		{name: "a tie of the two kinds is the same each time", hashes: []string{foreignArgon2id, strong}, want: "bcrypt 06"},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := "users: ["
			for i, h := range row.hashes {
				file += fmt.Sprintf("{name: u%d, passwordHash: %q},", i, h)
			}
			for range 20 { // a map is walked in another order each time
				u, err := named.parseUsers([]byte(file + "]"))
				if err != nil {
					t.Fatal(err)
				}
				if got := u.decoy.cost(); got != row.want {
					t.Fatalf("the decoy costs %q, want %q", got, row.want)
				}
			}
		})
	}
}

func FuzzParseUsers(f *testing.F) {
	for _, seed := range []string{
		"", "users:", "users: []", "users: [{}]", "users: &a [*a]", "users: [{<<: {name: x}}]",
		"users: [{name: bob, passwordHash: " + foreignBcrypt + ", groups: [a]}]",
		"users: [{name: bob, passwordHash: '" + foreignArgon2id + "', email: b@c}]\n---\n{}",
		"users:\n- name: \"system:x\"\n  passwordHash: x\n", "\xff\xfe", "%YAML 1.1\n---\nusers: !!seq []",
		"users: [{name: !!binary c3lzdGVtOg==, passwordHash: " + foreignBcrypt + "}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := named.parseUsers(raw)
		if err != nil {
			return
		}
		for name, user := range u.byName {
			if name != user.owner.Name || checkName(name) != nil || checkGroups(user.owner.Groups) != nil ||
				u.bySubject[user.owner.Subject].owner.Name != name {
				t.Errorf("user %q got in", name)
			}
			if user.hash == nil || user.owner.DisplayName == "" || !isPrintableUnicode(user.owner.DisplayName) || !isPrintableUnicode(user.owner.Email) {
				t.Errorf("user %q is not whole", name)
			}
		}
	})
}
