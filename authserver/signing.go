// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// SigningKey returns the key that signs JWTs with the algorithm now. Its error wraps ErrUnavailable
// while there is none: the operator makes it.
func (s *Server) SigningKey(algorithm credential.SigningAlgorithm) (credential.SigningKey, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return credential.SigningKey{}, err
	}
	key, there := keys.set.SigningKey(algorithm, s.now())
	if !there {
		return credential.SigningKey{}, fmt.Errorf("the active key has no signing key for %s yet: %w", algorithm, ErrUnavailable)
	}
	return key, nil
}

// PublishedKeys returns the keys whose public halves belong into the JWKS now, those that sign
// first. Its error wraps ErrUnavailable while there are none: a JWKS is never empty.
func (s *Server) PublishedKeys() ([]credential.SigningKey, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	published := keys.set.Published(s.now())
	if len(published) == 0 {
		return nil, fmt.Errorf("there are no signing keys yet: %w", ErrUnavailable)
	}
	return published, nil
}

// FindSigningKey returns the key with the kid, and whether there is one. It may be one that is
// published no longer: it recognizes an ID token that comes back as a hint, and proves nothing else.
func (s *Server) FindSigningKey(kid string) (credential.SigningKey, bool, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return credential.SigningKey{}, false, err
	}
	key, found := keys.set.FindSigning(kid)
	return key, found, nil
}
