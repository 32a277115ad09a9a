// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

func TestWritesThatWaitShareOneCommit(t *testing.T) {
	s := openNew(t)
	var commits atomic.Int64
	onCommit(t, s, func() bool { commits.Add(1); return true })
	before := commits.Load()
	release := hold(t, s)
	calls := make([]func() error, 100)
	for i := range calls {
		calls[i] = func() error { return s.Approve(t.Context(), grantNumber(i), nil) }
	}
	results := start(t, s, calls...)
	release()
	for i, result := range results {
		if err := <-result; err != nil {
			t.Errorf("approval %d: %v", i, err)
		}
	}
	if got := commits.Load() - before; got != 2 {
		t.Errorf("there were %d commits, want 1 for the held transaction and 1 for all others", got)
	}
}

func TestAFailingOperationUndoesOnlyItself(t *testing.T) {
	s := openNew(t)
	fill(t, s, 1)
	release := hold(t, s)
	brokenRule := func(c *transaction) error {
		_, err := c.exec(insertSession, []byte("too short to be a hash"))
		return err
	}
	results := start(t, s,
		func() error { return s.Approve(t.Context(), grantNumber(10), nil) },
		writeAndThen(t, s, func(*transaction) error { return authserver.ErrStale }),
		func() error { return s.Approve(t.Context(), grantNumber(0), nil) },
		writeAndThen(t, s, brokenRule),
		func() error { return s.Approve(t.Context(), grantNumber(11), nil) },
	)
	release()

	for i, want := range []error{nil, authserver.ErrStale, authserver.ErrExists} {
		if err := <-results[i]; !errors.Is(err, want) {
			t.Errorf("operation %d: error is %v, want %v", i, err, want)
		}
	}
	if err := <-results[3]; err == nil || errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a row that breaks a rule: error is %v, want one that is not ErrUnavailable", err)
	}
	if err := <-results[4]; err != nil {
		t.Errorf("operation 4: %v", err)
	}
	for _, n := range []int{10, 11} {
		if _, err := s.Grant(t.Context(), grantNumber(n).ID); err != nil {
			t.Errorf("the grant beside the failures: %v", err)
		}
	}
	if _, _, err := s.Session(t.Context(), hashNumber(100)); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("what a failed operation wrote: error is %v, want ErrNotFound", err)
	}
}

const insertSession = `INSERT INTO sessions (hash, owner, authenticated_at, expires_at, credential_version) VALUES (?1, 'bob', 0, 0, '')`

// writeAndThen returns an operation of two steps: session number 100 is written, then
// comes what fails.
func writeAndThen(t *testing.T, s *Store, fail func(*transaction) error) func() error {
	return func() error {
		return writeOnly(t.Context(), s.writer, func(c *transaction) error {
			h := hashNumber(100)
			if _, err := c.exec(insertSession, h[:]); err != nil {
				return err
			}
			return fail(c)
		})
	}
}

func TestAFaultThatIsNobodysOwnFailsTheTransaction(t *testing.T) {
	s := openNew(t)
	release := hold(t, s)
	results := start(t, s,
		func() error { return s.Approve(t.Context(), grantNumber(10), nil) },
		writeAndThen(t, s, func(*transaction) error { return errors.New("a row that makes no sense") }),
		func() error { return s.Approve(t.Context(), grantNumber(11), nil) },
	)
	release()
	for i, result := range results {
		if err := <-result; !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("operation %d: error is %v, want ErrUnavailable", i, err)
		}
	}
	for _, n := range []int{10, 11} {
		if err := s.Approve(t.Context(), grantNumber(n), nil); err != nil {
			t.Errorf("Approve after the fault: %v", err)
		}
	}
}

func TestAFailingCommitIsUnavailableToAllAndKeepsNothing(t *testing.T) {
	s := openNew(t)
	fill(t, s, 2)
	var broken atomic.Bool
	onCommit(t, s, func() bool { return !broken.Load() })
	release := hold(t, s)
	results := start(t, s,
		func() error { return s.Approve(t.Context(), grantNumber(10), nil) },
		func() error { _, _, err := s.Rotate(t.Context(), rotation(grantNumber(0), 1), noon); return err },
		func() error { return s.Spend(t.Context(), hashNumber(1), noon, noon.Add(time.Hour)) },
		func() error { return revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)) },
		func() error { _, err := s.Redeem(t.Context(), grantNumber(0).Proof.Hash, noon); return err },
	)
	broken.Store(true)
	release()
	for i, result := range results {
		if err := <-result; !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("operation %d: error is %v, want ErrUnavailable", i, err)
		}
	}
	if _, err := s.Grant(t.Context(), grantNumber(10).ID); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("the grant that was not kept: error is %v, want ErrNotFound", err)
	}

	broken.Store(false)
	if _, _, err := s.Rotate(t.Context(), rotation(grantNumber(0), 1), noon); err != nil {
		t.Errorf("Rotate after the fault: %v", err)
	}
	if err := s.Spend(t.Context(), hashNumber(1), noon, noon.Add(time.Hour)); err != nil {
		t.Errorf("Spend after the fault: %v", err)
	}
}

