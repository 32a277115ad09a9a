// SPDX-License-Identifier: Apache-2.0

package assertion

import "github.com/go-jose/go-jose/v4"

// kubernetesAlgorithms are those that the API server of a cluster signs tokens of ServiceAccounts with: by its RSA key, or by one on
// the curve P-256, P-384 or P-521.
var kubernetesAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// use is what a set of keys is for.
type use struct {
	// algorithms are those that a key of the kind is used with. Keys of other kinds are skipped.
	algorithms map[kind][]jose.SignatureAlgorithm
	// repeats: a key may be there twice. An API server that is told of one key by two flags says it twice.
	repeats bool
	// byKid: a key without a kid is skipped, and one is used for what names its kid alone. Kubernetes always names it. So no token has
	// the server try one key after another.
	byKid bool
	kinds string // in words
}

// kind is what kty and, where the key lies on a curve, crv say of a key (RFC 7517 §4.1, RFC 7518 §6.2.1.1, RFC 8037 §2).
type kind struct{ kty, crv string }

func kindOf(kty, crv string) kind {
	if kty == "RSA" {
		return kind{kty: kty}
	}
	return kind{kty: kty, crv: crv}
}

var (
	ofClients = use{
		algorithms: map[kind][]jose.SignatureAlgorithm{{"RSA", ""}: rsaAlgorithms, {"EC", "P-256"}: ecdsaAlgorithms, {"OKP", "Ed25519"}: edwardsAlgorithms},
		kinds:      "RSA, EC on the curve P-256, or Ed25519",
	}
	ofClusters = use{
		algorithms: map[kind][]jose.SignatureAlgorithm{{"RSA", ""}: {jose.RS256}, {"EC", "P-256"}: {jose.ES256}, {"EC", "P-384"}: {jose.ES384}, {"EC", "P-521"}: {jose.ES512}},
		repeats:    true,
		byKid:      true,
		kinds:      "RSA, or EC on the curve P-256, P-384 or P-521, with a kid",
	}
)

// ParseClusterKeys reads the JWK Set of a cluster, which its API server signs tokens of ServiceAccounts by: 1 to MaxKeys public keys,
// RSA of 2048 to 4096 bits, or EC on P-256, P-384 or P-521, each with a kid. Otherwise it is as ParseKeys.
func ParseClusterKeys(text []byte) ([]Key, error) { return ofClusters.parse(text) }
