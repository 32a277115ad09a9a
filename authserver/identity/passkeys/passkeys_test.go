// SPDX-License-Identifier: Apache-2.0

package passkeys_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/passkeys"
)

func newSite(t *testing.T, issuer string) *passkeys.Site {
	t.Helper()
	site, err := passkeys.New(issuer)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

var creation = authserver.PasskeyCreation{Challenge: []byte("a challenge of 24 bytes."), Handle: []byte("a handle"), Name: "bob", DisplayName: "Bob"}

// create returns what an authenticator answers to a page that adds a passkey.
func create(t *testing.T, site *passkeys.Site, a *authtest.Authenticator) string {
	t.Helper()
	options, err := site.CreationOptions(creation)
	if err != nil {
		t.Fatal(err)
	}
	return a.Create(t, options)
}

// use returns what it answers to a page that asks for the passkey, and what that has to fit to.
func use(t *testing.T, site *passkeys.Site, a *authtest.Authenticator, made authserver.Passkey) (authserver.PasskeyUse, string) {
	t.Helper()
	options, err := site.RequestOptions(creation.Challenge, []string{made.Data})
	if err != nil {
		t.Fatal(err)
	}
	return authserver.PasskeyUse{Challenge: creation.Challenge, Handle: creation.Handle, Data: made.Data, Discovered: true}, a.Get(t, options)
}

func TestAPasskeyIsMadeAndUsed(t *testing.T) {
	for issuer, origin := range map[string]string{
		"https://auth.example.com": "https://auth.example.com", "https://Auth.Example.com:443": "https://auth.example.com",
		"https://auth.example.com:8443": "https://auth.example.com:8443", "https://localhost:8443": "https://localhost:8443",
	} {
		site, a := newSite(t, issuer), authtest.NewAuthenticator(t)
		a.Origin, a.RPID = origin, strings.Split(strings.TrimPrefix(origin, "https://"), ":")[0]
		made, err := site.Created(creation, create(t, site, a))
		if err != nil {
			t.Fatalf("%s: %v", issuer, err)
		}
		if string(made.CredentialID) != string(a.CredentialID) || made.Counter != 1 || strings.Contains(made.Data, "made-up") {
			t.Errorf("the passkey is %+v", made)
		}
		fits, answer := use(t, site, a, made)
		named, err := site.Named(answer)
		if err != nil || string(named) != string(a.CredentialID) {
			t.Errorf("the answer names %x: %v", named, err)
		}
		if counter, err := site.Used(fits, answer); err != nil || counter != 2 {
			t.Errorf("the passkey says that it was used %d times: %v", counter, err)
		}
	}
}

func TestAnIssuerThatNoPasskeyCanBeFor(t *testing.T) {
	for _, issuer := range []string{"https://192.0.2.1", "https://192.0.2.1:8443", "https://[2001:db8::1]"} {
		if _, err := passkeys.New(issuer); !errors.Is(err, passkeys.ErrIPAddress) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for _, issuer := range []string{"", "http://auth.example.com", "auth.example.com", "https://"} {
		if _, err := passkeys.New(issuer); err == nil || errors.Is(err, passkeys.ErrIPAddress) {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

// edit returns an answer with a member of its response changed.
func edit(t *testing.T, answer, member string, change func([]byte) []byte) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatal(err)
	}
	response, _ := all["response"].(map[string]any)
	text, _ := response[member].(string)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 {
		t.Fatalf("the answer has no %s: %v", member, err)
	}
	response[member] = base64.RawURLEncoding.EncodeToString(change(raw))
	edited, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(edited)
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := webauthncbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestN284MalformedAnswersMakeNoPasskey(t *testing.T) {
	site, a := newSite(t, authtest.Issuer), authtest.NewAuthenticator(t)
	good := create(t, site, a)
	refuse := func(name, answer string) {
		t.Helper()
		if made, err := site.Created(creation, answer); err == nil {
			t.Errorf("%s makes the passkey %+v", name, made)
		}
	}
	for name, answer := range map[string]string{
		"nothing": "", "no JSON": "x", "null": "null", "a list": "[]", "an empty object": "{}", "more behind it": good + "{}",
		"too long": good + strings.Repeat(" ", authserver.MaxPasskeyAnswer), "a use": a.Get(t, `{"challenge":"YSBjaGFsbGVuZ2Ugb2YgMjQgYnl0ZXMu"}`),
	} {
		refuse(name, answer)
	}
	for name, object := range map[string][]byte{
		"no bytes":                     {},
		"a number":                     {0x01},
		"a map of 2^64-1 pairs":        {0xbb, 255, 255, 255, 255, 255, 255, 255, 255},
		"a list of 2^32-1 things":      {0x9a, 255, 255, 255, 255},
		"a text of 2^63 bytes":         {0x7b, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"lists in lists":               []byte(strings.Repeat("\x81", 4000) + "\x00"),
		"an endless map":               {0xbf, 0x61, 'a', 1, 0xff},
		"a key twice":                  {0xa2, 0x61, 'a', 1, 0x61, 'a', 1},
		"no authenticator data":        encode(t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": []byte{}}),
		"short authenticator data":     encode(t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": make([]byte, 36)}),
		"no passkey in it":             encode(t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(make([]byte, 32), 5, 0, 0, 0, 0)}),
		"a credential ID of 65 535":    encode(t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": append(append(make([]byte, 32), 0x45, 0, 0, 0, 0), append(make([]byte, 16), 255, 255)...)}),
		"a format that is not known":   encode(t, map[string]any{"fmt": "x", "attStmt": map[string]any{}, "authData": make([]byte, 37)}),
		"authenticator data as a text": encode(t, map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": "x"}),
	} {
		refuse(name, edit(t, good, "attestationObject", func([]byte) []byte { return object }))
	}
	var length int
	edit(t, good, "attestationObject", func(raw []byte) []byte { length = len(raw); return raw })
	for n := range length {
		refuse("cut", edit(t, good, "attestationObject", func(raw []byte) []byte { return raw[:n] }))
	}
	refuse("longer", edit(t, good, "attestationObject", func(raw []byte) []byte { return append(raw, 0) }))
	for n := range length { // what is left may be another good passkey, but nothing breaks
		_, _ = site.Created(creation, edit(t, good, "attestationObject", func(raw []byte) []byte { raw[n] ^= 0xff; return raw }))
	}
	if _, err := site.Created(creation, good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

func TestN284CertificatesAreNotRead(t *testing.T) {
	site, a := newSite(t, authtest.Issuer), authtest.NewAuthenticator(t)
	a.Format = "packed"
	self := create(t, site, a)
	if _, err := site.Created(creation, self); err != nil {
		t.Errorf("an authenticator that signs with the new key: %v", err)
	}
	for format, statement := range map[string]map[string]any{
		"packed": {"alg": -7, "sig": []byte{1}, "x5c": []any{[]byte{1}}}, "tpm": {"ver": "2.0"}, "android-safetynet": {"ver": "1", "response": []byte("x")},
		"fido-u2f": {"sig": []byte{1}, "x5c": []any{[]byte{1}}}, "apple": {"x5c": []any{[]byte{1}}}, "compound": {},
	} {
		_, err := site.Created(creation, edit(t, self, "attestationObject", func(raw []byte) []byte {
			var object map[string]any
			if err := webauthncbor.Unmarshal(raw, &object); err != nil {
				t.Fatal(err)
			}
			object["fmt"], object["attStmt"] = format, statement
			return encode(t, object)
		}))
		if err == nil {
			t.Errorf("an attestation of the format %s is taken", format)
		}
	}
}

func TestN284MalformedAnswersLogNobodyIn(t *testing.T) {
	site, a := newSite(t, authtest.Issuer), authtest.NewAuthenticator(t)
	made, err := site.Created(creation, create(t, site, a))
	if err != nil {
		t.Fatal(err)
	}
	fits, good := use(t, site, a, made)
	for name, answer := range map[string]string{
		"nothing": "", "no JSON": "x", "null": "null", "a list": "[]", "an empty object": "{}", "more behind it": good + "{}",
		"too long": good + strings.Repeat(" ", authserver.MaxPasskeyAnswer),
	} {
		if _, err := site.Used(fits, answer); err == nil {
			t.Errorf("%s is an answer", name)
		}
		if _, err := site.Named(answer); err == nil {
			t.Errorf("%s names a passkey", name)
		}
	}
	for _, member := range []string{"authenticatorData", "signature", "clientDataJSON", "userHandle"} {
		var length int
		edit(t, good, member, func(raw []byte) []byte { length = len(raw); return raw })
		for n := range length {
			for name, change := range map[string]func([]byte) []byte{
				"cut": func(raw []byte) []byte { return raw[:n] }, "changed": func(raw []byte) []byte { raw[n] ^= 1; return raw },
			} {
				if _, err := site.Used(fits, edit(t, good, member, change)); err == nil {
					t.Errorf("%s %s at %d is taken", member, name, n)
				}
			}
		}
	}
	for name, change := range map[string]func(*authserver.PasskeyUse){
		"challenge": func(u *authserver.PasskeyUse) { u.Challenge = []byte("another one of 24 bytes.") }, "handle": func(u *authserver.PasskeyUse) { u.Handle = []byte("another") },
		"data": func(u *authserver.PasskeyUse) { u.Data = "x" }, "no challenge": func(u *authserver.PasskeyUse) { u.Challenge = nil },
	} {
		other := fits
		change(&other)
		if _, err := site.Used(other, good); err == nil {
			t.Errorf("another %s is taken", name)
		}
	}
	if _, err := site.Used(fits, good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}
