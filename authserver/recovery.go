// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
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

// newRecoveryCodes makes recovery codes of an owner: in clear, to be shown once, and as they are kept. What follows from the name
// of the set is always the same, so that whoever sends a form twice sees the codes that count.
func newRecoveryCodes(k *Keys, owner, set string, now time.Time) (codes []string, kept []Factor) {
	for n := range recoveryCodes {
		random := k.factorMAC("recovery code", owner, set, strconv.Itoa(n))
		code := strings.ToLower(recoveryEncoding.EncodeToString(random[:]))[:recoveryLength]
		codes = append(codes, code[:recoveryLength/2]+"-"+code[recoveryLength/2:])
		kept = append(kept, Factor{ID: k.recoveryID(owner, code), Owner: owner, Kind: FactorRecovery, Data: setName(set), CreatedAt: now})
	}
	return codes, kept
}

// setName is what is kept of the name of a set of recovery codes. The codes follow from the name itself, with the key.
func setName(set string) string {
	sum := sha256.Sum256([]byte(set))
	return hex.EncodeToString(sum[:8])
}

// currentSet names the set of recovery codes that counts, the newest one: two that were made at the same moment do not see each
// other, and do not remove each other's. Empty: there are no codes.
func currentSet(factors []Factor) string {
	var newest Factor
	for _, f := range factors {
		if f.Kind == FactorRecovery && cmp.Or(f.CreatedAt.Compare(newest.CreatedAt), strings.Compare(f.Data, newest.Data)) > 0 {
			newest = f
		}
	}
	return newest.Data
}

// factorsOf returns the factors of an owner that count, oldest first.
func (s *Server) factorsOf(ctx context.Context, owner string) ([]Factor, error) {
	factors, err := s.store.Factors(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("read factors: %w", err)
	}
	set := currentSet(factors)
	return slices.DeleteFunc(factors, func(f Factor) bool { return f.Kind == FactorRecovery && f.Data != set }), nil
}

// recoveryID returns under which ID a recovery code of the owner is kept. Without the key nobody can try codes on a copy
// of the store.
func (k *Keys) recoveryID(owner, code string) Hash { return k.factorMAC("recovery", owner, code) }

// normalizeCode returns the code that a person meant with what they typed.
func normalizeCode(typed string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "").Replace(NormalizeName(typed)))
}
