// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
)

// LoginWithPasskey logs in whoever's passkey has answered a login page. It takes the place of a password and of a second step: somebody
// has the authenticator, and it has verified who they are. WrongPasskey, PasskeyTooLate, PasskeyCopied and TooManyAttempts are refusals
// for the page.
func (s *Server) LoginWithPasskey(ctx context.Context, a PasskeyAnswer) (Login, error) {
	page, err := s.openPasskeyPage(a, "")
	if err != nil {
		return Login{}, err
	}
	named, err := s.namedPasskey(ctx, a)
	if err != nil {
		return Login{}, err
	}
	now := s.now()
	device := ""
	if named.Owner != "" {
		device = s.provenDevice(a.Device, named.Owner, now)
	}
	attempt, wait := s.throttle.begin(now, countedPasskey(named, a.Address), device)
	if wait > 0 {
		s.audit(ctx, Event{Name: EventLoginThrottled, Reason: "a passkey"})
		return Login{}, tooManyAttempts(wait)
	}
	login, err := s.loginAs(ctx, page, named, a.Answer)
	switch {
	case err == nil:
		attempt.succeeded(now)
	case !isRefusal(err):
		attempt.undecided()
	}
	return login, err
}

// countedPasskey is what attempts with a passkey are counted under. Anybody can make IDs up. So those that nobody has are one for each
// address: they do not fill the throttle, which would forget the guesses of others, and they keep nobody out who has a passkey.
func countedPasskey(f Factor, address string) Credentials {
	if f.Owner == "" {
		return Credentials{Username: "passkeys of nobody", Address: address}
	}
	return Credentials{Username: "passkey " + hex.EncodeToString(f.ID[:]), Address: address}
}

// isRefusal tells an answer that was wrong from one that nobody could look at.
func isRefusal(err error) bool {
	e, ok := errors.AsType[Refusal](err)
	return ok && e.Code() != TemporarilyUnavailable
}

// namedPasskey returns the passkey that an answer names. Without an owner it is not known here. What is no answer of an authenticator
// is no attempt, as a name that is too long is none: it is not in the audit log.
func (s *Server) namedPasskey(ctx context.Context, a PasskeyAnswer) (Factor, error) {
	id, err := s.passkeys.Named(a.Answer)
	if err != nil {
		return Factor{}, Refuse(WrongPasskey, "the answer is not one of a passkey")
	}
	hash := Hash(sha256.Sum256(id))
	f, err := s.store.Factor(ctx, hash)
	if errors.Is(err, ErrNotFound) || err == nil && f.Kind != FactorPasskey {
		return Factor{ID: hash}, nil
	}
	return f, wrap("read a passkey", err)
}

func (s *Server) wrongPasskey(ctx context.Context, event EventName, owner string, cause error) error {
	s.audit(ctx, Event{Name: event, Owner: owner, Reason: "a passkey: " + cause.Error()})
	return Refuse(WrongPasskey, "the passkey is not known here, or did not prove itself")
}

// loginAs opens a session of whom the passkey is of.
func (s *Server) loginAs(ctx context.Context, page passkeyPage, f Factor, answer string) (Login, error) {
	if f.Owner == "" {
		return Login{}, s.wrongPasskey(ctx, EventLoginFailed, "", errors.New("it is not known here"))
	}
	person, err := s.store.Person(ctx, f.Owner)
	if errors.Is(err, ErrNotFound) {
		return Login{}, s.wrongPasskey(ctx, EventLoginFailed, "", errors.New("its owner is not known any more"))
	}
	if err != nil {
		return Login{}, fmt.Errorf("read the person who logs in: %w", err)
	}
	if err := s.takePasskey(ctx, takenPasskey{page, f, person.Name, EventLoginFailed, true}, answer); err != nil {
		return Login{}, err
	}
	if person, err = s.confirmedNow(ctx, person); err != nil {
		return Login{}, err
	}
	if why := person.absence(s.now()); why != "" {
		return Login{}, s.wrongPasskey(ctx, EventLoginFailed, person.Name, errors.New(why))
	}
	if taken, err := s.nameTaken(ctx, person.Owner); err != nil {
		return Login{}, err
	} else if taken {
		return Login{}, s.wrongPasskey(ctx, EventLoginFailed, person.Name, errors.New("somebody of another source has the name of its owner"))
	}
	now := s.now()
	return s.openSession(ctx, opening{
		confirmation: Confirmation{Person: person}, kept: true, typedName: person.Name,
		methods: []string{methodKey, methodPresence, methodMultiple}, authenticatedAt: now,
	}, now)
}

// confirmedNow asks the source about a person, as a login with a password does, and keeps what it says. A source that does not answer
// has said before how long that holds.
func (s *Server) confirmedNow(ctx context.Context, p Person) (Person, error) {
	c, err := s.confirmAnew(ctx, p)
	if err != nil {
		return Person{}, err
	}
	if differs(p, c.Person) {
		if err := s.keepPeople(ctx, []Confirmation{c}, eventsOf(p, c)); err != nil {
			return Person{}, err
		}
	}
	return c.Person, nil
}

// takenPasskey is a passkey that answers a page.
type takenPasskey struct {
	passkeyPage
	factor     Factor
	name       string // of the person
	event      EventName
	discovered bool
}

