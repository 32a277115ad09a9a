// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
)

const (
	// RecentLogin is how old a login may be for factors to be changed in it.
	RecentLogin = 10 * time.Minute
	// maxFactorName is how long a person's name for a factor may be, in bytes: 40 characters of any script.
	maxFactorName = 160
)

// Factors returns the visitor's factors, oldest first.
func (s *Server) Factors(ctx context.Context, v *Visitor) ([]Factor, error) {
	factors, err := s.store.Factors(ctx, v.Owner.Subject)
	return factors, wrap("read factors", err)
}

// MayHaveFactors reports whether the visitor may have factors here: they logged in with a password. A second step of people who log
// in on another server is that server's to ask for, and it need not say how old a login there is.
func (v *Visitor) MayHaveFactors() bool { return slices.Contains(v.Session.Methods, methodPassword) }

// MayChangeFactors returns LoginTooOld unless the visitor logged in a moment ago, with a factor if they have one: whoever
// finds an open browser, or a password, does not get to keep an account. FactorRefused: they may have none.
func (s *Server) MayChangeFactors(ctx context.Context, v *Visitor) error {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return err
	}
	return s.mayChange(v, factors)
}

func (s *Server) mayChange(v *Visitor, factors []Factor) error {
	if !v.MayHaveFactors() {
		return Refuse(FactorRefused, "the second step of people who log in on another server is asked for there")
	}
	if s.now().Sub(v.Session.AuthenticatedAt) >= RecentLogin || demandFactor(factors) && !v.Session.TwoFactors() {
		return Refuse(LoginTooOld, "log in again to change how you log in")
	}
	return nil
}

// TOTPEnrolment is what the page shows that adds an app.
type TOTPEnrolment struct {
	Secret string // in base32, for those who type it
	URI    string // for a QR code
	Ticket string // comes back with the form
}

// enrolment is what a page that adds a factor is for, sealed into its form. Nothing is kept before the form comes.
type enrolment struct {
	Session string    `json:"s"` // the hash, in base64
	Name    string    `json:"n"` // random
	Ends    time.Time `json:"e"`
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
	name, err := s.openEnrolment(v, ticket)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	return s.totpEnrolment(v, issuer, name)
}

func (s *Server) totpEnrolment(v *Visitor, issuer, name string) (TOTPEnrolment, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return TOTPEnrolment{}, err
	}
	now := s.now()
	plain, err := json.Marshal(enrolment{
		Session: base64.RawURLEncoding.EncodeToString(v.Session.Hash[:]), Name: name, Ends: now.Add(RecentLogin),
	})
	if err != nil {
		return TOTPEnrolment{}, fmt.Errorf("marshal an enrolment: %w", err)
	}
	secret := totpEncoding.EncodeToString(keys.totpSecretOf(v.Owner.Subject, sha256.Sum256([]byte(name))))
	return TOTPEnrolment{
		Secret: secret, URI: totpURI(issuer, v.Owner, secret), Ticket: base64.RawURLEncoding.EncodeToString(keys.seal(forEnrolment, now, plain)),
	}, nil
}

// openEnrolment returns the random name in a ticket of the visitor's own, in this login.
func (s *Server) openEnrolment(v *Visitor, ticket string) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	refused := Refuse(FactorRefused, "the page is too old, or was shown in another login")
	raw, ok := decode(ticket)
	if !ok || len(ticket) > MaxSealedInteraction {
		return "", refused
	}
	var e enrolment
	plain, err := keys.open(forEnrolment, raw)
	if err != nil || json.Unmarshal(plain, &e) != nil || !s.now().Before(e.Ends) || e.Session != base64.RawURLEncoding.EncodeToString(v.Session.Hash[:]) {
		return "", refused
	}
	return e.Name, nil
}

// Enrolled is what comes of a factor that was added.
type Enrolled struct {
	// RecoveryCodes are to be shown once; none: the person has some.
	RecoveryCodes []string
	// Login takes the place of the visitor's session, in which two factors are proven now. Nil: they were before.
	Login *Login
}

// AddTOTP adds an app that shows the right code.
func (s *Server) AddTOTP(ctx context.Context, v *Visitor, ticket, code, name string) (Enrolled, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return Enrolled{}, err
	}
	if err := s.mayChange(v, factors); err != nil {
		return Enrolled{}, err
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Enrolled{}, err
	}
	random, err := s.openEnrolment(v, ticket)
	if err != nil {
		return Enrolled{}, err
	}
	id, now := Hash(sha256.Sum256([]byte(random))), s.now()
	step, ok := matchingStep(keys.totpSecretOf(v.Owner.Subject, id), normalizeCode(code), now, 0)
	if !ok || len(code) > maxTypedCode {
		return Enrolled{}, Refuse(WrongCode, "wrong code")
	}
	f := Factor{ID: id, Owner: v.Owner.Subject, Kind: FactorTOTP, Name: factorName(name), Counter: step, CreatedAt: now, UsedAt: now}
	return s.addFactor(ctx, v, factors, f, methodOTP)
}

