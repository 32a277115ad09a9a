// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// FactorAnswer is what a person answered who was asked for a factor.
type FactorAnswer struct {
	Half string // of the login
	For  string // the interaction that the form was for; empty: the account
	// Code is of an app, or a recovery code.
	Code string
	// Device is the value of the browser's device cookie, if it has one.
	Device string
}

const maxTypedCode = 64

// ProveFactor ends a login that Login began. InteractionOfOtherLogin: there is no such login, and it begins anew. WrongCode
// and TooManyAttempts are refusals for the page. Whoever guesses knows the password, so guesses at a person are
// counted together, wherever they come from; a browser in which the person proved a factor before is counted by itself.
func (s *Server) ProveFactor(ctx context.Context, a FactorAnswer) (Login, error) {
	half, err := s.openHalf(ctx, a.Half, a.For)
	if err != nil {
		return Login{}, err
	}
	if half == nil {
		return Login{}, NewInteractionError(InteractionOfOtherLogin, "the login has to begin anew")
	}
	if err := s.proveCode(ctx, half, a.Code, a.Device); err != nil {
		return Login{}, err
	}
	return s.openProven(ctx, half, methodOTP)
}

// openProven opens a session of somebody whose password was right, and who has proven a factor in one of the methods.
func (s *Server) openProven(ctx context.Context, half *openedHalf, methods ...string) (Login, error) {
	now := s.now()
	return s.openSession(ctx, opening{
		confirmation: Confirmation{Person: half.person}, kept: true, typedName: half.Typed,
		methods: raisedMethods([]string{methodPassword}, methods), authenticatedAt: now,
	}, now)
}

// proveCode checks and takes what somebody typed, when an attempt is allowed.
func (s *Server) proveCode(ctx context.Context, half *openedHalf, typed, deviceCookie string) error {
	code, name, now := normalizeCode(typed), half.person.Name, s.now()
	if code == "" || len(typed) > maxTypedCode {
		return Refuse(WrongCode, "wrong code")
	}
	attempt, wait := s.throttle.beginFactor(now, half.Owner, s.provenDevice(deviceCookie, half.Owner, now))
	if wait > 0 {
		s.audit(ctx, Event{Name: EventLoginThrottled, Owner: name, Reason: "the second factor"})
		return tooManyAttempts(wait)
	}
	taken, err := s.takeCode(ctx, half, code, now)
	if err != nil {
		attempt.undecided()
		return err
	}
	if !taken {
		s.audit(ctx, Event{Name: EventFactorFailed, Owner: name})
		return Refuse(WrongCode, "wrong code")
	}
	attempt.takeBack(true)
	return nil
}

// takeCode takes a code of the person, once, and reports whether it was right.
func (s *Server) takeCode(ctx context.Context, half *openedHalf, code string, now time.Time) (bool, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return false, err
	}
	if !isTOTPCode(code) {
		return s.takeRecoveryCode(ctx, keys, half, code)
	}
	for _, f := range half.factors {
		if f.Kind != FactorTOTP {
			continue
		}
		step, ok := matchingStep(keys.totpSecretOf(f.Owner, f.ID), code, now, f.Counter)
		if !ok {
			continue
		}
		err := s.store.UseFactor(ctx, f.Owner, f.ID, step, now)
		if errors.Is(err, ErrStale) { // another request took the step, here or on another replica
			continue
		}
		return err == nil, wrap("take a time step", err)
	}
	return false, nil
}

func (s *Server) takeRecoveryCode(ctx context.Context, keys *Keys, half *openedHalf, code string) (bool, error) {
	if len(code) != recoveryLength {
		return false, nil
	}
	id := keys.recoveryID(half.Owner, code)
	if !slices.ContainsFunc(half.factors, func(f Factor) bool { return f.ID == id }) { // or it is of a set that counts no more
		return false, nil
	}
	removed, err := s.store.ChangeFactors(ctx, half.Owner, []Hash{id}, nil)
	if err != nil {
		return false, fmt.Errorf("take a recovery code: %w", err)
	}
	if removed > 0 {
		s.audit(ctx, Event{Name: EventFactorRemoved, Owner: half.person.Name, Reason: "a recovery code was used"})
	}
	return removed > 0, nil
}
