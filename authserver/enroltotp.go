// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
)

// TOTPEnrolment is what the page shows that adds an app.
type TOTPEnrolment struct {
	Secret string // in base32, for those who type it
	URI    string // for a QR code
	Ticket string // comes back with the form
}

// BeginTOTP returns what an app needs that is to be added.
func (s *Server) BeginTOTP(ctx context.Context, v *Visitor, issuer string) (TOTPEnrolment, error) {
	if err := s.MayChangeFactors(ctx, v); err != nil {
		return TOTPEnrolment{}, err
	}
	return s.totpEnrolment(v, issuer, s.newID())
}

// BeginTOTPAgain returns the same once more, for a page that comes back because its code was wrong.
func (s *Server) BeginTOTPAgain(v *Visitor, issuer, ticket string) (TOTPEnrolment, error) {
	page, err := s.openEnrolment(v, FactorTOTP, ticket)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	return s.totpEnrolment(v, issuer, page.Name)
}

func (s *Server) totpEnrolment(v *Visitor, issuer, name string) (TOTPEnrolment, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return TOTPEnrolment{}, err
	}
	ticket, err := s.sealEnrolment(v, FactorTOTP, name)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	secret := totpEncoding.EncodeToString(keys.totpSecretOf(v.Owner.Subject, sha256.Sum256([]byte(name))))
	return TOTPEnrolment{Secret: secret, URI: totpURI(issuer, v.Owner, secret), Ticket: ticket}, nil
}

// AddTOTP adds an app that shows the right code.
func (s *Server) AddTOTP(ctx context.Context, v *Visitor, ticket, code, name string) (Enrolled, error) {
	factors, err := s.changeableFactors(ctx, v)
	if err != nil {
		return Enrolled{}, err
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Enrolled{}, err
	}
	page, err := s.openEnrolment(v, FactorTOTP, ticket)
	if err != nil {
		return Enrolled{}, err
	}
	id, now := Hash(sha256.Sum256([]byte(page.Name))), s.now()
	step, ok := matchingStep(keys.totpSecretOf(v.Owner.Subject, id), normalizeCode(code), now, 0)
	if !ok || len(code) > maxTypedCode {
		return Enrolled{}, Refuse(WrongCode, "wrong code")
	}
	f := Factor{ID: id, Owner: v.Owner.Subject, Kind: FactorTOTP, Name: factorName(name), Counter: step, CreatedAt: now, UsedAt: now}
	return s.addFactor(ctx, v, factors, f, page.Name, methodOTP)
}