// takePasskey checks the answer, and takes it once. The challenge is spent after the signature was found good: nobody else can spend it.
func (s *Server) takePasskey(ctx context.Context, p takenPasskey, answer string) error {
	keys, err := s.currentKeys()
	if err != nil {
		return err
	}
	f, now := p.factor, s.now()
	counter, err := s.passkeys.Used(PasskeyUse{Challenge: p.challenge(), Handle: keys.userHandleOf(f.Owner), Data: f.Data, Discovered: p.discovered}, answer)
	if err != nil {
		return s.wrongPasskey(ctx, p.event, p.name, err)
	}
	switch err := s.store.Spend(ctx, sha256.Sum256(framed("passkey", p.ID)), now, p.Ends); {
	case errors.Is(err, ErrExists):
		s.audit(ctx, Event{Name: p.event, Owner: p.name, Reason: "a passkey: its answer was taken before"})
		return Refuse(PasskeyTooLate, "the answer of the passkey was taken before")
	case err != nil:
		return fmt.Errorf("spend a challenge: %w", err)
	}
	return s.countPasskey(ctx, p, int64(counter), now)
}

// countPasskey keeps that a passkey was used. One that counts backwards is refused (Web Authentication §7.2 step 22). One that always says 0
// does not count, as those that are synchronized do.
func (s *Server) countPasskey(ctx context.Context, p takenPasskey, counter int64, now time.Time) error {
	err := s.store.UseFactor(ctx, p.factor.Owner, p.factor.ID, counter, now)
	if !errors.Is(err, ErrStale) {
		return wrap("keep that a passkey was used", err)
	}
	current, err := s.store.Factor(ctx, p.factor.ID)
	if errors.Is(err, ErrNotFound) {
		return s.wrongPasskey(ctx, p.event, p.name, errors.New("it was removed at the same moment"))
	}
	if err != nil {
		return fmt.Errorf("read a passkey: %w", err)
	}
	s.audit(ctx, Event{Name: p.event, Owner: p.name, Reason: fmt.Sprintf(
		"a passkey counts backwards, from %d to %d: somebody may have a copy of it. Let the person remove it and add another one", current.Counter, counter)})
	return Refuse(PasskeyCopied, "the passkey counts backwards")
}

// ProvePasskey ends a login that Login began, with a passkey as the second step. Errors are those of ProveFactor and LoginWithPasskey.
func (s *Server) ProvePasskey(ctx context.Context, half string, a PasskeyAnswer) (Login, error) {
	h, err := s.openHalf(ctx, half, a.For)
	if err != nil {
		return Login{}, err
	}
	if h == nil {
		return Login{}, NewInteractionError(InteractionOfOtherLogin, "the login has to begin anew")
	}
	a.Browser = half
	if err := s.proveSecond(ctx, h, a); err != nil {
		return Login{}, err
	}
	return s.openProven(ctx, h, methodKey, methodPresence)
}

// RaiseWithPasskey is RaiseSession with a passkey.
func (s *Server) RaiseWithPasskey(ctx context.Context, v *Visitor, a PasskeyAnswer) (Login, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return Login{}, err
	}
	a.Browser = v.tie()
	h := &openedHalf{halfLogin{Owner: v.Owner.Subject, Typed: v.Owner.Name}, Person{Owner: v.Owner}, factors}
	if err := s.proveSecond(ctx, h, a); err != nil {
		return Login{}, err
	}
	return s.replaceRaised(ctx, v, a.Device, methodKey, methodPresence)
}

// proveSecond takes a passkey of somebody whose password was right, when an attempt is allowed. Attempts are counted apart from
// those with codes: nobody guesses a signature.
func (s *Server) proveSecond(ctx context.Context, h *openedHalf, a PasskeyAnswer) error {
	page, err := s.openPasskeyPage(a, h.Owner)
	if err != nil {
		return err
	}
	now := s.now()
	attempt, wait := s.throttle.beginFactor(now, "passkeys of "+h.Owner, s.provenDevice(a.Device, h.Owner, now))
	if wait > 0 {
		s.audit(ctx, Event{Name: EventLoginThrottled, Owner: h.person.Name, Reason: "a passkey as the second step"})
		return tooManyAttempts(wait)
	}
	err = s.takeSecond(ctx, page, h, a.Answer)
	switch {
	case err == nil:
		attempt.takeBack(true)
	case !isRefusal(err):
		attempt.undecided()
	}
	return err
}

func (s *Server) takeSecond(ctx context.Context, page passkeyPage, h *openedHalf, answer string) error {
	id, err := s.passkeys.Named(answer)
	if err != nil {
		return s.wrongPasskey(ctx, EventFactorFailed, h.person.Name, err)
	}
	hash := Hash(sha256.Sum256(id))
	n := slices.IndexFunc(h.factors, func(f Factor) bool { return f.Kind == FactorPasskey && f.ID == hash })
	if n < 0 {
		return s.wrongPasskey(ctx, EventFactorFailed, h.person.Name, errors.New("it is none of the person's"))
	}
	return s.takePasskey(ctx, takenPasskey{page, h.factors[n], h.person.Name, EventFactorFailed, false}, answer)
}
