// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Decision is what the owner decided on the consent page.
type Decision struct {
	Allow  bool
	Always bool
	Ticket string
	// Scopes are those the owner chose, where that is possible.
	Scopes []string
}

// Approval is what the browser carries back to the client.
type Approval struct {
	Return
	Proof string // RFC 6749 calls it code, RFC 5849 verifier
}

// Decide carries out the owner's decision at a position that Next returned. A denial is an
// AccessDeniedError for the callback. A decision that was not needed any more, because the owner said
// "always" in another tab meanwhile, counts all the same.
//
// The first decision counts, with what it said of "always". The same one again gets the same answer,
// as long as the client has not used it; any other is an InteractionError. So is a decision without a ticket of the page
// (DecisionOfNoPage: another request, a form of another site) and one with a ticket of another login
// (InteractionOfOtherLogin: then the interaction's page asks again).
func (s *Server) Decide(ctx context.Context, p Position, d Decision) (*Approval, error) {
	if p.Step != StepConsent && p.Step != StepIssue {
		return nil, NewInteractionError(InteractionOfOtherLogin, "the owner cannot decide now")
	}
	if err := p.asked.checkTicket(d.Ticket, p.visitor); err != nil {
		return nil, err
	}
	if !d.Allow {
		return nil, s.deny(ctx, p)
	}
	scopes, err := p.asked.choose(d.Scopes)
	if err != nil && p.first != nil {
		return nil, p.asked.answered(AnsweredOtherwise)
	}
	if err != nil {
		return nil, err
	}
	return s.approve(ctx, p, approval{scopes: scopes, asked: true, always: d.Always && rememberable(p.Client)})
}

// Issue approves an interaction that stands at StepIssue: the owner was asked before,
// or need not be. When the owner changed or took back meanwhile what made the page needless, nothing is
// approved: that is an InteractionError (ConsentChanged), and Next says what has to be asked now.
func (s *Server) Issue(ctx context.Context, p Position) (*Approval, error) {
	if p.Step != StepIssue {
		return nil, NewInteractionError(InteractionOfOtherLogin, "the owner has to decide first")
	}
	return s.approve(ctx, p, approval{scopes: p.asked.scopes})
}

// choose returns the scopes that are allowed: all, unless the owner may choose.
func (r resolved) choose(scopes []string) ([]string, error) {
	if !r.client.OwnerChooses {
		return r.scopes, nil
	}
	chosen := intersect(r.scopes, scopes)
	if len(chosen) == 0 && len(r.scopes) > 0 {
		return nil, Refuse(NothingChosen, "choose at least one scope, or deny")
	}
	return chosen, nil
}

// approval is what an interaction is approved for.
type approval struct {
	scopes []string
	asked  bool // the owner decided on a page
	always bool
}

// approve turns an interaction into a grant with a proof.
func (s *Server) approve(ctx context.Context, p Position, a approval) (*Approval, error) {
	if p.first != nil {
		return s.approveAgain(p, *p.first, a)
	}
	if err := s.mayBegin(); err != nil {
		return nil, err
	}
	grant, proof, err := p.asked.newGrant(p.Owner, a.scopes, s.now())
	if err != nil {
		return nil, err
	}
	grant.Authentication, grant.EndOf = p.authentication(a.scopes), p.Client.endOf(p.visitor.Session, a.scopes)
	consent, err := s.newConsent(ctx, p, a, grant.ApprovedAt)
	if err != nil {
		return nil, err
	}
	first, err := s.keep(ctx, p, func() error {
		if p.given != nil && !a.asked {
			return s.store.ApproveUnder(ctx, grant, *p.given)
		}
		return s.store.Approve(ctx, grant, consent)
	})
	if err != nil {
		return nil, err
	}
	if first != nil { // another request with the same decision was faster
		return s.approveAgain(p, *first, a)
	}
	if a.asked {
		s.audit(ctx, Event{Name: EventConsentAllowed, ClientID: p.Client.ID, Owner: p.Owner.Name, Scopes: grant.Scopes})
	}
	s.audit(ctx, Event{Name: EventGrantApproved, ClientID: p.Client.ID, Owner: p.Owner.Name, Grant: grant.ID.String(), Scopes: grant.Scopes})
	return &Approval{Return: p.Return, Proof: proof}, nil
}

