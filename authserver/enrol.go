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
	return s.factorsOf(ctx, v.Owner.Subject)
}

// MayHaveFactors reports whether the visitor may have factors here: they logged in with a password or a passkey. A second step of people
// who log in on another server is that server's to ask for, and it need not say how old a login there is.
func (v *Visitor) MayHaveFactors() bool {
	return slices.Contains(v.Session.Methods, methodPassword) || slices.Contains(v.Session.Methods, methodKey)
}

// MayChangeFactors returns LoginTooOld unless the visitor logged in a moment ago, with a factor if they have one: whoever
// finds an open browser, or a password, does not get to keep an account. FactorRefused: they may have none.
func (s *Server) MayChangeFactors(ctx context.Context, v *Visitor) error {
	_, err := s.changeableFactors(ctx, v)
	return err
}

// changeableFactors returns the visitor's factors, if they may change them.
func (s *Server) changeableFactors(ctx context.Context, v *Visitor) ([]Factor, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return nil, err
	}
	return factors, s.mayChange(v, factors)
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

// enrolment is what a page that adds a factor is for, sealed into its form. Nothing is kept before the form comes.
type enrolment struct {
	Session string     `json:"s"` // the hash, in base64
	Kind    FactorKind `json:"k"`
	Name    string     `json:"n"` // random
	Ends    time.Time  `json:"e"`
}

// sealEnrolment returns the ticket of a page for the visitor in this login.
func (s *Server) sealEnrolment(v *Visitor, kind FactorKind, name string) (ticket string, err error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	now := s.now()
	plain, err := json.Marshal(enrolment{
		Session: base64.RawURLEncoding.EncodeToString(v.Session.Hash[:]), Kind: kind, Name: name, Ends: now.Add(RecentLogin),
	})
	if err != nil {
		return "", fmt.Errorf("marshal an enrolment: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(keys.seal(forEnrolment, now, plain)), nil
}

// openEnrolment returns what is in a ticket of the visitor's own, in this login.
func (s *Server) openEnrolment(v *Visitor, kind FactorKind, ticket string) (enrolment, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return enrolment{}, err
	}
	refused := Refuse(FactorRefused, "the page is too old, or was shown in another login")
	raw, ok := decode(ticket)
	if !ok || len(ticket) > MaxSealedInteraction {
		return enrolment{}, refused
	}
	var e enrolment
	plain, err := keys.open(forEnrolment, raw)
	if err != nil || json.Unmarshal(plain, &e) != nil || e.Kind != kind || !s.now().Before(e.Ends) ||
		e.Session != base64.RawURLEncoding.EncodeToString(v.Session.Hash[:]) {
		return enrolment{}, refused
	}
	return e, nil
}

// Enrolled is what comes of a factor that was added.
type Enrolled struct {
	// RecoveryCodes are to be shown once; none: the person has some.
	RecoveryCodes []string
	// Login takes the place of the visitor's session, in which two factors are proven now. Nil: they were before.
	Login *Login
}

// addFactor adds a factor that the visitor has just proven on the page that the set of recovery codes is named after. The first one
// comes with the codes. Then every other session ends: whoever adds a factor because somebody has their password does not want to
// leave them signed in. A form that comes twice gets the same answer twice.
func (s *Server) addFactor(ctx context.Context, v *Visitor, factors []Factor, f Factor, set string, methods ...string) (Enrolled, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return Enrolled{}, err
	}
	var e Enrolled
	add, now := []Factor{f}, s.now()
	if codes, kept := newRecoveryCodes(keys, v.Owner.Subject, set, now); currentSet(factors) == "" || currentSet(factors) == setName(set) {
		e.RecoveryCodes, add = codes, append(add, kept...)
	}
	_, err = s.store.ChangeFactors(ctx, v.Owner.Subject, nil, add)
	if errors.Is(err, ErrExists) {
		e, err = s.addedBefore(ctx, v, f, set, e)
	} else if err == nil {
		s.audit(ctx, Event{Name: EventFactorAdded, Owner: v.Owner.Name, Reason: string(f.Kind)})
	}
	if err != nil {
		return Enrolled{}, wrap("keep a factor", err)
	}
	if v.Session.TwoFactors() {
		return e, nil
	}
	e.Login, err = s.raiseSession(ctx, v, methods)
	return e, err
}

// addedBefore returns what came of a factor that the visitor added before with the same form, or refuses.
func (s *Server) addedBefore(ctx context.Context, v *Visitor, f Factor, set string, e Enrolled) (Enrolled, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return Enrolled{}, err
	}
	if !slices.ContainsFunc(factors, func(other Factor) bool { return other.ID == f.ID && other.Kind == f.Kind }) {
		return Enrolled{}, Refuse(FactorRefused, "somebody has it, or there are too many")
	}
	if currentSet(factors) != setName(set) {
		e.RecoveryCodes = nil
	}
	return e, nil
}

// raiseSession opens a session in the place of all others of the visitor, who has proven a second factor in it. What they
// proved before is as old as it was.
func (s *Server) raiseSession(ctx context.Context, v *Visitor, methods []string) (*Login, error) {
	login, err := s.openRaised(ctx, v, methods)
	if err != nil {
		return nil, err
	}
	if err := s.store.DeleteSessions(ctx, v.Owner.Subject, sha256.Sum256([]byte(login.Session))); err != nil {
		return nil, fmt.Errorf("delete sessions: %w", err)
	}
	s.sessionsEnded()
	s.audit(ctx, Event{Name: EventSignedOut, Owner: v.Owner.Name, Reason: "all other sessions ended with the first factor"})
	return login, nil
}

