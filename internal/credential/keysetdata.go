// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ParseKeySet reads the data of the Secret. Each key has an entry that is named
// <ID>.<NotBefore as 20060102T150405Z> and holds its 32 bytes, and beside it at most one entry
// <ID>.<NotBefore>.<algorithm> for each algorithm, that holds a signing key in PKCS#8 DER.
//
// It refuses a set that is empty, has an entry of another form, has one ID or one signing
// key twice, or a signing key without its key.
func ParseKeySet(data map[string][]byte) (KeySet, error) {
	if most := maxSetKeys * (1 + len(SigningAlgorithms())); len(data) > most {
		return KeySet{}, fmt.Errorf("a key set has at most %d entries, this has %d", most, len(data))
	}
	var set KeySet
	var signing []string
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if strings.Count(name, ".") > 1 {
			signing = append(signing, name)
			continue
		}
		k, err := parseSetKey(name, data[name])
		if err != nil {
			return KeySet{}, fmt.Errorf("entry %q: %w", name, err)
		}
		if _, twice := set.Find(k.ID); twice {
			return KeySet{}, fmt.Errorf("the key ID %s is there twice", k.ID)
		}
		set.Keys = append(set.Keys, k)
	}
	switch {
	case len(data) == 0:
		return KeySet{}, errors.New("a key set needs at least one key")
	case len(set.Keys) > maxSetKeys:
		return KeySet{}, fmt.Errorf("a key set has at most %d keys, this has %d", maxSetKeys, len(set.Keys))
	}
	for _, name := range signing {
		if err := set.addSigning(name, data[name]); err != nil {
			return KeySet{}, fmt.Errorf("entry %q: %w (remove the entry, and the operator makes a signing key where one is needed)", name, err)
		}
	}
	set.sort()
	return set, nil
}

// Data is the inverse of ParseKeySet.
func (s KeySet) Data() map[string][]byte {
	data := make(map[string][]byte, len(s.Keys))
	for _, k := range s.Keys {
		data[k.Entry()] = k.Key.Bytes()
		for _, signing := range k.Signing {
			data[k.signingEntry(signing)] = signing.DER()
		}
	}
	return data
}

// addSigning gives the key that the name begins with its signing key. It belongs to ParseKeySet.
func (s KeySet) addSigning(name string, value []byte) error {
	dot := strings.LastIndexByte(name, '.')
	algorithm := SigningAlgorithm(name[dot+1:])
	if !slices.Contains(SigningAlgorithms(), algorithm) {
		return fmt.Errorf("the name must end with a time like %s, or with a time, a dot and one of RS256, PS256 and ES256", dataTime)
	}
	of := slices.IndexFunc(s.Keys, func(k SetKey) bool { return k.Entry() == name[:dot] })
	if of < 0 {
		return fmt.Errorf("the entry %q that it belongs to is missing", name[:dot])
	}
	key, err := ParseSigningKey(algorithm, value)
	if err != nil {
		return err
	}
	if other, taken := s.SigningEntries()[key.ID]; taken {
		return fmt.Errorf("it is the same key as the entry %q", other)
	}
	s.Keys[of].Signing = append(s.Keys[of].Signing, key)
	return nil
}

func (s KeySet) sort() {
	slices.SortFunc(s.Keys, func(a, b SetKey) int {
		return cmp.Or(a.NotBefore.Compare(b.NotBefore), strings.Compare(a.ID, b.ID))
	})
}

func parseSetKey(name string, value []byte) (SetKey, error) {
	id, stamp, _ := strings.Cut(name, ".")
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != idBytes || id != strings.ToLower(id) {
		return SetKey{}, fmt.Errorf("the name must begin with an ID of %d lower-case hexadecimal characters", 2*idBytes)
	}
	at, err := time.Parse(dataTime, stamp)
	if err != nil || at.Format(dataTime) != stamp {
		return SetKey{}, fmt.Errorf("the name must end with a time like %s", dataTime)
	}
	key, err := ParseKey(value)
	if err != nil {
		return SetKey{}, err
	}
	return SetKey{ID: id, NotBefore: at, Key: key}, nil
}
