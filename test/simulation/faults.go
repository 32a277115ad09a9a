// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// faults is the store as the replicas see it: the model behind a connection that fails. Each call pauses before it
// takes effect and, where it writes, after that: a replica that dies there has written, and answers nobody.
type faults struct {
	authserver.Store // the model, or one with a planted fault
	s                *simulation
}

// outage is how often calls of the store fail, once in so many times; 0: never.
type outage struct {
	refused int // nothing happened
	lost    int // it happened, and the answer is lost
	doubled int // the answer was lost, so the driver sent it again
}

func unavailable(why string) error { return fmt.Errorf("%s: %w", why, authserver.ErrUnavailable) }

// read pauses before a read.
func (f *faults) read(what string) error {
	f.s.pause(what)
	switch {
	case f.s.storeDown:
		return unavailable("the store is down")
	case f.s.storeFaults.refused > 0 && f.s.one(f.s.storeFaults.refused):
		f.s.note("the store does not answer")
		return unavailable("the store did not answer")
	}
	return nil
}

// write makes a write take effect: not at all, once, or twice.
func (f *faults) write(what string, do func() error) error {
	if err := f.read(what); err != nil {
		return err
	}
	f.s.ledger.writes(what)
	err := do()
	if n := f.s.storeFaults.doubled; n > 0 && f.s.one(n) {
		f.s.note("the driver sends it again")
		f.s.pause(what + " again")
		f.s.ledger.doubled()
		err = do()
	}
	if n := f.s.storeFaults.lost; n > 0 && f.s.one(n) {
		f.s.note("the answer of the store is lost")
		err = unavailable("the answer of the store was lost")
	}
	f.s.pause(what + " done")
	return err
}

func reading[T any](f *faults, what string, read func() (T, error)) (T, error) {
	if err := f.read(what); err != nil {
		var none T
		return none, err
	}
	return read()
}

func writing[T any](f *faults, what string, write func() (T, error)) (T, error) {
	var value, none T
	err := f.write(what, func() (err error) {
		value, err = write()
		return err
	})
	if err != nil {
		return none, err
	}
	return value, nil
}

// pair is two answers as one.
type pair[A, B any] struct {
	a A
	b B
}

func both[A, B any](a A, b B, err error) (pair[A, B], error) { return pair[A, B]{a, b}, err }

// CreateSession is of authserver.Store.
func (f *faults) CreateSession(ctx context.Context, s authserver.Session, c authserver.Confirmation) error {
	return f.write("CreateSession", func() error { return f.Store.CreateSession(ctx, s, c) })
}

// Session is of authserver.Store.
func (f *faults) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	p, err := reading(f, "Session", func() (pair[authserver.Session, authserver.Person], error) {
		return both(f.Store.Session(ctx, h))
	})
	return p.a, p.b, err
}

// SessionsOf is of authserver.Store.
func (f *faults) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	return reading(f, "SessionsOf", func() ([]authserver.Session, error) { return f.Store.SessionsOf(ctx, owner, now) })
}

// DeleteSession is of authserver.Store.
func (f *faults) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	return f.write("DeleteSession", func() error { return f.Store.DeleteSession(ctx, owner, h) })
}

// DeleteSessions is of authserver.Store.
func (f *faults) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	return f.write("DeleteSessions", func() error { return f.Store.DeleteSessions(ctx, owner, but) })
}

// ClaimLogouts is of authserver.Store.
func (f *faults) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	return writing(f, "ClaimLogouts", func() ([]authserver.DueLogout, error) { return f.Store.ClaimLogouts(ctx, now, until, busy, limit) })
}

// PostponeLogout is of authserver.Store.
func (f *faults) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	return f.write("PostponeLogout", func() error { return f.Store.PostponeLogout(ctx, l, at) })
}

// FinishLogout is of authserver.Store.
func (f *faults) FinishLogout(ctx context.Context, id authserver.Hash) error {
	return f.write("FinishLogout", func() error { return f.Store.FinishLogout(ctx, id) })
}

