// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// peoplePage is how many people are read, and written, at a time: few, so that others do not wait.
const peoplePage = 200

// confirmation is what the directory said of an owner at now.
func (s *Server) confirmation(o Owner, refreshToken []byte, now time.Time) Confirmation {
	c := Confirmation{Person: Person{Owner: o, ConfirmedAt: now, SealedRefreshToken: refreshToken}, EndGrants: s.passwordChangeEndsGrants}
	if holds := s.confirmedFor(c.Person); holds > 0 {
		c.ConfirmedUntil = now.Add(holds)
	}
	return c
}

// ConfirmPeople asks the directory about everybody who ever logged in, and keeps what is new: who
// has gone or is back, whose name, groups or password were changed. It is to be called at the
// start, by the clock, and at once when the directory has changed. Whom another server is asked about is ConfirmUpstreamPeople's.
func (s *Server) ConfirmPeople(ctx context.Context) error {
	return s.eachPage(ctx, func(page []Person) error {
		return s.confirmPage(ctx, slices.DeleteFunc(page, Person.askedUpstream))
	})
}

// eachPage calls confirm with everybody who ever logged in.
func (s *Server) eachPage(ctx context.Context, confirm func([]Person) error) error {
	for after := ""; ; {
		page, err := s.store.People(ctx, after, peoplePage)
		if err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		if len(page) > 0 {
			after = page[len(page)-1].Subject
		}
		last := len(page) < peoplePage
		if err := confirm(page); err != nil || last {
			return err
		}
	}
}

func (s *Server) confirmPage(ctx context.Context, page []Person) error {
	var before []Person
	var news []Confirmation
	var events []Event
	for _, p := range page {
		c, err := s.confirm(ctx, p)
		if err != nil {
			return err
		}
		if differs(p, c.Person) {
			before, news, events = append(before, p), append(news, c), append(events, eventsOf(p, c)...)
		}
	}
	if err := s.keepPeople(ctx, news, events); err != nil {
		return err
	}
	for n, c := range news {
		if err := s.endIfRenameTaken(ctx, before[n], c.Person); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) keepPeople(ctx context.Context, news []Confirmation, events []Event) error {
	if len(news) == 0 {
		return nil
	}
	if err := s.store.ConfirmPeople(ctx, news); err != nil {
		return fmt.Errorf("keep people: %w", err)
	}
	s.sessionsEnded() // there may be such news
	for _, e := range events {
		s.audit(ctx, e)
	}
	return nil
}

// confirm asks the directory about one person, if it is time: halfway through what a confirmation
// holds. A directory that gives no answer prolongs a confirmation once. It fails only when ctx ends.
func (s *Server) confirm(ctx context.Context, p Person) (Confirmation, error) {
	holds, unchanged := s.confirmedFor(p), Confirmation{Person: p}
	if age := s.now().Sub(p.ConfirmedAt); p.EndedAt.IsZero() && holds > 0 && age >= 0 && age < holds/2 {
		return unchanged, nil
	}
	return s.confirmAnew(ctx, p)
}

// confirmAnew does so whenever the last confirmation was.
func (s *Server) confirmAnew(ctx context.Context, p Person) (Confirmation, error) {
	now, holds, unchanged := s.now(), s.confirmedFor(p), Confirmation{Person: p}
	owner, sealed, err := s.ask(ctx, p)
	if err == nil {
		err = s.confirmName(ctx, p, owner)
	}
	if err != nil && sealed != nil {
		unchanged.SealedRefreshToken = sealed
	}
	switch {
	case err == nil && owner.Subject == p.Subject && owner.check() == nil:
		return s.confirmation(owner, sealed, now), nil
	case errors.Is(err, ErrExists): // another replica asks
	case errors.Is(err, ErrTokenRefused): // they are out until they log in; a token may end for other reasons than that somebody is gone
		unchanged.SealedRefreshToken = nil
		if unchanged.ConfirmedUntil.After(now) {
			unchanged.ConfirmedUntil = now
		}
	case !p.EndedAt.IsZero(): // and still gone, as far as anybody knows
	case err == nil || errors.Is(err, ErrNotFound):
		unchanged.EndedAt, unchanged.SealedRefreshToken = now, nil
	case ctx.Err() != nil:
		return Confirmation{}, fmt.Errorf("confirm people: %w", context.Cause(ctx))
	case !errors.Is(err, ErrCannotAsk) && holds > 0 && !p.ConfirmedUntil.After(p.ConfirmedAt.Add(holds)):
		unchanged.ConfirmedUntil = p.ConfirmedAt.Add(2 * holds)
	case !p.ConfirmedUntil.IsZero() && now.Sub(p.ConfirmedUntil) > GoneMemory:
		unchanged.EndedAt, unchanged.SealedRefreshToken = now, nil // whoever never came back does not stay for ever
	}
	return unchanged, nil
}

// differs reports whether a row is worth a write: the time of a confirmation alone is not, where
// it holds until the directory says otherwise.
func differs(before, now Person) bool {
	return before.Source != now.Source || before.SourceID != now.SourceID || before.Name != now.Name || before.DisplayName != now.DisplayName ||
		before.Email != now.Email || !slices.Equal(before.Groups, now.Groups) ||
		before.CredentialVersion != now.CredentialVersion || !bytes.Equal(before.SealedRefreshToken, now.SealedRefreshToken) ||
		!before.ConfirmedUntil.Equal(now.ConfirmedUntil) || !before.EndedAt.Equal(now.EndedAt)
}

// eventsOf tells the audit log what became of a person.
func eventsOf(before Person, now Confirmation) []Event {
	var events []Event
	if !before.EndedAt.IsZero() && now.EndedAt.IsZero() {
		events = append(events, Event{Name: EventPersonReturned, Owner: now.Name, Reason: "the directory knows this owner again: what they allowed counts again"})
	}
	if before.EndedAt.IsZero() && !now.EndedAt.IsZero() {
		events = append(events, Event{Name: EventPersonEnded, Owner: before.Name, Reason: "the directory does not know this owner any more: the sessions ended"})
	}
	if changed := now.CredentialVersion; changed != "" && before.CredentialVersion != "" && changed != before.CredentialVersion {
		reason := "the sessions ended, the grants stay"
		if now.EndGrants {
			reason = "the sessions and the grants ended"
		}
		events = append(events, Event{Name: EventPasswordChanged, Owner: now.Name, Reason: reason})
	}
	return events
}
