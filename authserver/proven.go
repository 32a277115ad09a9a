// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"time"
)

// maxProven bounds how many credentials are remembered that somebody has proven. An entry takes
// about 300 bytes.
const maxProven = 16 << 10

// proven remembers which secret was right for a credential, so that whoever sends the same one again
// pays for one hash instead of a MAC for each credential that a client can have. A secret is kept as
// a hash with a random value of this process. What is remembered is only used for the very same
// credential of the same object: with another verifier it is another credential. Whether the
// credential has ended is asked each time, of the credential.
//
// It hangs on a snapshot of the keys, so new keys begin with nothing.
type proven struct {
	salt    Hash
	secrets *recent[provenKey, Hash]
	signers *recent[string, signer] // by the client's UID
}

// provenKey is everything that a verifier was made of, and the verifier.
type provenKey struct{ uid, credentialID, verifier string }

// signer is the credential that a client last signed with, and its secret. A client that signs has a
// secret that this server derives, so it is no secret from this process.
type signer struct {
	credentialID, verifier string
	secret                 string
}

func newProven() proven {
	p := proven{secrets: newRecent[provenKey, Hash](maxProven / 2), signers: newRecent[string, signer](maxProven / 2)}
	_, _ = rand.Read(p.salt[:]) // never fails: it ends the program instead
	return p
}

// hash returns what is kept of a secret.
func (p *proven) hash(secret string) Hash {
	return sha256.Sum256(append(append(make([]byte, 0, 128), p.salt[:]...), secret...))
}

// find returns the ID of the credential that the secret was right for before. It looks at as many
// credentials whatever object it is about.
func (p *proven) find(uid string, candidates *[maxCredentials]Credential, secret Hash, now time.Time) (credentialID string, ok bool) {
	for n := range candidates {
		cred := &candidates[n]
		known, found := p.secrets.get(provenKey{uid, cred.ID, cred.Verifier})
		if subtle.ConstantTimeCompare(known[:], secret[:]) == 1 && found && cred.ID != noCredential && cred.validAt(now) {
			credentialID, ok = cred.ID, true
		}
	}
	return credentialID, ok
}

// lastSigner returns the secret that the client last signed with, and its credential. Without one
// the secret is one that signs nothing, so that trying it takes as long.
func (p *proven) lastSigner(c *Client, now time.Time) (secret, credentialID string, ok bool) {
	last, found := p.signers.get(c.UID)
	if !found {
		return noSecret, "", false
	}
	for _, cred := range c.Credentials {
		if cred.ID == last.credentialID && cred.Verifier == last.verifier && cred.validAt(now) {
			return last.secret, cred.ID, true
		}
	}
	return noSecret, "", false
}
