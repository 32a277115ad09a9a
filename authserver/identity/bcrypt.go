// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"golang.org/x/crypto/bcrypt"
)

const (
	// maxBcryptPassword is how many bytes bcrypt reads. It ignores the rest.
	maxBcryptPassword = 72
	// maxBcryptCost bounds the time of one login: each step doubles it, and 15 is
	// about two seconds of one core.
	maxBcryptCost = 15
)

// bcryptForm is the modular crypt format of bcrypt. The variants a, b and y differ only in
// how old programs came to them.
var bcryptForm = regexp.MustCompile(`\A\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}\z`)

type bcryptHash struct {
	encoded string
	rounds  int
}

func parseBcrypt(encoded string) (hash, error) {
	parts := bcryptForm.FindStringSubmatch(encoded)
	if parts == nil {
		return nil, errors.New("is not a whole bcrypt hash")
	}
	rounds, err := strconv.Atoi(parts[1])
	if err != nil || rounds < bcrypt.MinCost || rounds > maxBcryptCost {
		return nil, fmt.Errorf("has a bcrypt cost outside %d to %d", bcrypt.MinCost, maxBcryptCost)
	}
	return bcryptHash{encoded: encoded, rounds: rounds}, nil
}

// verify takes a password that bcrypt would cut off for a wrong one: otherwise two
// passwords that begin alike would be one.
func (h bcryptHash) verify(password []byte) bool {
	whole := len(password) <= maxBcryptPassword
	if !whole {
		password = password[:maxBcryptPassword]
	}
	return bcrypt.CompareHashAndPassword([]byte(h.encoded), password) == nil && whole
}

// memory is the state of Blowfish and what the library needs around it.
func (h bcryptHash) memory() int64 { return 8 << 10 }

func (h bcryptHash) cost() string { return fmt.Sprintf("bcrypt %02d", h.rounds) }

func (h bcryptHash) decoy() hash {
	var random [40]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	tail := base64.RawStdEncoding.EncodeToString(random[:])
	return bcryptHash{encoded: fmt.Sprintf("$2a$%02d$", h.rounds) + bcryptAlphabet(tail)[:53], rounds: h.rounds}
}

// bcryptAlphabet replaces what base64 has and bcrypt's own alphabet has not.
func bcryptAlphabet(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c == '+' {
			out[i] = '.'
		}
	}
	return string(out)
}

func (h bcryptHash) String() string { return h.encoded }