// ConfirmPeople is of authserver.Store.
func (f *faults) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	return f.write("ConfirmPeople", func() error { return f.Store.ConfirmPeople(ctx, people) })
}

// Person is of authserver.Store.
func (f *faults) Person(ctx context.Context, subject string) (authserver.Person, error) {
	return reading(f, "Person", func() (authserver.Person, error) { return f.Store.Person(ctx, subject) })
}

// PeopleNamed is of authserver.Store.
func (f *faults) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	return reading(f, "PeopleNamed", func() ([]authserver.Person, error) { return f.Store.PeopleNamed(ctx, name) })
}

// People is of authserver.Store.
func (f *faults) People(ctx context.Context, after string, limit int) ([]authserver.Person, error) {
	return reading(f, "People", func() ([]authserver.Person, error) { return f.Store.People(ctx, after, limit) })
}

// Approve is of authserver.Store.
func (f *faults) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	return f.write("Approve", func() error { return f.Store.Approve(ctx, g, c) })
}

// ApproveUnder is of authserver.Store.
func (f *faults) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	return f.write("ApproveUnder", func() error { return f.Store.ApproveUnder(ctx, g, read) })
}

// GrantByProof is of authserver.Store.
func (f *faults) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	return reading(f, "GrantByProof", func() (authserver.Grant, error) { return f.Store.GrantByProof(ctx, proof) })
}

// Redeem is of authserver.Store.
func (f *faults) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	return writing(f, "Redeem", func() (authserver.Grant, error) { return f.Store.Redeem(ctx, proof, now) })
}

// Grant is of authserver.Store.
func (f *faults) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	return reading(f, "Grant", func() (authserver.Grant, error) { return f.Store.Grant(ctx, id) })
}

// OwnedGrant is of authserver.Store.
func (f *faults) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	p, err := reading(f, "OwnedGrant", func() (pair[authserver.Grant, authserver.Person], error) {
		return both(f.Store.OwnedGrant(ctx, id))
	})
	return p.a, p.b, err
}

// Rotate is of authserver.Store.
func (f *faults) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	p, err := writing(f, "Rotate", func() (pair[authserver.Grant, authserver.Person], error) {
		return both(f.Store.Rotate(ctx, r, now))
	})
	return p.a, p.b, err
}

// Revoke is of authserver.Store.
func (f *faults) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (bool, error) {
	return writing(f, "Revoke", func() (bool, error) { return f.Store.Revoke(ctx, id, now) })
}

// GrantsOf is of authserver.Store.
func (f *faults) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	return reading(f, "GrantsOf", func() ([]authserver.Grant, error) { return f.Store.GrantsOf(ctx, owner, now) })
}

// ConsentsOf is of authserver.Store.
func (f *faults) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	return reading(f, "ConsentsOf", func() ([]authserver.Consent, error) { return f.Store.ConsentsOf(ctx, owner) })
}

// Consent is of authserver.Store.
func (f *faults) Consent(ctx context.Context, owner, clientUID string) (authserver.Consent, error) {
	return reading(f, "Consent", func() (authserver.Consent, error) { return f.Store.Consent(ctx, owner, clientUID) })
}

// Forget is of authserver.Store.
func (f *faults) Forget(ctx context.Context, owner, clientUID string, now time.Time) error {
	return f.write("Forget", func() error { return f.Store.Forget(ctx, owner, clientUID, now) })
}

// Spend is of authserver.Store.
func (f *faults) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	return f.write("Spend", func() error { return f.Store.Spend(ctx, key, now, until) })
}

// Spent is of authserver.Store.
func (f *faults) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	return reading(f, "Spent", func() (bool, error) { return f.Store.Spent(ctx, key, now) })
}

// Sweep is of authserver.Store.
func (f *faults) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	return writing(f, "Sweep", func() (int, error) { return f.Store.Sweep(ctx, now, limit) })
}