func TestAFullFileIsUnavailableAndLosesNothing(t *testing.T) {
	s := openNew(t)
	fill(t, s, 10)
	number(t, s, `PRAGMA max_page_count = 1`) // at least what there is already
	kept := 10
	for ; ; kept++ {
		err := s.Approve(t.Context(), grantNumber(kept), nil)
		if err == nil {
			continue
		}
		if !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatalf("Approve in a full file: error is %v, want ErrUnavailable", err)
		}
		break
	}
	release := hold(t, s)
	results := start(t, s,
		func() error { return revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)) },
		func() error { return s.Approve(t.Context(), grantNumber(kept), nil) },
	)
	release()
	for i, result := range results {
		if err := <-result; !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("operation %d of a transaction for which there is no room: error is %v, want ErrUnavailable", i, err)
		}
	}
	for i := range kept {
		if g, err := s.Grant(t.Context(), grantNumber(i).ID); err != nil || !g.RevokedAt.IsZero() {
			t.Errorf("grant %d, which was kept before, is %+v, %v", i, g, err)
		}
	}

	number(t, s, `PRAGMA max_page_count = 1073741823`)
	if err := s.Approve(t.Context(), grantNumber(kept), nil); err != nil {
		t.Errorf("Approve once there is room again: %v", err)
	}
}

func TestReadersSeeNothingUncommitted(t *testing.T) {
	s := openNew(t)
	g := grantNumber(1)
	written, end, answer := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		answer <- writeOnly(t.Context(), s.writer, func(c *transaction) error {
			err := insertGrant(c.conn, g, "", "")
			close(written)
			<-end
			return err
		})
	}()
	<-written
	if _, err := s.Grant(t.Context(), g.ID); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("Grant before the commit: error is %v, want ErrNotFound", err)
	}
	close(end)
	if err := <-answer; err != nil {
		t.Fatalf("write: %v", err)
	}
	if _, err := s.Grant(t.Context(), g.ID); err != nil {
		t.Errorf("Grant after the commit: %v", err)
	}
}

func TestReadersCannotWrite(t *testing.T) {
	s := openNew(t)
	_, err := read(t.Context(), s.readers, func(c *conn) (int, error) {
		return c.exec(`DELETE FROM grants`)
	})
	if !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("a write by a reader: error is %v, want ErrUnavailable", err)
	}
}

func TestACallerThatGoesDoesNotWaitForTheDisk(t *testing.T) {
	s := openNew(t)
	release := hold(t, s)
	ctx, leave := context.WithCancel(t.Context())
	results := start(t, s,
		func() error { return s.Approve(ctx, grantNumber(1), nil) },
		func() error { return s.Approve(t.Context(), grantNumber(2), nil) },
	)
	leave()
	if err := <-results[0]; !errors.Is(err, authserver.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left: error is %v, want ErrUnavailable and context.Canceled", err)
	}
	release()
	if err := <-results[1]; err != nil {
		t.Errorf("the caller that stayed: %v", err)
	}
	// It left before its turn, so nothing was written in its name.
	if _, err := s.Grant(t.Context(), grantNumber(1).ID); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("Grant: error is %v, want ErrNotFound", err)
	}
}

func TestAFullQueueIsUnavailable(t *testing.T) {
	s := openNew(t)
	release := hold(t, s)
	waiting := make([]*operation, maxQueue)
	for i := range waiting {
		waiting[i] = &operation{caller: t.Context(), answer: make(chan error, 1), run: func(*transaction) error { return nil }}
		if err := s.writer.enqueue(waiting[i]); err != nil {
			t.Fatalf("enqueue write %d: %v", i, err)
		}
	}
	if err := revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("Revoke behind a full queue: error is %v, want ErrUnavailable", err)
	}
	release()
	for i, o := range waiting {
		if err := <-o.answer; err != nil {
			t.Errorf("write %d of the queue: %v", i, err)
		}
	}
	if err := revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)); err != nil {
		t.Errorf("Revoke once the queue is empty: %v", err)
	}
}

func TestCloseAnswersWhatWaitsAndRefusesTheRest(t *testing.T) {
	s := openNew(t)
	release := hold(t, s)
	results := start(t, s,
		func() error { return s.Approve(t.Context(), grantNumber(1), nil) },
		func() error { return s.Approve(t.Context(), grantNumber(2), nil) },
	)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	release()
	for i, result := range results {
		if err := <-result; err != nil {
			t.Errorf("write %d that waited: %v", i, err)
		}
	}
	if err := <-closed; err != nil {
		t.Errorf("Close() = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close() again = %v", err)
	}
	for name, call := range everyCall(t.Context(), s) {
		if err := call(); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("%s after Close: error is %v, want ErrUnavailable", name, err)
		}
	}
}

