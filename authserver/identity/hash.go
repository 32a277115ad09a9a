// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// hash is a password hash as the users file holds it.
type hash interface {
	// verify reports whether the password belongs to the hash. It takes the same time
	// whatever the answer.
	verify(password []byte) bool
	// cost names the algorithm and its parameters. Hashes of equal cost take equal time.
	cost() string
	// memory is how many bytes verify takes.
	memory() int64
	// decoy returns a hash of the same cost that belongs to no password.
	decoy() hash
	// String returns the hash as it stands in the file.
	String() string
}

// maxEncodedHash bounds the length of a hash in the file, in bytes.
const maxEncodedHash = 256

// HashPassword returns what belongs into a users file's passwordHash: argon2id with the
// least parameters OWASP's Password Storage Cheat Sheet allows (19 MiB, 2 passes, 1 lane)
// and a random salt. They are the least on purpose: each login in progress holds that
// memory. Unlike bcrypt, argon2id reads passwords of any length.
//
// It refuses an empty password and one of more than 1024 bytes: nobody could log in with it.
func HashPassword(password []byte) (string, error) {
	switch {
	case len(password) == 0:
		return "", errors.New("the password is empty")
	case len(password) > authserver.MaxPassword:
		return "", errors.New("the password is longer than 1024 bytes")
	}
	return newArgon2id(password).String(), nil
}

// parseHash reads a hash of either kind. Its errors never quote the hash.
func parseHash(encoded string) (hash, error) {
	switch {
	case encoded == "":
		return nil, errors.New("is missing")
	case len(encoded) > maxEncodedHash:
		return nil, errors.New("is too long for a bcrypt or argon2id hash")
	case strings.HasPrefix(encoded, argon2idPrefix):
		return parseArgon2id(encoded)
	case strings.HasPrefix(encoded, "$2"):
		return parseBcrypt(encoded)
	}
	return nil, errors.New("is neither a bcrypt nor an argon2id hash: `authserver hash-password` makes one")
}
