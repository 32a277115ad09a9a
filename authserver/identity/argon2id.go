// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

const argon2idPrefix = "$argon2id$"

// What a hash in the file may ask for. The memory is bounded at what RFC 9106 §4 and other
// tools recommend: 64 MiB. The pool bounds what all hashes take at a time.
const (
	maxArgonMemory  = 64 * 1024 // KiB
	maxArgonPasses  = 10
	maxArgonLanes   = 4
	minArgonSalt    = 8
	minArgonKey     = 16
	maxArgonSaltKey = 64
)

// argonBase64 is the base64 of the PHC string format: standard alphabet, no padding.
var argonBase64 = base64.RawStdEncoding.Strict()

type argon2idHash struct {
	kibibytes uint32 // of memory
	passes    uint32
	lanes     uint8
	salt      []byte
	key       []byte
}

// ownArgon2id returns a hash with the parameters of HashPassword, a salt of its own and no key yet.
func ownArgon2id() argon2idHash {
	return argon2idHash{kibibytes: 19 * 1024, passes: 2, lanes: 1, salt: random(16), key: make([]byte, 32)}
}

func newArgon2id(password []byte) argon2idHash {
	h := ownArgon2id()
	h.key = h.derive(password)
	return h
}

// parseArgon2id reads the PHC string format:
// $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<key>.
func parseArgon2id(encoded string) (hash, error) {
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[2] != "v=19" {
		return nil, errors.New("is not of the form $argon2id$v=19$m=...,t=...,p=...$salt$key")
	}
	h, err := parseArgonCost(parts[3])
	if err != nil {
		return nil, err
	}
	if h.salt, err = decodeArgon(parts[4], minArgonSalt); err != nil {
		return nil, fmt.Errorf("has a salt that %w", err)
	}
	if h.key, err = decodeArgon(parts[5], minArgonKey); err != nil {
		return nil, fmt.Errorf("has a key that %w", err)
	}
	return h, nil
}

func parseArgonCost(s string) (argon2idHash, error) {
	var numbers [3]uint32
	fields := strings.Split(s, ",")
	if len(fields) != len(numbers) {
		return argon2idHash{}, errors.New("needs the argon2id parameters m, t and p, in this order")
	}
	limits := [3]uint64{maxArgonMemory, maxArgonPasses, maxArgonLanes}
	for i, name := range []string{"m=", "t=", "p="} {
		digits, found := strings.CutPrefix(fields[i], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !found || err != nil || strconv.FormatUint(n, 10) != digits {
			return argon2idHash{}, errors.New("needs the argon2id parameters m, t and p, in this order")
		}
		if n < 1 || n > limits[i] {
			return argon2idHash{}, fmt.Errorf("has an argon2id parameter %s outside 1 to %d", name[:1], limits[i])
		}
		numbers[i] = uint32(n)
	}
	h := argon2idHash{kibibytes: numbers[0], passes: numbers[1], lanes: uint8(numbers[2])}
	if h.kibibytes < 8*uint32(h.lanes) { // RFC 9106 §3.1
		return argon2idHash{}, errors.New("needs an argon2id memory of at least 8 KiB for each lane")
	}
	return h, nil
}

func decodeArgon(s string, least int) ([]byte, error) {
	out, err := argonBase64.DecodeString(s)
	// The decoder skips line breaks, so only what encodes back is taken.
	if err != nil || argonBase64.EncodeToString(out) != s {
		return nil, errors.New("is not base64 without padding")
	}
	if len(out) < least || len(out) > maxArgonSaltKey {
		return nil, fmt.Errorf("is not %d to %d bytes long", least, maxArgonSaltKey)
	}
	return out, nil
}

func (h argon2idHash) derive(password []byte) []byte {
	return argon2.IDKey(password, h.salt, h.passes, h.kibibytes, h.lanes, uint32(len(h.key)))
}

func (h argon2idHash) verify(password []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(password), h.key) == 1
}

func (h argon2idHash) cost() string {
	return fmt.Sprintf("argon2id m=%08d,t=%02d,p=%d", h.kibibytes, h.passes, h.lanes)
}

func (h argon2idHash) memory() int64 { return int64(h.kibibytes) << 10 }

func (h argon2idHash) decoy() hash {
	h.salt, h.key = random(len(h.salt)), random(len(h.key))
	return h
}

func (h argon2idHash) String() string {
	return fmt.Sprintf("%sv=19$m=%d,t=%d,p=%d$%s$%s", argon2idPrefix, h.kibibytes, h.passes, h.lanes,
		argonBase64.EncodeToString(h.salt), argonBase64.EncodeToString(h.key))
}

func random(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out) // never fails: it ends the program instead
	return out
}
