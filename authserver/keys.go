// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// purpose names what a sealed or signed value is for. It selects the key and is part
// of what is authenticated, so that no value can stand in another's place.
type purpose string

const (
	forAccess      purpose = "access token"
	forRefresh     purpose = "refresh token"
	forInteraction purpose = "interaction"
	forState       purpose = "state"
	forDevice      purpose = "device"
	forTicket      purpose = "consent ticket"
	forRequest     purpose = "request token"
	forTokenSecret purpose = "token secret"
	forGrantID     purpose = "grant ID"
	forProof       purpose = "proof"
	forHalfLogin   purpose = "half login"
	forEnrolment   purpose = "enrolment"
	forPasskey     purpose = "passkey page"
	forLogout      purpose = "logout"
	forJWT         purpose = "JWT ID"
	// Of logins at another server: what the browser keeps, what follows from it, and the refresh token.
	forUpstream      purpose = "upstream login"
	forUpstreamNonce purpose = "upstream nonce"
	forUpstreamToken purpose = "upstream refresh token"
)

const keyIDSize = 4

// keyID names a key of the set.
type keyID = [keyIDSize]byte

// errSeal says that a value was not made by this server for this purpose.
var errSeal = errors.New("not made by this server")

// Keys are what the engine proves secrets, seals and signs with: a snapshot that
// never changes.
type Keys struct {
	// verifierKey proves client secrets.
	verifierKey credential.Key
	// signedRoot is what the secrets of clients that sign are derived from.
	signedRoot credential.Key
	// factors is what secrets of factors are derived from. They are as old as people let them become, so it is not of
	// the set, whose keys end.
	factors credential.Key
	// pairwise is what the subjects of clients with a sector are derived from. They never change, so it is not of the set.
	pairwise credential.Key
	set      credential.KeySet
	byID     map[keyID]*purposeKeys
	// proven is what was found with these keys. It grows and forgets; no answer depends on it.
	proven proven
}

// purposeKeys are the sub-keys of one key of the set. A value is sealed with a random
// nonce of 96 bits; NIST SP 800-38D §8.3 allows 2^32 of those a key, which at 30 days a
// key is 1,600 a second, each second, for each purpose.
type purposeKeys struct {
	seal map[purpose]sealer
	sign map[purpose]*signatures
}

// sealer seals for one purpose, whose name is authenticated with each value.
type sealer struct {
	cipher.AEAD
	purpose []byte
}

// signatures computes HMAC-SHA256 for one purpose. Its states are used again: to prepare one costs as
// much as to sign with it.
type signatures struct{ states sync.Pool }

// signature is a state of HMAC, and room for what it reads and writes.
type signature struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newSignatures(key []byte, p purpose) *signatures {
	return &signatures{sync.Pool{New: func() any {
		return &signature{Hash: hmac.New(sha256.New, key), text: append([]byte(p), 0)}
	}}}
}

// sign returns the MAC of the purpose, a zero byte and data.
func (s *signatures) sign(data []byte) [sha256.Size]byte {
	m, _ := s.states.Get().(*signature)
	defer s.states.Put(m)
	named := len(m.text)
	m.text = append(m.text, data...)
	m.Reset()
	m.Write(m.text)
	m.text = m.text[:named]
	m.Sum(m.sum[:0])
	return m.sum
}

// NewKeys prepares the keys for use. It fails if the set is empty or malformed.
func NewKeys(shared credential.Key, set credential.KeySet) (*Keys, error) {
	if len(set.Keys) == 0 {
		return nil, errors.New("the authorization server's key set is empty")
	}
	k := &Keys{verifierKey: credential.VerifierKey(shared), signedRoot: credential.SignedRoot(shared),
		factors: shared.Sub("authserver factors"), pairwise: shared.Sub("authserver pairwise subjects"), set: set,
		byID: make(map[keyID]*purposeKeys, len(set.Keys)), proven: newProven()}
	for _, key := range set.Keys {
		id, err := parseKeyID(key.ID)
		if err != nil {
			return nil, err
		}
		if k.byID[id], err = newPurposeKeys(key.Key); err != nil {
			return nil, fmt.Errorf("prepare key %s: %w", key.ID, err)
		}
	}
	return k, nil
}

