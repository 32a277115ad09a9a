// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
)

// SigningAlgorithm is how a JWT is signed, by its name in RFC 7518 §3.1.
type SigningAlgorithm string

// The algorithms that the authorization server signs with.
const (
	ES256 SigningAlgorithm = "ES256"
	PS256 SigningAlgorithm = "PS256"
	RS256 SigningAlgorithm = "RS256"
)

// SigningAlgorithms returns all of them, sorted.
func SigningAlgorithms() []SigningAlgorithm { return []SigningAlgorithm{ES256, PS256, RS256} }

const (
	// rsaBits is the size of a new RSA key, and the least that RFC 7518 §3.3 allows.
	rsaBits = 2048
	// maxRSABits bounds what one signature costs.
	maxRSABits = 4096
	// maxSigningDER bounds one entry of the Secret. A key of 4096 bits needs 2.4 kB.
	maxSigningDER = 4096
)

// SigningKey is a private key that signs JWTs with one algorithm. It is a crypto.Signer that
// prints without its private half in every form. Of the zero SigningKey, IsZero tells;
// everything else panics.
type SigningKey struct {
	// Algorithm is the only one that the key signs with.
	Algorithm SigningAlgorithm
	// ID is the kid: the RFC 7638 thumbprint of the public key. Another key has another kid.
	ID string
	// Behind a function for the reason that Key gives.
	secret func() *signingSecret
}

type signingSecret struct {
	signer crypto.Signer
	der    []byte
}

// NewSigningKey makes a key of one of SigningAlgorithms: RSA of 2048 bits, or ECDSA on P-256.
// An RSA key takes a third of a second.
func NewSigningKey(algorithm SigningAlgorithm) SigningKey {
	var private crypto.Signer
	var err error
	if algorithm == ES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		panic("credential: no signing key can be made: " + err.Error()) // the source of randomness never fails
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic("credential: a new signing key cannot be written")
	}
	key, err := ParseSigningKey(algorithm, der)
	if err != nil {
		panic("credential: a new signing key cannot be used: " + err.Error())
	}
	return key
}

// ParseSigningKey reads a key of the algorithm from PKCS#8 DER. Its error never quotes the bytes.
func ParseSigningKey(algorithm SigningAlgorithm, der []byte) (SigningKey, error) {
	if len(der) > maxSigningDER {
		return SigningKey{}, fmt.Errorf("a signing key has at most %d bytes, this has %d", maxSigningDER, len(der))
	}
	var whole asn1.RawValue
	rest, _ := asn1.Unmarshal(der, &whole) // x509 overlooks what follows
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil || len(rest) > 0 {
		return SigningKey{}, errors.New("it is no private key in PKCS#8 DER") // err is about the bytes
	}
	signer, err := signerFor(algorithm, private)
	if err != nil {
		return SigningKey{}, err
	}
	id, err := thumbprint(signer.Public())
	if err != nil {
		return SigningKey{}, err
	}
	secret := &signingSecret{signer: signer, der: bytes.Clone(der)}
	return SigningKey{Algorithm: algorithm, ID: id, secret: func() *signingSecret { return secret }}, nil
}

func signerFor(algorithm SigningAlgorithm, private any) (crypto.Signer, error) {
	switch algorithm {
	case RS256, PS256:
		key, ok := private.(*rsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("a key of %s is an RSA key, this is of another kind", algorithm)
		}
		if bits := key.N.BitLen(); bits < rsaBits || bits > maxRSABits {
			return nil, fmt.Errorf("an RSA key has %d to %d bits, this has %d", rsaBits, maxRSABits, bits)
		}
		return key, nil
	case ES256:
		key, ok := private.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("a key of %s is an ECDSA key, this is of another kind", algorithm)
		}
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("a key of %s is on the curve P-256, this is on another one", algorithm)
		}
		return key, nil
	default:
		return nil, errors.New("the algorithm is none of RS256, PS256 and ES256")
	}
}

// thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638 §3), in base64url.
func thumbprint(public crypto.PublicKey) (string, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	var text string
	switch key := public.(type) {
	case *rsa.PublicKey:
		text = `{"e":"` + b64(big.NewInt(int64(key.E)).Bytes()) + `","kty":"RSA","n":"` + b64(key.N.Bytes()) + `"}`
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			return "", errors.New("its public key is no point of the curve")
		}
		half := 1 + len(point)/2
		text = `{"crv":"P-256","kty":"EC","x":"` + b64(point[1:half]) + `","y":"` + b64(point[half:]) + `"}`
	default:
		return "", errors.New("its public key is of another kind")
	}
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:]), nil
}

// Public returns the public key: *rsa.PublicKey or *ecdsa.PublicKey.
func (k SigningKey) Public() crypto.PublicKey { return k.reveal().signer.Public() }

// Sign signs a SHA-256 digest as the algorithm of the key wants it; an ES256 signature is in
// ASN.1. It refuses options of another algorithm. Of PSS options the salt length does not count:
// it is that of the hash (RFC 7518 §3.5), also where a library asks for the longest. The source
// of randomness is always crypto/rand.
func (k SigningKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	_, pss := opts.(*rsa.PSSOptions)
	if opts == nil || opts.HashFunc() != crypto.SHA256 || pss != (k.Algorithm == PS256) {
		return nil, fmt.Errorf("the key signs with %s and with no other algorithm", k.Algorithm)
	}
	if pss {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	}
	return k.reveal().signer.Sign(rand.Reader, digest, opts)
}

// DER returns a copy of the private key in PKCS#8, as it was read.
func (k SigningKey) DER() []byte { return bytes.Clone(k.reveal().der) }

// IsZero reports whether k was never set.
func (k SigningKey) IsZero() bool { return k.secret == nil }

// Equal reports whether both sign with one algorithm and one key.
func (k SigningKey) Equal(other SigningKey) bool {
	return k.Algorithm == other.Algorithm && k.ID == other.ID
}

// Format hides the private key from every verb of fmt.
func (k SigningKey) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// String names the key by its algorithm and its kid.
func (k SigningKey) String() string { return string(k.Algorithm) + " " + k.ID + " " + redacted }

// LogValue hides the private key from log/slog.
func (k SigningKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText hides the private key from encoders.
func (k SigningKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

func (k SigningKey) reveal() *signingSecret {
	if k.IsZero() {
		panic("credential: the zero SigningKey was used")
	}
	return k.secret()
}
