// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"encoding/base32"
	"strings"
	"time"
)

const (
	// recoveryCodes is how many codes a person gets at a time.
	recoveryCodes = 10
	// recoveryLength is the length of one without its hyphen: 50 bits.
	recoveryLength = 10
)

var recoveryEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newRecoveryCodes makes recovery codes of an owner: in clear, to be shown once, and as they are kept.
func (s *Server) newRecoveryCodes(k *Keys, owner string, now time.Time) (codes []string, kept []Factor) {
	for range recoveryCodes {
		random := k.factorMAC("recovery code", s.newID())
		code := strings.ToLower(recoveryEncoding.EncodeToString(random[:]))[:recoveryLength]
		codes = append(codes, code[:recoveryLength/2]+"-"+code[recoveryLength/2:])
		kept = append(kept, Factor{ID: k.recoveryID(owner, code), Owner: owner, Kind: FactorRecovery, CreatedAt: now})
	}
	return codes, kept
}

// recoveryID returns under which ID a recovery code of the owner is kept. Without the key nobody can try codes on a copy
// of the store.
func (k *Keys) recoveryID(owner, code string) Hash { return k.factorMAC("recovery", owner, code) }

// normalizeCode returns the code that a person meant with what they typed.
func normalizeCode(typed string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(NormalizeName(typed)))
}
