// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// load is what a site has to do while its database fails: clients refresh without a pause and try again what was refused, and
// everything else is written too. It keeps a ledger of what was acknowledged.
type load struct {
	site    *site
	stop    chan struct{}
	working sync.WaitGroup

	acknowledged atomic.Int64 // refreshes that were answered with tokens
	refused      atomic.Int64 // those that were answered with 503
	written      atomic.Int64 // other writes that were acknowledged
	withheld     atomic.Int64 // those that were not
	faults       chan error   // what must not happen

	families []*family
	writers  []*writer
}

// startLoad starts it: so many clients that refresh, and as many that write all else.
func startLoad(t *testing.T, s *site, clients int) *load {
	t.Helper()
	l := &load{site: s, stop: make(chan struct{}), faults: make(chan error, 1)}
	for range clients {
		l.families = append(l.families, &family{load: l, token: s.allow(t)})
		l.writers = append(l.writers, &writer{load: l})
	}
	for i := range clients {
		l.working.Go(l.families[i].run)
		l.working.Go(func() { l.writers[i].run(t.Context()) })
	}
	t.Cleanup(l.end)
	l.goesOn(t)
	return l
}

// end ends the load. It may be called again.
func (l *load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.working.Wait()
}

// fault reports what must not happen; the first counts.
func (l *load) fault(err error) {
	select {
	case l.faults <- err:
	default:
	}
}

// pace waits a little, and reports whether the load goes on.
func (l *load) pace(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.stop:
		return false
	case <-t.C:
		return true
	}
}

// reaches waits until a counter has grown, or what must not happen has.
func (l *load) reaches(t *testing.T, what string, counter *atomic.Int64, more int64) {
	t.Helper()
	begin, want := time.Now(), counter.Load()+more
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(2 * time.Minute); counter.Load() < want; {
		select {
		case err := <-l.faults:
			t.Fatal(err)
		case <-limit:
			t.Fatalf("%s: %d of %d", what, counter.Load(), want)
		case <-tick.C:
		}
	}
	t.Logf("%s: after %s", what, time.Since(begin).Round(time.Millisecond))
}

// goesOn waits until every client and every kind of call is answered well again.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	for n, f := range l.families {
		l.reaches(t, fmt.Sprintf("client %d gets tokens", n), &f.acknowledged, 3)
	}
	for n, w := range l.writers {
		l.reaches(t, fmt.Sprintf("writer %d writes", n), &w.written, 10)
	}
}

// isRefused waits until refreshes are answered with 503.
func (l *load) isRefused(t *testing.T) {
	t.Helper()
	l.reaches(t, "refreshes are refused", &l.refused, int64(2*len(l.families)))
}

// check ends the load, and compares the ledger with what is kept.
func (l *load) check(t *testing.T) {
	t.Helper()
	l.end()
	select {
	case err := <-l.faults:
		t.Fatal(err)
	default:
	}
	for _, f := range l.families {
		f.check(t)
	}
	for _, w := range l.writers {
		w.check(t)
	}
	t.Logf("acknowledged: %d refreshes, %d other writes; refused: %d refreshes", l.acknowledged.Load(), l.written.Load(), l.refused.Load())
}

// family is a client with one grant. It refreshes, and sends what was refused again, until it gets an answer.
type family struct {
	load   *load
	token  string
	access string

	acknowledged atomic.Int64 // refreshes that were answered with tokens
}

func (f *family) run() {
	for f.load.pace(time.Millisecond) {
		got, err := f.load.site.refresh(f.token)
		switch {
		case err != nil:
			f.load.fault(fmt.Errorf("refresh: %w", err))
			return
		case got.status == http.StatusOK:
			f.token, f.access = got.refresh, got.access
			f.acknowledged.Add(1)
			f.load.acknowledged.Add(1)
		case got.status == http.StatusServiceUnavailable:
			if seconds, err := strconv.Atoi(got.retryAfter); err != nil || seconds < 1 {
				f.load.fault(fmt.Errorf("N172: a refresh was refused with Retry-After %q", got.retryAfter))
				return
			}
			f.load.refused.Add(1)
			f.load.pace(20 * time.Millisecond)
		default:
			f.load.fault(fmt.Errorf("a refresh was answered with %+v", got))
			return
		}
	}
}

// check checks that the last tokens are good, so that nothing that was issued was lost and nobody was taken for a thief.
func (f *family) check(t *testing.T) {
	t.Helper()
	got, err := f.load.site.introspect(f.access)
	if err != nil || !got.active {
		t.Errorf("the last access token: %+v, %v", got, err)
	}
	if got, err = f.load.site.refresh(f.token); err != nil || got.status != http.StatusOK {
		t.Errorf("the last refresh token: %+v, %v", got, err)
	}
}

