// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// CountProofs makes the server count how often it computes a verifier or derives a secret.
func (s *Server) CountProofs() (verified, derived *atomic.Int64) {
	verified, derived = new(atomic.Int64), new(atomic.Int64)
	s.verifySecret = func(key credential.Key, clientUID, credentialID, secret, verifier string) bool {
		verified.Add(1)
		return credential.VerifyWith(key, clientUID, credentialID, secret, verifier)
	}
	s.deriveSecret = func(root credential.Key, clientUID, credentialID string) string {
		derived.Add(1)
		return credential.Derive(root, clientUID, credentialID)
	}
	return verified, derived
}

// SetClientsCurrent replaces the question whether what is known of the clients is current.
func (s *Server) SetClientsCurrent(current func() error) { s.clientsCurrent = current }

// SetDirectory replaces the directory.
func (s *Server) SetDirectory(d Directory) { s.directory = d }

// SetPasswordChangeEndsGrants changes whether a new password ends a person's grants.
func (s *Server) SetPasswordChangeEndsGrants(ends bool) { s.passwordChangeEndsGrants = ends }

// SetNewID replaces what makes names.
func (s *Server) SetNewID(newID func() string) { s.newID = newID }

// TOTPCode returns what an app shows at a time.
func TOTPCode(secret []byte, now time.Time) string { return totpCode(secret, stepAt(now)) }
