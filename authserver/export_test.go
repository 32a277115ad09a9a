// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
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

// Uses are what a server gathers of uses.
type Uses = uses

// NewUses returns Uses without any.
func NewUses() *Uses { return newUses() }

// Find and Add are the two ways in which a use of a credential of client "c" is noted, each under a lock.
func (u *Uses) Find(now time.Time) { u.find(usingKey{uid: "c"}, hourOf(now)) }
func (u *Uses) Add(now time.Time)  { u.add(usingKey{uid: "c"}, hourOf(now)) }

// Write has what is gathered written, and returns the hours of the uses.
func (u *Uses) Write(now time.Time) (hours []time.Time) {
	found, of := u.gathered(now)
	for _, use := range found {
		of[usingKey{use.UID, use.CredentialID}].written = hourOf(use.UsedAt)
		hours = append(hours, use.UsedAt)
	}
	return hours
}

// FillUses has the server gather as many uses as it has room for, all of them written, and returns how many these are.
func (s *Server) FillUses(now time.Time) int {
	for n := 0; ; n++ {
		entry := s.uses.note("another", fmt.Sprint(n), now)
		if entry == nil {
			s.uses.missed = 0
			return n
		}
		entry.written = hourOf(now)
	}
}

// GatheredUses returns how many uses the server gathers.
func (s *Server) GatheredUses() int { return len(s.uses.of) }
