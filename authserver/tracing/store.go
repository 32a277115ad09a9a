// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Store returns s, with a span for each call that a request makes. What runs beside requests, such as the
// sweep, is not followed.
func (t *Tracing) Store(s authserver.Store) authserver.Store { return store{s, t} }

type store struct {
	authserver.Store
	t *Tracing
}

// owned is what a method returns that has two values.
type owned[T any] struct {
	value  T
	person authserver.Person
}

func (st store) CreateSession(ctx context.Context, s authserver.Session, c authserver.Confirmation) error {
	return followOnly(ctx, st.t, "store.CreateSession", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.CreateSession(ctx, s, c)
	})
}

func (st store) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	got, err := follow(ctx, st.t, "store.Session", trace.SpanKindClient, func(ctx context.Context) (got owned[authserver.Session], err error) {
		got.value, got.person, err = st.Store.Session(ctx, h)
		return got, err
	})
	return got.value, got.person, err
}

func (st store) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	return follow(ctx, st.t, "store.SessionsOf", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Session, error) {
		return st.Store.SessionsOf(ctx, owner, now)
	})
}

func (st store) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	return followOnly(ctx, st.t, "store.DeleteSession", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.DeleteSession(ctx, owner, h)
	})
}

func (st store) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	return followOnly(ctx, st.t, "store.DeleteSessions", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.DeleteSessions(ctx, owner, but)
	})
}

func (st store) ClaimLogouts(ctx context.Context, now, until time.Time, busy []string, limit int) ([]authserver.DueLogout, error) {
	return follow(ctx, st.t, "store.ClaimLogouts", trace.SpanKindClient, func(ctx context.Context) ([]authserver.DueLogout, error) {
		return st.Store.ClaimLogouts(ctx, now, until, busy, limit)
	})
}

func (st store) PostponeLogout(ctx context.Context, l authserver.DueLogout, at time.Time) error {
	return followOnly(ctx, st.t, "store.PostponeLogout", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.PostponeLogout(ctx, l, at)
	})
}

func (st store) FinishLogout(ctx context.Context, id authserver.Hash) error {
	return followOnly(ctx, st.t, "store.FinishLogout", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.FinishLogout(ctx, id)
	})
}

func (st store) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	return followOnly(ctx, st.t, "store.ConfirmPeople", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.ConfirmPeople(ctx, people)
	})
}

func (st store) Person(ctx context.Context, subject string) (authserver.Person, error) {
	return follow(ctx, st.t, "store.Person", trace.SpanKindClient, func(ctx context.Context) (authserver.Person, error) {
		return st.Store.Person(ctx, subject)
	})
}

func (st store) Factors(ctx context.Context, owner string) ([]authserver.Factor, error) {
	return follow(ctx, st.t, "store.Factors", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Factor, error) {
		return st.Store.Factors(ctx, owner)
	})
}

func (st store) Factor(ctx context.Context, id authserver.Hash) (authserver.Factor, error) {
	return follow(ctx, st.t, "store.Factor", trace.SpanKindClient, func(ctx context.Context) (authserver.Factor, error) {
		return st.Store.Factor(ctx, id)
	})
}

func (st store) ChangeFactors(ctx context.Context, owner string, remove []authserver.Hash, add []authserver.Factor) (int, error) {
	return follow(ctx, st.t, "store.ChangeFactors", trace.SpanKindClient, func(ctx context.Context) (int, error) {
		return st.Store.ChangeFactors(ctx, owner, remove, add)
	})
}

func (st store) UseFactor(ctx context.Context, owner string, id authserver.Hash, counter int64, now time.Time) error {
	return followOnly(ctx, st.t, "store.UseFactor", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.UseFactor(ctx, owner, id, counter, now)
	})
}

func (st store) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	return follow(ctx, st.t, "store.PeopleNamed", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Person, error) {
		return st.Store.PeopleNamed(ctx, name)
	})
}

func (st store) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	return followOnly(ctx, st.t, "store.Approve", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.Approve(ctx, g, c)
	})
}

func (st store) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	return followOnly(ctx, st.t, "store.ApproveUnder", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.ApproveUnder(ctx, g, read)
	})
}

func (st store) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	return follow(ctx, st.t, "store.GrantByProof", trace.SpanKindClient, func(ctx context.Context) (authserver.Grant, error) {
		return st.Store.GrantByProof(ctx, proof)
	})
}

func (st store) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	return follow(ctx, st.t, "store.Redeem", trace.SpanKindClient, func(ctx context.Context) (authserver.Grant, error) {
		return st.Store.Redeem(ctx, proof, now)
	})
}

func (st store) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	return follow(ctx, st.t, "store.Grant", trace.SpanKindClient, func(ctx context.Context) (authserver.Grant, error) {
		return st.Store.Grant(ctx, id)
	})
}

func (st store) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	got, err := follow(ctx, st.t, "store.OwnedGrant", trace.SpanKindClient, func(ctx context.Context) (got owned[authserver.Grant], err error) {
		got.value, got.person, err = st.Store.OwnedGrant(ctx, id)
		return got, err
	})
	return got.value, got.person, err
}

func (st store) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	got, err := follow(ctx, st.t, "store.Rotate", trace.SpanKindClient, func(ctx context.Context) (got owned[authserver.Grant], err error) {
		got.value, got.person, err = st.Store.Rotate(ctx, r, now)
		return got, err
	})
	return got.value, got.person, err
}

func (st store) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (bool, error) {
	return follow(ctx, st.t, "store.Revoke", trace.SpanKindClient, func(ctx context.Context) (bool, error) {
		return st.Store.Revoke(ctx, id, now)
	})
}

func (st store) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	return follow(ctx, st.t, "store.GrantsOf", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Grant, error) {
		return st.Store.GrantsOf(ctx, owner, now)
	})
}

func (st store) GrantsPage(ctx context.Context, f authserver.GrantFilter, now time.Time, after authserver.GrantID, limit int) ([]authserver.Grant, error) {
	return follow(ctx, st.t, "store.GrantsPage", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Grant, error) {
		return st.Store.GrantsPage(ctx, f, now, after, limit)
	})
}

func (st store) Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]authserver.Use, error) {
	return follow(ctx, st.t, "store.Uses", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Use, error) {
		return st.Store.Uses(ctx, uid, afterUID, afterCredentialID, limit)
	})
}

func (st store) ConsentsOf(ctx context.Context, owner string) ([]authserver.Consent, error) {
	return follow(ctx, st.t, "store.ConsentsOf", trace.SpanKindClient, func(ctx context.Context) ([]authserver.Consent, error) {
		return st.Store.ConsentsOf(ctx, owner)
	})
}

func (st store) Consent(ctx context.Context, owner string, clientUID string) (authserver.Consent, error) {
	return follow(ctx, st.t, "store.Consent", trace.SpanKindClient, func(ctx context.Context) (authserver.Consent, error) {
		return st.Store.Consent(ctx, owner, clientUID)
	})
}

func (st store) Forget(ctx context.Context, owner string, clientUID string, now time.Time) error {
	return followOnly(ctx, st.t, "store.Forget", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.Forget(ctx, owner, clientUID, now)
	})
}

func (st store) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	return followOnly(ctx, st.t, "store.Spend", trace.SpanKindClient, func(ctx context.Context) error {
		return st.Store.Spend(ctx, key, now, until)
	})
}

func (st store) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	return follow(ctx, st.t, "store.Spent", trace.SpanKindClient, func(ctx context.Context) (bool, error) {
		return st.Store.Spent(ctx, key, now)
	})
}
