// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/binary"
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