// everyCall returns a call of each method of the store.
func everyCall(ctx context.Context, s authserver.Store) map[string]func() error {
	g := grantNumber(1)
	return map[string]func() error{
		"CreateSession": func() error {
			return s.CreateSession(ctx, authserver.Session{Hash: hashNumber(1), Owner: g.Owner}, confirmed(g.Owner))
		},
		"Session":        func() error { _, _, err := s.Session(ctx, hashNumber(1)); return err },
		"SessionsOf":     func() error { _, err := s.SessionsOf(ctx, g.Owner, noon); return err },
		"DeleteSession":  func() error { return s.DeleteSession(ctx, g.Owner, hashNumber(1)) },
		"DeleteSessions": func() error { return s.DeleteSessions(ctx, g.Owner, hashNumber(1)) },
		"ClaimLogouts":   func() error { _, err := s.ClaimLogouts(ctx, noon, noon, []string{"busy"}, 10); return err },
		"PostponeLogout": func() error { return s.PostponeLogout(ctx, authserver.DueLogout{LeasedUntil: noon}, noon) },
		"FinishLogout":   func() error { return s.FinishLogout(ctx, hashNumber(1)) },
		"ConfirmPeople": func() error {
			gone := confirmed("somebody else")
			gone.EndedAt = noon
			return s.ConfirmPeople(ctx, []authserver.Confirmation{confirmed(g.Owner), gone})
		},
		"Person":  func() error { _, err := s.Person(ctx, g.Owner); return err },
		"People":  func() error { _, err := s.People(ctx, "", 10); return err },
		"Factors": func() error { _, err := s.Factors(ctx, g.Owner); return err },
		"Factor":  func() error { _, err := s.Factor(ctx, hashNumber(2)); return err },
		"ChangeFactors": func() error {
			_, err := s.ChangeFactors(ctx, g.Owner, []authserver.Hash{hashNumber(1)}, []authserver.Factor{{ID: hashNumber(2)}})
			return err
		},
		"UseFactor": func() error { return s.UseFactor(ctx, g.Owner, hashNumber(2), 1, noon) },
		"Approve": func() error {
			of := g
			of.EndOf = &authserver.Session{Hash: hashNumber(1), ExpiresAt: noon}
			return s.Approve(ctx, of, &authserver.Consent{Owner: g.Owner, ClientUID: g.ClientUID})
		},
		"GrantByProof": func() error { _, err := s.GrantByProof(ctx, g.Proof.Hash); return err },
		"Redeem":       func() error { _, err := s.Redeem(ctx, g.Proof.Hash, noon); return err },
		"Grant":        func() error { _, err := s.Grant(ctx, g.ID); return err },
		"OwnedGrant":   func() error { _, _, err := s.OwnedGrant(ctx, g.ID); return err },
		"Rotate":       func() error { _, _, err := s.Rotate(ctx, rotation(g, 1), noon); return err },
		"Revoke":       func() error { return revoked(s.Revoke(ctx, g.ID, noon)) },
		"GrantsOf":     func() error { _, err := s.GrantsOf(ctx, g.Owner, noon); return err },
		"ConsentsOf":   func() error { _, err := s.ConsentsOf(ctx, g.Owner); return err },
		"Consent":      func() error { _, err := s.Consent(ctx, g.Owner, g.ClientUID); return err },
		"Forget":       func() error { return s.Forget(ctx, g.Owner, g.ClientUID, noon) },
		"Spend":        func() error { return s.Spend(ctx, hashNumber(1), noon, noon.Add(time.Hour)) },
		"Spent":        func() error { _, err := s.Spent(ctx, hashNumber(1), noon); return err },
		"KeptClients":  func() error { _, err := s.KeptClients(ctx, "", 10); return err },
		"NoteUses": func() error {
			return s.NoteUses(ctx, []authserver.Use{{UID: "u", CredentialID: "c", Since: noon, UsedAt: noon}})
		},
		"Uses": func() error {
			for _, uid := range []string{"", "u"} {
				if _, err := s.Uses(ctx, uid, "", "", 10); err != nil {
					return err
				}
			}
			return nil
		},
		"GrantsPage": func() error {
			for _, f := range []authserver.GrantFilter{{ClientUID: "u"}, {Owner: "bob"}, {ClientUID: "u", Owner: "bob"}} {
				if _, err := s.GrantsPage(ctx, f, noon, authserver.GrantID{}, 10); err != nil {
					return err
				}
			}
			return nil
		},
		"NoteClients": func() error { return s.NoteClients(ctx, []string{g.ClientUID}, []string{"gone"}, noon) },
		"Sweep":       func() error { _, err := s.Sweep(ctx, noon, 10); return err },
		"Ping":        func() error { return s.Ping(ctx) },
	}
}