// addFactor adds a factor that the visitor has just proven, with recovery codes if it is the first one. Then every other
// session ends: whoever adds a factor because somebody has their password does not want to leave them signed in.
func (s *Server) addFactor(ctx context.Context, v *Visitor, factors []Factor, f Factor, methods ...string) (Enrolled, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Enrolled{}, err
	}
	var e Enrolled
	add, now := []Factor{f}, s.now()
	if !slices.ContainsFunc(factors, func(f Factor) bool { return f.Kind == FactorRecovery }) {
		codes, kept := s.newRecoveryCodes(keys, v.Owner.Subject, now)
		e.RecoveryCodes, add = codes, append(add, kept...)
	}
	_, err = s.store.ChangeFactors(ctx, v.Owner.Subject, nil, add)
	if errors.Is(err, ErrExists) {
		return Enrolled{}, Refuse(FactorRefused, "it was added before, or there are too many")
	}
	if err != nil {
		return Enrolled{}, fmt.Errorf("keep a factor: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorAdded, Owner: v.Owner.Name, Reason: string(f.Kind)})
	if v.Session.TwoFactors() {
		return e, nil
	}
	e.Login, err = s.raiseSession(ctx, v, methods)
	return e, err
}

// raiseSession opens a session in the place of all others of the visitor, who has proven a second factor in it. What they
// proved before is as old as it was.
func (s *Server) raiseSession(ctx context.Context, v *Visitor, methods []string) (*Login, error) {
	person, err := s.store.Person(ctx, v.Owner.Subject)
	if err != nil {
		return nil, fmt.Errorf("read the person who logs in: %w", err)
	}
	login, err := s.openRaised(ctx, v, person, methods)
	if err != nil {
		return nil, err
	}
	if err := s.store.DeleteSessions(ctx, v.Owner.Subject, sha256.Sum256([]byte(login.Session))); err != nil {
		return nil, fmt.Errorf("delete sessions: %w", err)
	}
	s.audit(ctx, Event{Name: EventSignedOut, Owner: v.Owner.Name, Reason: "all other sessions ended with the first factor"})
	return login, nil
}

// openRaised opens a session like the visitor's, with a second factor.
func (s *Server) openRaised(ctx context.Context, v *Visitor, person Person, methods []string) (*Login, error) {
	token, raised := s.newID(), v.Session
	raised.Hash, raised.Methods = sha256.Sum256([]byte(token)), raisedMethods(v.Session.Methods, methods)
	if err := s.store.CreateSession(ctx, raised, Confirmation{Person: person}); err != nil {
		return nil, fmt.Errorf("create session: %w", err)
	}
	if err := s.confirmPage(ctx, []Person{person}); err != nil {
		return nil, err
	}
	return &Login{Owner: person.Owner, Session: token, ExpiresAt: raised.ExpiresAt}, nil
}

// RenewRecoveryCodes makes new recovery codes, which take the place of those that are left.
func (s *Server) RenewRecoveryCodes(ctx context.Context, v *Visitor) ([]string, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(v, factors); err != nil {
		return nil, err
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	if !demandFactor(factors) {
		return nil, Refuse(FactorRefused, "there is no factor to stand in for")
	}
	codes, kept := s.newRecoveryCodes(keys, v.Owner.Subject, s.now())
	if _, err := s.store.ChangeFactors(ctx, v.Owner.Subject, idsOf(factors, FactorRecovery), kept); err != nil {
		return nil, fmt.Errorf("keep recovery codes: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorAdded, Owner: v.Owner.Name, Reason: "new recovery codes"})
	return codes, nil
}

// RemoveFactor removes one of the visitor's factors, and with the last one their recovery codes. It is no error if there is
// none with the ID, and nothing happens to somebody else's.
func (s *Server) RemoveFactor(ctx context.Context, v *Visitor, id string) error {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return err
	}
	if err := s.mayChange(v, factors); err != nil {
		return err
	}
	n := slices.IndexFunc(factors, func(f Factor) bool { return f.Kind != FactorRecovery && hex.EncodeToString(f.ID[:]) == id })
	if n < 0 {
		return nil
	}
	removed := factors[n]
	goes := []Hash{removed.ID}
	if left := slices.Delete(slices.Clone(factors), n, n+1); !demandFactor(left) {
		goes = append(goes, idsOf(left, FactorRecovery)...)
	}
	if _, err := s.store.ChangeFactors(ctx, v.Owner.Subject, goes, nil); err != nil {
		return fmt.Errorf("remove a factor: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorRemoved, Owner: v.Owner.Name, Reason: string(removed.Kind)})
	return nil
}

// idsOf returns the IDs of the factors of a kind.
func idsOf(factors []Factor, kind FactorKind) []Hash {
	var ids []Hash
	for _, f := range factors {
		if f.Kind == kind {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// factorName returns what a person calls a factor, as it is kept.
func factorName(typed string) string {
	name := NormalizeName(typed)
	if len(name) > maxFactorName || slices.ContainsFunc([]rune(name), unicode.IsControl) {
		return ""
	}
	return name
}