// openRaised opens a session like the visitor's, with a second factor.
func (s *Server) openRaised(ctx context.Context, v *Visitor, methods []string) (*Login, error) {
	token, raised := s.newID(), v.Session
	raised.First = v.Session.FirstHash()
	raised.Hash, raised.Methods = sha256.Sum256([]byte(token)), raisedMethods(v.Session.Methods, methods)
	if err := s.openKept(ctx, raised, token); err != nil {
		return nil, err
	}
	return &Login{Owner: v.Owner, Session: token, ExpiresAt: raised.ExpiresAt}, nil
}

// BeginRecoveryCodes returns the ticket of a form that makes new recovery codes.
func (s *Server) BeginRecoveryCodes(v *Visitor) (ticket string, err error) {
	return s.sealEnrolment(v, FactorRecovery, s.newID())
}

// RenewRecoveryCodes makes new recovery codes, which take the place of those that are left. A form that comes twice gets the
// same codes twice, until another one has made newer ones: then it is refused, or it would bring back codes that were used.
func (s *Server) RenewRecoveryCodes(ctx context.Context, v *Visitor, ticket string) ([]string, error) {
	factors, err := s.changeableFactors(ctx, v)
	if err != nil {
		return nil, err
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	if !demandFactor(factors) {
		return nil, Refuse(FactorRefused, "there is no factor to stand in for")
	}
	page, err := s.openEnrolment(v, FactorRecovery, ticket)
	if err != nil {
		return nil, err
	}
	codes, kept := newRecoveryCodes(keys, v.Owner.Subject, page.Name, s.now())
	if currentSet(factors) != setName(page.Name) {
		if err := s.replaceRecoveryCodes(ctx, v, page, kept); err != nil {
			return nil, err
		}
	}
	// Nobody sees the codes before the form is spent, so none of them can be used before.
	if err := s.store.Spend(ctx, page.key(), s.now(), page.Ends); err != nil && !errors.Is(err, ErrExists) {
		return nil, fmt.Errorf("spend the form: %w", err)
	}
	return codes, nil
}

// replaceRecoveryCodes keeps the codes of a form in the place of all others, unless it was done before.
func (s *Server) replaceRecoveryCodes(ctx context.Context, v *Visitor, page enrolment, kept []Factor) error {
	spent, err := s.store.Spent(ctx, page.key(), s.now())
	if err != nil {
		return fmt.Errorf("read whether the form is spent: %w", err)
	}
	if spent {
		return Refuse(FactorRefused, "the codes of this page were replaced by newer ones")
	}
	goes, err := s.recoveryIDs(ctx, v.Owner.Subject)
	if err != nil {
		return err
	}
	if _, err := s.store.ChangeFactors(ctx, v.Owner.Subject, goes, kept); errors.Is(err, ErrExists) {
		return Refuse(TemporarilyUnavailable, "codes were made at the same moment")
	} else if err != nil {
		return fmt.Errorf("keep recovery codes: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorAdded, Owner: v.Owner.Name, Reason: "new recovery codes"})
	return nil
}

// key marks the form as used.
func (e enrolment) key() Hash { return sha256.Sum256([]byte("enrolment " + e.Name)) }

// RemoveFactor removes one of the visitor's factors, and with the last one their recovery codes. It is no error if there is
// none with the ID, and nothing happens to somebody else's.
func (s *Server) RemoveFactor(ctx context.Context, v *Visitor, id string) error {
	factors, err := s.changeableFactors(ctx, v)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(factors, func(f Factor) bool { return f.Kind != FactorRecovery && hex.EncodeToString(f.ID[:]) == id })
	if n < 0 {
		return nil
	}
	removed := factors[n]
	goes := []Hash{removed.ID}
	if left := slices.Delete(slices.Clone(factors), n, n+1); !demandFactor(left) {
		codes, err := s.recoveryIDs(ctx, v.Owner.Subject)
		if err != nil {
			return err
		}
		goes = append(goes, codes...)
	}
	if _, err := s.store.ChangeFactors(ctx, v.Owner.Subject, goes, nil); err != nil {
		return fmt.Errorf("remove a factor: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorRemoved, Owner: v.Owner.Name, Reason: string(removed.Kind)})
	return nil
}

// recoveryIDs returns the IDs of all recovery codes that are kept of an owner, those that count no more too.
func (s *Server) recoveryIDs(ctx context.Context, owner string) ([]Hash, error) {
	factors, err := s.store.Factors(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("read factors: %w", err)
	}
	var ids []Hash
	for _, f := range factors {
		if f.Kind == FactorRecovery {
			ids = append(ids, f.ID)
		}
	}
	return ids, nil
}

// factorName returns what a person calls a factor, as it is kept.
func factorName(typed string) string {
	name := NormalizeName(typed)
	if len(name) > maxFactorName || slices.ContainsFunc([]rune(name), unicode.IsControl) {
		return ""
	}
	return name
}
