// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Issuer is where the passkeys of the fixture are good, unless UsePasskeys says otherwise.
const Issuer = "https://auth.example.com"

// PasskeyRPID is the relying party ID of Issuer.
const PasskeyRPID = "auth.example.com"

// Authenticator makes passkeys and shows them, and the browser around it. What it says can be changed to what it should not.
type Authenticator struct {
	Origin, RPID string
	// CrossOrigin says that a page of another site has asked, in a frame.
	CrossOrigin bool
	// Unverified leaves out that the person was verified, Untouched that somebody was there.
	Unverified, Untouched bool
	// BackupEligible is set for one that is synchronized (Web Authentication §6.1.3).
	BackupEligible bool
	// CredentialID and Handle are those of the passkey that it made last.
	CredentialID, Handle []byte
	// Counter is what it says next.
	Counter uint32
	// Format of its attestation; empty: none.
	Format string

	key *ecdsa.PrivateKey
}

// NewAuthenticator returns an authenticator that has no passkey yet and does what it should for Issuer.
func NewAuthenticator(t testing.TB) *Authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails
	return &Authenticator{Origin: Issuer, RPID: PasskeyRPID, CredentialID: id, Counter: 1, key: key}
}

// passkeyOptions are what a page gives a browser, as far as an authenticator looks at it.
type passkeyOptions struct {
	Challenge string `json:"challenge"`
	User      struct {
		ID string `json:"id"`
	} `json:"user"`
}

func readOptions(t testing.TB, options string) passkeyOptions {
	t.Helper()
	var o passkeyOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil || o.Challenge == "" {
		t.Fatalf("a page gives a browser %q: %v", options, err)
	}
	return o
}

func base64URL(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (a *Authenticator) clientData(t testing.TB, ceremony, challenge string) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{"type": ceremony, "challenge": challenge, "origin": a.Origin, "crossOrigin": a.CrossOrigin})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// authenticatorData is of Web Authentication §6.1. The attested data is of a new passkey.
func (a *Authenticator) authenticatorData(attested []byte) []byte {
	hash := sha256.Sum256([]byte(a.RPID))
	var flags byte
	for bit, set := range map[byte]bool{1: !a.Untouched, 1 << 2: !a.Unverified, 1 << 3: a.BackupEligible, 1 << 6: attested != nil} {
		if set {
			flags |= bit
		}
	}
	return append(binary.BigEndian.AppendUint32(append(hash[:], flags), a.Counter), attested...)
}

// Create returns the answer to the options of a page that adds a passkey.
func (a *Authenticator) Create(t testing.TB, options string) string {
	t.Helper()
	o := readOptions(t, options)
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		t.Fatalf("the user handle is no base64url: %v", err)
	}
	a.Handle = handle
	public, err := a.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	key := encode(t, map[int]any{1: 2, 3: -7, -1: 1, -2: public[1:33], -3: public[33:]}) // RFC 9053 §7.1.1
	attested := append(make([]byte, 16), byte(len(a.CredentialID)>>8), byte(len(a.CredentialID)))
	attested = append(append(attested, a.CredentialID...), key...)
	data := a.authenticatorData(attested)
	client := a.clientData(t, "webauthn.create", o.Challenge)
	format, statement := "none", map[string]any{}
	if a.Format != "" {
		format, statement = a.Format, map[string]any{"alg": -7, "sig": a.sign(t, data, client)}
	}
	a.count()
	object := encode(t, map[string]any{"fmt": format, "attStmt": statement, "authData": data})
	return a.answer(t, map[string]any{
		"clientDataJSON": base64URL(client), "attestationObject": base64URL(object), "transports": []string{"internal", "made-up"},
	})
}

// Get returns the answer to the options of a page that asks for a passkey.
func (a *Authenticator) Get(t testing.TB, options string) string {
	t.Helper()
	client, data := a.clientData(t, "webauthn.get", readOptions(t, options).Challenge), a.authenticatorData(nil)
	response := map[string]any{
		"clientDataJSON": base64URL(client), "authenticatorData": base64URL(data), "signature": base64URL(a.sign(t, data, client)),
	}
	if a.Handle != nil {
		response["userHandle"] = base64URL(a.Handle)
	}
	a.count()
	return a.answer(t, response)
}

func (a *Authenticator) count() {
	if a.Counter != 0 {
		a.Counter++
	}
}

func (a *Authenticator) sign(t testing.TB, data, client []byte) []byte {
	t.Helper()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(data[:len(data):len(data)], hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func (a *Authenticator) answer(t testing.TB, response map[string]any) string {
	t.Helper()
	id := base64URL(a.CredentialID)
	text, err := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	raw, err := webauthncbor.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// AddPasskey logs a person of the fixture in and gives them a passkey. It returns what the browser has afterwards.
func (e *Env) AddPasskey(t testing.TB, name, password string, a *Authenticator) authserver.Enrolled {
	t.Helper()
	v := e.Visit(t, name, password)
	page, err := e.Auth.BeginPasskey(t.Context(), v)
	if err != nil {
		t.Fatalf("begin to add a passkey: %v", err)
	}
	added, err := e.Auth.AddPasskey(t.Context(), v, page.Ticket, a.Create(t, page.Options), "key")
	if err != nil {
		t.Fatalf("add a passkey: %v", err)
	}
	return added
}