func parseKeyID(text string) (id keyID, err error) {
	if len(text) == 2*keyIDSize {
		if _, err = hex.Decode(id[:], []byte(text)); err == nil {
			return id, nil
		}
	}
	return keyID{}, fmt.Errorf("key ID %q is not %d hexadecimal characters", text, 2*keyIDSize)
}

func newPurposeKeys(key credential.Key) (*purposeKeys, error) {
	p := &purposeKeys{seal: map[purpose]sealer{}, sign: map[purpose]*signatures{}}
	for _, name := range []purpose{forAccess, forInteraction, forState, forDevice, forRequest, forHalfLogin, forEnrolment, forPasskey, forLogout, forJWT, forUpstream, forUpstreamToken} {
		block, err := aes.NewCipher(key.Sub("authserver " + string(name)).Bytes())
		if err != nil {
			return nil, err
		}
		gcm, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		p.seal[name] = sealer{gcm, []byte(name)}
	}
	for _, name := range []purpose{forRefresh, forTicket, forTokenSecret, forGrantID, forProof, forUpstreamNonce} {
		p.sign[name] = newSignatures(key.Sub("authserver "+string(name)).Bytes(), name)
	}
	return p, nil
}

// active returns the key to use at t, and its ID. All replicas choose the same one.
func (k *Keys) active(t time.Time) (*purposeKeys, keyID) {
	id, _ := parseKeyID(k.set.Active(t).ID) // NewKeys has checked each ID
	return k.byID[id], id
}

// activeID returns the ID of the key to use at t.
func (k *Keys) activeID(t time.Time) keyID {
	_, id := k.active(t)
	return id
}

// sealOverhead is how many bytes longer a value is once it is sealed: key ID, nonce, tag.
const sealOverhead = keyIDSize + 12 + 16

// seal encrypts and authenticates plain with the key to use at t: key ID, nonce, ciphertext.
func (k *Keys) seal(p purpose, t time.Time, plain []byte) []byte {
	sealed, _ := k.sealWith(k.activeID(t), p, plain) // the active key is there
	return sealed
}

// sealWith does the same with the key that has the ID. Its error is errSeal if there is none.
func (k *Keys) sealWith(id keyID, p purpose, plain []byte) ([]byte, error) {
	return k.appendSealed(make([]byte, 0, len(plain)+sealOverhead), id, p, plain)
}

// appendSealed is sealWith into a slice that may have room.
func (k *Keys) appendSealed(out []byte, id keyID, p purpose, plain []byte) ([]byte, error) {
	key, ok := k.byID[id]
	if !ok {
		return nil, errSeal
	}
	s := key.seal[p]
	return s.Seal(append(out, id[:]...), nil, plain, s.purpose), nil
}

// open is the inverse of seal. Its error is errSeal whatever is wrong.
func (k *Keys) open(p purpose, sealed []byte) ([]byte, error) { return k.appendOpened(nil, p, sealed) }

// appendOpened is open into a slice that may have room.
func (k *Keys) appendOpened(out []byte, p purpose, sealed []byte) ([]byte, error) {
	if len(sealed) < keyIDSize {
		return nil, errSeal
	}
	key, ok := k.byID[keyID(sealed)]
	if !ok {
		return nil, errSeal
	}
	s := key.seal[p]
	plain, err := s.Open(out, nil, sealed[keyIDSize:], s.purpose)
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

// sign returns HMAC-SHA256 of data under the key with the ID, or errSeal if there is
// no such key.
func (k *Keys) sign(p purpose, id keyID, data []byte) ([sha256.Size]byte, error) {
	key, ok := k.byID[id]
	if !ok {
		return [sha256.Size]byte{}, errSeal
	}
	return key.sign[p].sign(data), nil
}

// currentKeys returns the keys, or an error that wraps ErrUnavailable while there are none.
func (s *Server) currentKeys() (*Keys, error) {
	if k := s.keys.Load(); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("the keys have not been read yet: %w", ErrUnavailable)
}
