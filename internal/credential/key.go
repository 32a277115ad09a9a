// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Names of the Secrets in the system namespace that hold the keys, and of their
// data keys. A key is stored as its 32 raw bytes: a Secret's data is base64 in
// every manifest already.
const (
	// OperatorKeySecret holds the root key under RootDataKey. Only the operator
	// may read it.
	OperatorKeySecret = "gatehouse-operator-key"
	RootDataKey       = "root"
	// SharedKeySecret holds the key of the verifiers under SharedDataKey. Both
	// programs read it.
	SharedKeySecret = "gatehouse-shared-key"
	SharedDataKey   = "shared"
	// AuthserverKeysSecret holds the authserver's KeySet.
	AuthserverKeysSecret = "gatehouse-authserver-keys"
)

const redacted = "[redacted]"

// Key is 32 secret bytes. It prints as [redacted] in every form. The zero Key is
// no key: IsZero tells, everything else panics.
type Key struct {
	// Behind a function, because fmt does not call Format through an unexported
	// field of somebody else's struct. Of a function it can only print the address;
	// bytes behind a pointer would still be shown for a wrong verb.
	secret func() *[KeySize]byte
}

func newKey(b [KeySize]byte) Key {
	return Key{secret: func() *[KeySize]byte { return &b }}
}

// NewKey returns a random key.
func NewKey() Key {
	var b [KeySize]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return newKey(b)
}

// ParseKey returns the key of exactly 32 bytes. Its error never quotes them.
func ParseKey(b []byte) (Key, error) {
	if len(b) != KeySize {
		return Key{}, fmt.Errorf("a key is %d bytes, this is %d", KeySize, len(b))
	}
	return newKey([KeySize]byte(b)), nil
}

// Bytes returns a copy of the 32 bytes.
func (k Key) Bytes() []byte { return append([]byte(nil), k.bytes()...) }

// IsZero reports whether k was never set.
func (k Key) IsZero() bool { return k.secret == nil }

// Equal compares in constant time. Two zero keys are equal.
func (k Key) Equal(other Key) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() && other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.bytes(), other.bytes()) == 1
}

// Sub returns the key for one purpose, by HKDF-SHA256 (RFC 5869): what is made
// with it says nothing about k or about the key of another purpose.
func (k Key) Sub(purpose string) Key {
	return newKey(expand(k, domainSubKey, purpose))
}

// Format hides the key from every verb of fmt.
func (Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String hides the key.
func (Key) String() string { return redacted }

// LogValue hides the key from log/slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the key from encoders.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON hides the key from encoding/json.
func (Key) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

func (k Key) bytes() []byte {
	if k.IsZero() {
		panic("credential: the zero Key was used")
	}
	return k.secret()[:]
}
