// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"hash/crc32"
	"math/big"
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
	body := Prefix + encode(new(big.Int).SetBytes(raw[:]), bodyLength)
	return body + checksum(body)
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return encode(new(big.Int).SetUint64(uint64(sum)), checksumLength)
}

// encode writes n in base62, most significant character first, filled with
// zeroes to length.
func encode(n *big.Int, length int) string {
	out := make([]byte, length)
	base, rest := big.NewInt(int64(len(base62))), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		n.DivMod(n, base, rest)
		out[i] = base62[rest.Int64()]
	}
	return string(out)
}
