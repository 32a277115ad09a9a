// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// CreateSession is of authserver.Store.
func (s *Store) CreateSession(ctx context.Context, session authserver.Session, c authserver.Confirmation) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.CreateSession(ctx, session, c)
}

// Session is of authserver.Store.
func (s *Store) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	if err := s.read(); err != nil {
		return authserver.Session{}, authserver.Person{}, err
	}
	return s.Store.Session(ctx, h)
}

// DeleteSession is of authserver.Store.
func (s *Store) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.DeleteSession(ctx, owner, h)
}

// SessionsOf is of authserver.Store.
func (s *Store) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.SessionsOf(ctx, owner, now)
}

// DeleteSessions is of authserver.Store.
func (s *Store) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.DeleteSessions(ctx, owner, but)
}

// ClaimLogouts is of authserver.Store.
func (s *Store) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	if err := s.write(); err != nil {
		return nil, err
	}
	return s.Store.ClaimLogouts(ctx, now, until, busy, limit)
}

// PostponeLogout is of authserver.Store.
func (s *Store) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.PostponeLogout(ctx, l, at)
}

// FinishLogout is of authserver.Store.
func (s *Store) FinishLogout(ctx context.Context, id authserver.Hash) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.FinishLogout(ctx, id)
}

// ConfirmPeople is of authserver.Store.
func (s *Store) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.ConfirmPeople(ctx, people)
}

// Person is of authserver.Store.
func (s *Store) Person(ctx context.Context, subject string) (authserver.Person, error) {
	if err := s.read(); err != nil {
		return authserver.Person{}, err
	}
	return s.Store.Person(ctx, subject)
}

// People is of authserver.Store.
func (s *Store) People(ctx context.Context, after string, limit int) ([]authserver.Person, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.People(ctx, after, limit)
}

// Factors is of authserver.Store.
func (s *Store) Factors(ctx context.Context, owner string) ([]authserver.Factor, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.Factors(ctx, owner)
}

// Factor is of authserver.Store.
func (s *Store) Factor(ctx context.Context, id authserver.Hash) (authserver.Factor, error) {
	if err := s.read(); err != nil {
		return authserver.Factor{}, err
	}
	return s.Store.Factor(ctx, id)
}

// ChangeFactors is of authserver.Store.
func (s *Store) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (int, error) {
	if err := s.write(); err != nil {
		return 0, err
	}
	return s.Store.ChangeFactors(ctx, owner, remove, add)
}

// UseFactor is of authserver.Store.
func (s *Store) UseFactor(ctx context.Context, owner string, id authserver.Hash, counter int64, now time.Time) error {
	if err := s.write(); err != nil {
		return err
	}
	return s.Store.UseFactor(ctx, owner, id, counter, now)
}

// PeopleNamed is of authserver.Store.
func (s *Store) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.PeopleNamed(ctx, name)
}
