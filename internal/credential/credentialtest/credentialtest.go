// SPDX-License-Identifier: Apache-2.0

// Package credentialtest makes signing keys for tests: cheap ones, because an RSA key
// takes a third of a second.
package credentialtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"sync"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// SigningKeys hands out signing keys that differ from each other. The zero value is ready to use. Two
// of them hand out the same RSA keys in the same order.
type SigningKeys struct {
	mu   sync.Mutex
	used int // RSA keys
}

// New returns the next signing key of the algorithm.
func (s *SigningKeys) New(algorithm credential.SigningAlgorithm) credential.SigningKey {
	if algorithm == credential.ES256 {
		return credential.NewSigningKey(algorithm)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, err := credential.ParseSigningKey(algorithm, rsaKey(s.used))
	if err != nil {
		panic(err)
	}
	s.used++
	return key
}

// Complete returns the set with the signing keys that it lacks.
func (s *SigningKeys) Complete(set credential.KeySet) credential.KeySet {
	set, _ = set.Completed(s.New)
	return set
}

var made struct {
	sync.Mutex
	primes []*big.Int
	keys   [][]byte
}

// rsaKey returns the nth RSA key of this process. With each new prime there is one key more for each
// prime before it. Keys that share a prime are worthless, and good enough for tests.
func rsaKey(n int) []byte {
	made.Lock()
	defer made.Unlock()
	for n >= len(made.keys) {
		p := prime()
		for _, q := range made.primes {
			made.keys = append(made.keys, encoded(p, q))
		}
		made.primes = append(made.primes, p)
	}
	return made.keys[n]
}

// prime returns one of 1024 bits that fits to the public exponent.
func prime() *big.Int {
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			panic(err)
		}
		if new(big.Int).Mod(less1(p), big.NewInt(exponent)).Sign() != 0 {
			return p
		}
	}
}

const exponent = 65537

func encoded(p, q *big.Int) []byte {
	phi := new(big.Int).Mul(less1(p), less1(q))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: exponent},
		D:         new(big.Int).ModInverse(big.NewInt(exponent), phi), Primes: []*big.Int{p, q},
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return der
}

func less1(n *big.Int) *big.Int { return new(big.Int).Sub(n, big.NewInt(1)) }