// newConsent returns the consent that goes with an approval; nil: none.
func (s *Server) newConsent(ctx context.Context, p Position, a approval, now time.Time) (*Consent, error) {
	if !a.always {
		return nil, nil
	}
	return s.mergeConsent(ctx, p.Owner, p.Client, a.scopes, now)
}

// deny keeps that the owner said no, and returns what the client is told.
func (s *Server) deny(ctx context.Context, p Position) error {
	first := p.first
	if first == nil {
		denial, _, err := p.asked.newGrant(p.Owner, nil, s.now())
		if err != nil {
			return err
		}
		denial.EndsAt, denial.RevokedAt, denial.Proof.ExpiresAt = denial.ApprovedAt, denial.ApprovedAt, denial.ApprovedAt
		if first, err = s.keep(ctx, p, func() error { return s.store.Approve(ctx, denial, nil) }); err != nil {
			return err
		}
		if first == nil {
			s.audit(ctx, Event{Name: EventConsentDenied, ClientID: p.Client.ID, Owner: p.Owner.Name})
			return p.asked.denied()
		}
	}
	if !first.denies() {
		return p.asked.answered(AnsweredOtherwise)
	}
	return p.asked.denied()
}

func (r resolved) denied() error {
	return NewReturnError(NewAccessDeniedError(DeniedByOwner, "the owner denied the request"), r.to)
}

// keep stores a decision with write if it is the first one on its interaction, and returns the one that was
// there before; nil: none.
func (s *Server) keep(ctx context.Context, p Position, write func() error) (*Grant, error) {
	err := write()
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, ErrStale):
		return nil, NewInteractionError(ConsentChanged, "the owner changed the consent meanwhile")
	case !errors.Is(err, ErrExists):
		return nil, fmt.Errorf("store decision: %w", err)
	}
	first, err := s.firstDecision(ctx, p.asked, p.Owner)
	if err == nil && first == nil {
		return nil, fmt.Errorf("store decision: another grant has the same proof: %w", ErrUnavailable)
	}
	return first, err
}

// approveAgain answers an approval after the first decision. One that the owner was not asked for now
// is that decision.
func (s *Server) approveAgain(p Position, first Grant, a approval) (*Approval, error) {
	if a.asked && (first.denies() || !slices.Equal(first.Scopes, a.scopes)) {
		return nil, p.asked.answered(AnsweredOtherwise)
	}
	return s.answerAgain(p, first)
}

// answered is the error of an interaction, or a request token, that was answered before.
func (r resolved) answered(cause InteractionCause) InteractionError {
	if r.RequestToken != "" {
		return InteractionError{refusal: refusal{RequestTokenUsed, "the request token was used before"}, cause: cause}
	}
	return NewInteractionError(cause, "the request was answered before")
}

// answerAgain gives the same answer to the first decision once more, as long as the client has not used
// it. Nothing is issued: the proof is derived anew.
func (s *Server) answerAgain(p Position, first Grant) (*Approval, error) {
	now, cause := s.now(), InteractionCause("")
	switch {
	case first.denies():
		return nil, p.asked.denied()
	case first.Generation > 0:
		cause = AnswerUsed
	case !isLive(first, now) || !p.Client.acceptsGrantFrom(first.ApprovedAt):
		cause = AnswerWithdrawn
	case !now.Before(first.Proof.ExpiresAt):
		cause = AnswerExpired
	}
	if cause != "" {
		over := p.asked.answered(cause)
		if err := p.asked.unlessSilent(Refuse(InvalidRequest, over.Description())); err != nil {
			return nil, err
		}
		return nil, over
	}
	proof, err := p.asked.proof(p.Owner.Subject)
	if err != nil {
		return nil, err
	}
	return &Approval{Return: p.Return, Proof: proof}, nil
}
