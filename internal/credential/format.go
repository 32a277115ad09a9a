// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strings"
)

// Prefix begins every generated client secret, so that people and scanners see
// what they have found.
const Prefix = "ghs_"

// A secret is Prefix, 43 base62 characters (62^43 > 2^256, so 32 bytes always
// fit) and 6 base62 characters of checksum (62^6 > 2^32).
const (
	bodyLength     = 43
	checksumLength = 6
	secretLength   = len(Prefix) + bodyLength + checksumLength
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// WellFormed reports whether s has the form of a generated client secret: the
// prefix, 43 base62 characters, and the CRC-32 (IEEE) of both as 6 more. It needs
// no key: it is how a secret scanner tells a leaked secret from random text.
func WellFormed(s string) bool {
	if len(s) != secretLength || !strings.HasPrefix(s, Prefix) {
		return false
	}
	body, sum := s[:len(Prefix)+bodyLength], s[len(Prefix)+bodyLength:]
	for _, c := range []byte(body[len(Prefix):]) {
		if strings.IndexByte(base62, c) < 0 {
			return false
		}
	}
	return sum == checksum(body)
}

// The length of a client secret that somebody else made, in characters.
const (
	MinGivenLength = 32
	MaxGivenLength = 256
)

// CheckGiven returns what is wrong with a client secret that somebody else made. It has 32 to 256
// printable ASCII characters (RFC 6749 §A.2), and no blank at an end, where nobody sees it. The error
// never quotes it.
func CheckGiven(s string) error {
	switch trimmed := strings.TrimSpace(s); {
	case trimmed != s:
		return errors.New("it begins or ends with a blank or a line break: write it without, for instance with echo -n")
	case len(s) < MinGivenLength:
		return fmt.Errorf("it has fewer than %d characters, so it could be guessed", MinGivenLength)
	case len(s) > MaxGivenLength:
		return fmt.Errorf("it has more than %d characters", MaxGivenLength)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("it holds a character that is not printable ASCII")
	default:
		return nil
	}
}

// givenPrefix begins the ID of a credential that somebody else made. No other ID holds a dash.
const givenPrefix = "given-"

// GivenID returns the ID of the credential of an object whose client secret somebody else made. The same
// secret has the same ID. Without the shared key nothing follows from it.
func GivenID(shared Key, uid, secret string) string {
	sum := sha256.Sum256(frame(domainGivenID, uid, Verifier(shared, uid, givenPrefix, secret)))
	return givenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:idLength]
}

// IsGiven reports whether the credential ID is a GivenID.
func IsGiven(id string) bool { return strings.HasPrefix(id, givenPrefix) }

func format(raw [KeySize]byte) string {
	body := Prefix + encode(words(raw), bodyLength)
	return body + checksum(body)
}

// words returns a number of 32 bytes as encode wants it.
func words(raw [KeySize]byte) []uint64 {
	n := make([]uint64, KeySize/8)
	for i := range n {
		n[i] = binary.BigEndian.Uint64(raw[8*i:])
	}
	return n
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return encode([]uint64{uint64(sum)}, checksumLength)
}

// encode writes the number n in base62, most significant character first, filled with zeroes
// to length. n holds it in words, the most significant first, and is 0 afterwards. A server
// derives several secrets for each signed request, so this is written for speed.
func encode(n []uint64, length int) string {
	out := make([]byte, length)
	for i := length - 1; i >= 0; i-- {
		var rest uint64
		for word := range n {
			n[word], rest = bits.Div64(rest, n[word], uint64(len(base62)))
		}
		out[i] = base62[rest]
	}
	return string(out)
}
