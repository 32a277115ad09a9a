// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"slices"
	"time"
)

const (
	// LongestJWT is the longest life of a JWT.
	LongestJWT = 24 * time.Hour
	// publishSlack covers clocks that differ and what verifiers keep of the JWKS.
	publishSlack = 2 * time.Hour
	// signingKeys is how many of the newest keys may be the active one. See Active.
	signingKeys = 2
	// keptSigning is how many of the newest keys keep their private signing keys: those that may
	// be the active one, and the one before, whose JWTs are still verified.
	keptSigning = signingKeys + 1
)

// signing returns the key's signing key of the algorithm.
func (k SetKey) signing(algorithm SigningAlgorithm) (SigningKey, bool) {
	for _, s := range k.Signing {
		if s.Algorithm == algorithm {
			return s, true
		}
	}
	return SigningKey{}, false
}

// Entry returns the name of the key's entry in the Secret. That of a signing key is
// the same, a dot and the algorithm.
func (k SetKey) Entry() string { return k.ID + "." + k.NotBefore.UTC().Format(dataTime) }

func (k SetKey) signingEntry(s SigningKey) string { return k.Entry() + "." + string(s.Algorithm) }

// SigningKey returns the key to sign with now: that of the active key, and whether there
// is one.
func (s KeySet) SigningKey(algorithm SigningAlgorithm, now time.Time) (SigningKey, bool) {
	return s.Active(now).signing(algorithm)
}

// Published returns the signing keys whose public halves belong into the JWKS now: those of the
// active key first, then of the key before it as long as a JWT from it may live, then of
// the key that waits. It is empty only if these have none.
func (s KeySet) Published(now time.Time) []SigningKey {
	if len(s.Keys) == 0 {
		return nil
	}
	active := s.activeIndex(now)
	published := slices.Clone(s.Keys[active].Signing)
	if active > 0 && now.Before(s.Keys[active].NotBefore.Add(LongestJWT+publishSlack)) {
		published = append(published, s.Keys[active-1].Signing...)
	}
	for _, k := range s.Keys[active+1:] {
		published = append(published, k.Signing...)
	}
	return published
}

// FindSigning returns the signing key with the kid, and whether the set has it. It may be one that
// is published no longer: of use only to recognize what was signed once.
func (s KeySet) FindSigning(kid string) (SigningKey, bool) {
	for _, k := range s.Keys {
		for _, signing := range k.Signing {
			if signing.ID == kid {
				return signing, true
			}
		}
	}
	return SigningKey{}, false
}

// SigningEntries returns the names of the entries of the signing keys in the Secret, by kid.
// It holds no secret.
func (s KeySet) SigningEntries() map[string]string {
	entries := map[string]string{}
	for _, k := range s.Keys {
		for _, signing := range k.Signing {
			entries[signing.ID] = k.signingEntry(signing)
		}
	}
	return entries
}

// Completed returns the set in which the two newest keys have a signing key for each algorithm,
// and whether one was missing. One of the two is the active key by any clock: see Active. It calls
// fresh for what is missing and not otherwise.
//
// Keys older than the three newest are returned without signing keys. That alone is
// no reason to write the set.
func (s KeySet) Completed(fresh func(SigningAlgorithm) SigningKey) (KeySet, bool) {
	keys, changed := slices.Clone(s.Keys), false
	for i := range keys {
		switch left := len(keys) - i; {
		case left > keptSigning:
			keys[i].Signing = nil
		case left <= signingKeys:
			var missing bool
			keys[i].Signing, missing = completed(keys[i], fresh)
			changed = changed || missing
		}
	}
	return KeySet{Keys: keys}, changed
}

func completed(k SetKey, fresh func(SigningAlgorithm) SigningKey) (all []SigningKey, missing bool) {
	for _, algorithm := range SigningAlgorithms() {
		signing, there := k.signing(algorithm)
		if !there {
			signing, missing = fresh(algorithm), true
		}
		all = append(all, signing)
	}
	return all, missing
}
