// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"slices"
)

// stepOfLevel returns what the login lacks that the interaction demands: StepLogin, StepFactor or StepEnrol. StepIssue: nothing.
//
// What a request asks adds to what the client and the configuration demand, and takes nothing away. Somebody without a factor may add
// one right after they gave their password, and only if they have none at all: whoever knows it could do so on the account page as well.
func (s *Server) stepOfLevel(ctx context.Context, r resolved, v *Visitor) (Step, error) {
	asked := r.OpenID.Level
	demanded := s.secondFactor || r.client.SecondFactor || asked.TwoFactors
	switch {
	case !demanded && !asked.Prefer, v.Session.TwoFactors():
		return StepIssue, nil
	case !v.MayHaveFactors() && !demanded:
		return StepIssue, nil
	case !v.MayHaveFactors():
		return 0, r.fail(Refuse(UnmetAuthenticationRequirements, "the owner logs in on another server and has no second factor here"))
	}
	factors, err := s.Factors(ctx, v)
	switch {
	case err != nil:
		return 0, err
	case demandFactor(factors) && (demanded || !r.Prompt.None): // what is only preferred asks nobody who may not be asked
		return StepFactor, nil
	case !demanded:
		return StepIssue, nil
	case s.mayChange(v, factors) == nil:
		return StepEnrol, nil
	default:
		return StepLogin, nil
	}
}

// RaiseSession proves a second factor in the visitor's session, for a client that demands one, and puts another session in its
// place. Errors are those of ProveFactor.
func (s *Server) RaiseSession(ctx context.Context, v *Visitor, code, device string) (Login, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return Login{}, err
	}
	half := &openedHalf{halfLogin{Owner: v.Owner.Subject, Typed: v.Owner.Name}, Person{Owner: v.Owner}, factors}
	if err := s.proveCode(ctx, half, code, device); err != nil {
		return Login{}, err
	}
	return s.replaceRaised(ctx, v, device, methodOTP)
}

// replaceRaised puts a session in the place of the visitor's, who has proven a second factor in one of the methods.
func (s *Server) replaceRaised(ctx context.Context, v *Visitor, device string, methods ...string) (Login, error) {
	login, err := s.openRaised(ctx, v, methods)
	if err != nil {
		return Login{}, err
	}
	if login.Device, err = s.deviceOfRaised(v.Owner, device); err != nil {
		return Login{}, err
	}
	if err := s.store.DeleteSession(ctx, v.Owner.Subject, v.Session.Hash); err != nil {
		return Login{}, fmt.Errorf("delete session: %w", err)
	}
	s.audit(ctx, Event{Name: EventLoginSucceeded, Owner: v.Owner.Name, Reason: "a second factor in a session without one"})
	return *login, nil
}

// deviceOfRaised returns a device cookie of a browser in which a second factor was proven, in the place of another.
func (s *Server) deviceOfRaised(o Owner, before string) (string, error) {
	now, typed := s.now(), o.Name
	if d, ok := s.openDevice(before, now); ok && d.Owner == o.Subject {
		typed = d.Typed
	}
	return s.newDevice(o, typed, true, now)
}

// raisedMethods are those of a session in which more was proven.
func raisedMethods(before, proven []string) []string {
	return slices.Concat(before, proven, []string{methodMultiple})
}
