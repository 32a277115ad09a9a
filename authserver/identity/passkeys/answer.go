// SPDX-License-Identifier: Apache-2.0

package passkeys

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// session is what the library compares an answer with. Whether a challenge is still good is the engine's to know.
func (s *Site) session(challenge, handle []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: protocol.URLEncodedBase64(challenge).String(), RelyingPartyID: s.id, UserID: handle,
		UserVerification: protocol.VerificationRequired, CredParams: algorithms,
	}
}

// checkOrigin takes the very origin of the issuer alone: the library compares without letter case.
func (s *Site) checkOrigin(data protocol.CollectedClientData) error {
	if data.Origin != s.origin {
		return fmt.Errorf("the answer was given to %.100q, and not to %s", data.Origin, s.origin)
	}
	return nil
}

// Created is of authserver.Passkeys.
func (s *Site) Created(c authserver.PasskeyCreation, answer string) (authserver.Passkey, error) {
	if len(answer) > authserver.MaxPasskeyAnswer {
		return authserver.Passkey{}, errTooLong
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return authserver.Passkey{}, because("read the answer", err)
	}
	if err := s.checkOrigin(parsed.Response.CollectedClientData); err != nil {
		return authserver.Passkey{}, err
	}
	if err := checkFormat(parsed.Response.AttestationObject); err != nil {
		return authserver.Passkey{}, err
	}
	made, err := s.rp.CreateCredential(person{PasskeyCreation: c}, s.session(c.Challenge, c.Handle), parsed)
	if err != nil {
		return authserver.Passkey{}, because("check the new passkey", err)
	}
	if len(made.PublicKey) > maxPublicKey {
		return authserver.Passkey{}, fmt.Errorf("the public key has %d bytes, and more than %d are not kept", len(made.PublicKey), maxPublicKey)
	}
	data, err := json.Marshal(record{
		ID: made.ID, PublicKey: made.PublicKey, Transports: knownTransports(made.Transport), BackupEligible: made.Flags.BackupEligible,
	})
	if err != nil {
		return authserver.Passkey{}, fmt.Errorf("marshal a passkey: %w", err)
	}
	return authserver.Passkey{CredentialID: made.ID, Data: string(data), Counter: made.Authenticator.SignCount}, nil
}

// checkFormat takes an answer without an attestation, and one that an authenticator signs with the new key itself (§6.5.4, self attestation),
// which browsers let pass. Nothing was asked for, so there are no certificates to be read.
func checkFormat(a protocol.AttestationObject) error {
	_, certified := a.AttStatement["x5c"]
	if protocol.AttestationFormat(a.Format) == protocol.AttestationFormatNone || protocol.AttestationFormat(a.Format) == protocol.AttestationFormatPacked && !certified {
		return nil
	}
	return fmt.Errorf("the answer has an attestation of the format %.40q, which was not asked for", a.Format)
}

// knownTransports bounds what is kept of the ways to an authenticator (§5.8.4).
func knownTransports(all []protocol.AuthenticatorTransport) []protocol.AuthenticatorTransport {
	var known []protocol.AuthenticatorTransport
	for _, t := range []protocol.AuthenticatorTransport{protocol.USB, protocol.NFC, protocol.BLE, protocol.SmartCard, protocol.Hybrid, protocol.Internal} {
		for _, other := range all {
			if t == other {
				known = append(known, t)
				break
			}
		}
	}
	return known
}

// Named is of authserver.Passkeys.
func (s *Site) Named(answer string) ([]byte, error) {
	parsed, err := readUse(answer)
	if err != nil {
		return nil, err
	}
	return parsed.RawID, nil
}

func readUse(answer string) (*protocol.ParsedCredentialAssertionData, error) {
	if len(answer) > authserver.MaxPasskeyAnswer {
		return nil, errTooLong
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	return parsed, because("read the answer", err)
}

// Used is of authserver.Passkeys.
func (s *Site) Used(u authserver.PasskeyUse, answer string) (uint32, error) {
	parsed, err := readUse(answer)
	if err != nil {
		return 0, err
	}
	if err := s.checkOrigin(parsed.Response.CollectedClientData); err != nil {
		return 0, err
	}
	if u.Discovered && len(parsed.Response.UserHandle) == 0 {
		return 0, errors.New("the answer does not say whose passkey it is")
	}
	r, err := readRecord(u.Data)
	if err != nil {
		return 0, err
	}
	owner := person{
		PasskeyCreation: authserver.PasskeyCreation{Handle: u.Handle},
		passkeys:        []webauthn.Credential{{ID: r.ID, PublicKey: r.PublicKey, Flags: webauthn.CredentialFlags{BackupEligible: r.BackupEligible}}},
	}
	if _, err := s.rp.ValidateLogin(owner, s.session(u.Challenge, u.Handle), parsed); err != nil {
		return 0, because("check the answer", err)
	}
	return parsed.Response.AuthenticatorData.Counter, nil
}

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", authserver.MaxPasskeyAnswer)

// because adds what the library keeps apart from its message.
func because(doing string, err error) error {
	if err == nil {
		return nil
	}
	var e *protocol.Error
	if errors.As(err, &e) && e.DevInfo != "" {
		return fmt.Errorf("%s: %s: %.300s", doing, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