// writer writes all that a refresh does not.
type writer struct {
	load    *load
	rows    []*written
	written atomic.Int64 // steps that were acknowledged
}

// written is what was acknowledged of a grant and what else was written with it.
type written struct {
	grant    authserver.Grant
	approved bool
	redeemed bool
	rotated  bool
	revoked  bool
	session  bool
	spent    bool
}

func (w *writer) run(ctx context.Context) {
	for w.load.pace(time.Millisecond) {
		row := newRow()
		w.rows = append(w.rows, row)
		if !w.write(ctx, row) {
			w.load.pace(20 * time.Millisecond)
		}
	}
}

// write writes a row in steps, as long as they are acknowledged.
func (w *writer) write(ctx context.Context, row *written) bool {
	s, g, now := w.load.site.store, row.grant, authtest.Start
	for _, step := range []struct {
		what string
		done *bool
		do   func() error
	}{
		{"keep a session", &row.session, func() error {
			session := authserver.Session{Hash: g.Proof.Hash, Owner: g.Owner, AuthenticatedAt: now, ExpiresAt: now.Add(time.Hour)}
			person := authserver.Person{Owner: authserver.Owner{Subject: g.Owner, Source: "users", Name: g.Owner}, ConfirmedAt: now}
			return s.CreateSession(ctx, session, authserver.Confirmation{Person: person})
		}},
		{"approve", &row.approved, func() error { return s.Approve(ctx, g, nil) }},
		{"redeem", &row.redeemed, func() error { _, err := s.Redeem(ctx, g.Proof.Hash, now); return err }},
		{"rotate", &row.rotated, func() error {
			_, _, err := s.Rotate(ctx, authserver.Rotation{GrantID: g.ID, ClientUID: g.ClientUID, Profile: g.Profile, Generation: 1}, now)
			return err
		}},
		{"spend", &row.spent, func() error { return s.Spend(ctx, g.Proof.Hash, now, now.Add(time.Hour)) }},
		{"revoke", &row.revoked, func() error {
			ended, err := s.Revoke(ctx, g.ID, now)
			if err == nil && !ended {
				err = errors.New("it was revoked before")
			}
			return err
		}},
	} {
		if err := step.do(); errors.Is(err, authserver.ErrUnavailable) {
			w.load.withheld.Add(1)
			return false // nobody knows whether it happened
		} else if err != nil {
			w.load.fault(fmt.Errorf("%s: %w", step.what, err))
			return false
		}
		*step.done = true
		w.written.Add(1)
		w.load.written.Add(1)
	}
	return true
}

func newRow() *written {
	g := authserver.Grant{
		ClientUID: "22222222-0000-4000-8000-000000000001", Owner: "owner-" + rand.Text(), Scopes: []string{"photos.read"}, Profile: authserver.ProfileOAuth2,
		ApprovedAt: authtest.Start, EndsAt: authtest.Start.Add(24 * time.Hour),
		Proof: authserver.Proof{Callback: authtest.PhotoPrintCallback, ExpiresAt: authtest.Start.Add(time.Minute)},
	}
	_, _ = rand.Read(g.ID[:])         // never fails (crypto/rand)
	_, _ = rand.Read(g.Proof.Hash[:]) // neither
	return &written{grant: g}
}

// check checks that everything that was acknowledged is kept.
func (w *writer) check(t *testing.T) {
	t.Helper()
	s, ctx := w.load.site.store, t.Context()
	for _, row := range w.rows {
		if row.session {
			if _, _, err := s.Session(ctx, row.grant.Proof.Hash); err != nil {
				t.Errorf("a session that was acknowledged: %v", err)
			}
		}
		if !row.approved {
			continue
		}
		g, err := s.Grant(ctx, row.grant.ID)
		switch {
		case err != nil:
			t.Errorf("a grant that was acknowledged: %v", err)
		case row.redeemed && g.Generation < 1, row.rotated && g.Generation < 2, row.revoked && g.RevokedAt.IsZero():
			t.Errorf("acknowledged: redeemed %t, rotated %t, revoked %t; kept: generation %d, revoked at %s",
				row.redeemed, row.rotated, row.revoked, g.Generation, g.RevokedAt)
		}
		if row.redeemed {
			if _, err := s.Redeem(ctx, row.grant.Proof.Hash, authtest.Start); !errors.Is(err, authserver.ErrNotFound) {
				t.Errorf("a proof was taken twice: %v", err)
			}
		}
		if row.spent {
			if err := s.Spend(ctx, row.grant.Proof.Hash, authtest.Start, authtest.Start.Add(time.Hour)); !errors.Is(err, authserver.ErrExists) {
				t.Errorf("what was spent may be spent again: %v", err)
			}
		}
	}
}
