// SPDX-License-Identifier: Apache-2.0

// Package passkeys checks what authenticators answer (Web Authentication Level 3), by github.com/go-webauthn/webauthn.
package passkeys

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Site checks passkeys of one relying party. It may be used in parallel.
type Site struct {
	id     string // §5.1.2, RP ID
	origin string
	rp     *webauthn.WebAuthn
}

// ErrIPAddress says that the issuer is an IP address, which browsers take for no relying party ID (§5.1.3 step 7).
var ErrIPAddress = errors.New("no passkey can be for an IP address; give the server a host name")

// algorithms are those that a passkey may sign with, best first. Every authenticator knows one of them (§5.4, pubKeyCredParams).
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// maxPublicKey bounds what is kept of a passkey, and what a signature costs to check. RSA with 4096 bits takes half of it.
const maxPublicKey = 1024

// New returns what checks passkeys of an issuer: an https URL without a path. The relying party ID is its host, and its origin is the
// only one whose answers are taken.
func New(issuer string) (*Site, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no https URL", issuer)
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil {
		return nil, ErrIPAddress
	}
	origin := "https://" + host
	if port := u.Port(); port != "" && port != "443" {
		origin += ":" + port
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: host, RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
		// What is not asked for is not read. Some password managers send it all the same.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare passkeys for %s: %w", host, err)
	}
	return &Site{id: host, origin: origin, rp: rp}, nil
}

// record is a credential record (§4), as it is kept.
type record struct {
	ID         protocol.URLEncodedBase64         `json:"id"`
	PublicKey  protocol.URLEncodedBase64         `json:"key"`
	Transports []protocol.AuthenticatorTransport `json:"transports,omitempty"`
	// BackupEligible never changes (§6.1.3). A passkey that says another thing is another one.
	BackupEligible bool `json:"backupEligible,omitempty"`
}

func readRecord(data string) (record, error) {
	var r record
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		return record{}, fmt.Errorf("read what is kept of a passkey: %w", err)
	}
	return r, nil
}

// descriptors name passkeys to a browser (§5.8.3).
func descriptors(data []string) ([]protocol.CredentialDescriptor, error) {
	out := make([]protocol.CredentialDescriptor, 0, len(data))
	for _, text := range data {
		r, err := readRecord(text)
		if err != nil {
			return nil, err
		}
		out = append(out, protocol.CredentialDescriptor{
			Type: protocol.PublicKeyCredentialType, CredentialID: r.ID, Transport: r.Transports,
		})
	}
	return out, nil
}

// person is a user of the library.
type person struct {
	authserver.PasskeyCreation
	passkeys []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return p.Handle }
func (p person) WebAuthnName() string                       { return p.Name }
func (p person) WebAuthnDisplayName() string                { return p.DisplayName }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.passkeys }

// timeout is how long browsers wait for somebody, in milliseconds.
const timeout = int(authserver.PasskeyLifetime / 1e6)

// CreationOptions is of authserver.Passkeys.
func (s *Site) CreationOptions(c authserver.PasskeyCreation) (string, error) {
	existing, err := descriptors(c.Existing)
	if err != nil {
		return "", err
	}
	required := true
	return marshal(protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{ID: s.id, CredentialEntity: protocol.CredentialEntity{Name: s.id}},
		User: protocol.UserEntity{
			ID: protocol.URLEncodedBase64(c.Handle), DisplayName: c.DisplayName, CredentialEntity: protocol.CredentialEntity{Name: c.Name},
		},
		Challenge: c.Challenge, Parameters: algorithms, Timeout: timeout, CredentialExcludeList: existing, Attestation: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required, UserVerification: protocol.VerificationRequired,
		},
	})
}

// RequestOptions is of authserver.Passkeys.
func (s *Site) RequestOptions(challenge []byte, data []string) (string, error) {
	allowed, err := descriptors(data)
	if err != nil {
		return "", err
	}
	return marshal(protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, Timeout: timeout, RelyingPartyID: s.id, AllowedCredentials: allowed, UserVerification: protocol.VerificationRequired,
	})
}

func marshal(options any) (string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return "", fmt.Errorf("marshal options for an authenticator: %w", err)
	}
	return string(text), nil
}
