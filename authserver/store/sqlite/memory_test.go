// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// noTicket is one with which nothing is remembered.
var noTicket = ticket{}

// remembers reports whether grant number n and its owner are in memory.
func remembers(s *Store, n int) bool {
	_, _, found, _, _ := s.memory.owned(grantNumber(n).ID)
	return found
}

// remember has the store read grant number n and its owner, and fails if they are not in memory then.
func remember(t *testing.T, s *Store, n int) {
	t.Helper()
	if _, _, err := s.OwnedGrant(t.Context(), grantNumber(n).ID); err != nil {
		t.Fatalf("OwnedGrant() = %v", err)
	}
	if !remembers(s, n) {
		t.Fatal("a grant that was read is not in memory")
	}
}

// seen is what an introspection sees of a grant.
type seen struct {
	Grant authserver.Grant
	Owner authserver.Person
	Error error
}

// sameAsInTheFile compares what OwnedGrant says of grant number n with what stands in the file.
func sameAsInTheFile(t *testing.T, s *Store, n int) {
	t.Helper()
	id := grantNumber(n).ID
	var got, want seen
	got.Grant, got.Owner, got.Error = s.OwnedGrant(t.Context(), id)
	row, owner, err := s.readOwned(t.Context(), id, noTicket)
	if want = (seen{Owner: owner, Error: err}); err == nil {
		want.Grant = row.grant(id)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("grant %d in memory is not what stands in the file (-file +memory):\n%s", n, diff)
	}
}

// N173: whoever has the answer of a write finds nothing older than it in memory.
func TestN173MemoryKnowsOfEachWrite(t *testing.T) {
	owner, other := grantNumber(1).Owner, grantNumber(11).Owner
	changed := func(subject string, edit func(*authserver.Confirmation)) authserver.Confirmation {
		c := confirmed(subject)
		edit(&c)
		return c
	}
	for _, row := range []struct {
		name  string
		write func(t *testing.T, s *Store) error
	}{
		{"a revocation", func(t *testing.T, s *Store) error { return revoked(s.Revoke(t.Context(), grantNumber(1).ID, noon)) }},
		{"a refresh", func(t *testing.T, s *Store) error {
			_, _, err := s.Rotate(t.Context(), rotation(grantNumber(1), 1), noon.Add(time.Hour))
			return err
		}},
		{"a person who left", func(t *testing.T, s *Store) error {
			return s.ConfirmPeople(t.Context(), []authserver.Confirmation{changed(owner, func(c *authserver.Confirmation) { c.EndedAt = noon })})
		}},
		{"a person with other groups, at a login", func(t *testing.T, s *Store) error {
			return s.CreateSession(t.Context(), authserver.Session{Hash: hashNumber(1), Owner: owner, ExpiresAt: noon},
				changed(owner, func(c *authserver.Confirmation) { c.Groups = []string{"others"} }))
		}},
		{"a person of whom there was no row", func(t *testing.T, s *Store) error {
			return s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(other)})
		}},
		{"a changed password that ends grants", func(t *testing.T, s *Store) error {
			return s.ConfirmPeople(t.Context(), []authserver.Confirmation{changed(owner, func(c *authserver.Confirmation) { c.CredentialVersion, c.EndGrants = "second", true })})
		}},
		{"a client that is forgotten", func(t *testing.T, s *Store) error {
			return s.Forget(t.Context(), owner, grantNumber(1).ClientUID, noon)
		}},
		{"too many grants", func(t *testing.T, s *Store) error {
			for n := range authserver.MaxGrants {
				g := grantNumber(100 + n)
				g.Owner, g.ApprovedAt = owner, noon.Add(time.Duration(n)*time.Second)
				if err := s.Approve(t.Context(), g, nil); err != nil {
					return err
				}
				if _, err := s.Redeem(t.Context(), g.Proof.Hash, noon); err != nil {
					return err
				}
			}
			return nil
		}},
		{"a sweep of ended grants", func(t *testing.T, s *Store) error {
			_, err := s.Sweep(t.Context(), grantNumber(1).EndsAt, 100)
			return err
		}},
		{"a sweep of a person", func(t *testing.T, s *Store) error {
			gone := changed(owner, func(c *authserver.Confirmation) { c.EndedAt = noon })
			if err := s.ConfirmPeople(t.Context(), []authserver.Confirmation{gone}); err != nil {
				return err
			}
			remember(t, s, 1)
			_, err := s.Sweep(t.Context(), noon.Add(authserver.GoneMemory), 100)
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := openNew(t)
			fill(t, s, 12)
			if err := s.ConfirmPeople(t.Context(), []authserver.Confirmation{confirmed(owner)}); err != nil {
				t.Fatal(err)
			}
			remember(t, s, 1)
			remember(t, s, 11)
			var before, after seen
			before.Grant, before.Owner, before.Error = s.OwnedGrant(t.Context(), grantNumber(1).ID)
			_, ownerBefore, _ := s.OwnedGrant(t.Context(), grantNumber(11).ID)
			if err := row.write(t, s); err != nil {
				t.Fatal(err)
			}
			sameAsInTheFile(t, s, 1)
			sameAsInTheFile(t, s, 11)
			after.Grant, after.Owner, after.Error = s.OwnedGrant(t.Context(), grantNumber(1).ID)
			_, ownerAfter, _ := s.OwnedGrant(t.Context(), grantNumber(11).ID)
			if cmp.Equal(before, after, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })) && cmp.Equal(ownerBefore, ownerAfter) {
				t.Error("nothing changed: this write shows nothing")
			}
		})
	}
}

// N173: the same for keys, spent or not.
func TestN173MemoryKnowsWhatIsSpent(t *testing.T) {
	s := openNew(t)
	key := hashNumber(1)
	spent := func(now time.Time, want bool) {
		t.Helper()
		for range 2 { // from the file, and from memory
			if got, err := s.Spent(t.Context(), key, now); err != nil || got != want {
				t.Errorf("Spent() = %t, %v, want %t", got, err, want)
			}
		}
		if _, found, _, _ := s.memory.spentUntil(key); !found {
			t.Error("what was read is not in memory")
		}
	}
	spent(noon, false)
	if err := s.Spend(t.Context(), key, noon, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	spent(noon, true)
	spent(noon.Add(time.Hour), false)
	if n, err := s.Sweep(t.Context(), noon.Add(time.Hour), 10); n != 1 || err != nil {
		t.Fatalf("Sweep() = %d, %v", n, err)
	}
	spent(noon, false) // the row is gone, and so it is for a clock that was set back
}

// N173: what was read before a write, or while it was committed, is not remembered after it.
func TestN173AReadBesideAWriteIsNotRemembered(t *testing.T) {
	g := grantNumber(1)
	for _, row := range []struct {
		name   string
		during bool // a read while it is committed is not remembered either
		write  func(t *testing.T, s *Store) error
	}{
		{"of the grant", true, func(t *testing.T, s *Store) error { return revoked(s.Revoke(t.Context(), g.ID, noon)) }},
		{"of the owner", true, func(t *testing.T, s *Store) error {
			gone := confirmed(g.Owner)
			gone.EndedAt = noon
			return s.ConfirmPeople(t.Context(), []authserver.Confirmation{gone})
		}},
		{"of another grant, by a connection that was opened anew", false, func(t *testing.T, s *Store) error {
			if err := loseWriter(t, s); err != nil {
				return err
			}
			return revoked(s.Revoke(t.Context(), grantNumber(1000).ID, noon))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := openNew(t)
			fill(t, s, 2)
			s.memory.forgetAll()
			_, _, _, before, _ := s.memory.owned(g.ID)
			old, owner, err := s.readOwned(t.Context(), g.ID, noTicket)
			if err != nil {
				t.Fatal(err)
			}
			var during ticket
			onCommit(t, s, func() bool { _, _, _, during, _ = s.memory.owned(g.ID); return true })
			if err := row.write(t, s); err != nil {
				t.Fatal(err)
			}
			if s.memory.rememberOwned(before, g.ID, old, owner); remembers(s, 1) {
				t.Error("what was read before the write is in memory")
			}
			s.memory.forgetAll()
			if s.memory.rememberOwned(during, g.ID, old, owner); row.during && remembers(s, 1) {
				t.Error("what was read during the write is in memory")
			}
		})
	}
}

// loseWriter makes the writer's connection one that went bad.
func loseWriter(t *testing.T, s *Store) error {
	t.Helper()
	err := writeOnly(t.Context(), s.writer, func(*transaction) error { return driver.ErrBadConn })
	if !errors.Is(err, authserver.ErrUnavailable) {
		return fmt.Errorf("a connection that went bad: %w", err)
	}
	return nil
}

// N174: memory holds nothing that was not committed.
// What is being committed may be seen in the file already. Memory must not answer with what was before.
func TestN173MemoryKeepsSilentWhileATransactionCommits(t *testing.T) {
	s := openNew(t)
	g := grantNumber(1)
	g.EndsAt = noon.Add(time.Hour)
	if err := errors.Join(s.Approve(t.Context(), g, nil), s.ConfirmPeople(t.Context(), []authserver.Confirmation{named(g.Owner, 0)})); err != nil {
		t.Fatal(err)
	}
	key := hashNumber(7)
	for name, write := range map[string]func() error{
		"the grant changes":  func() error { _, err := s.Revoke(t.Context(), g.ID, noon); return err },
		"the person changes": func() error { return s.ConfirmPeople(t.Context(), []authserver.Confirmation{named(g.Owner, 1)}) },
		"the key is spent":   func() error { return s.Spend(t.Context(), key, noon, noon.Add(time.Hour)) },
	} {
		remember(t, s, 1)
		if _, err := s.Spent(t.Context(), key, noon); err != nil {
			t.Fatal(err)
		}
		var grant, spent atomic.Bool
		onCommit(t, s, func() bool {
			_, known, _, _ := s.memory.spentUntil(key)
			grant.Store(remembers(s, 1))
			spent.Store(known)
			return true
		})
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if stays := name == "the key is spent"; grant.Load() != stays || spent.Load() == stays {
			t.Errorf("%s: meanwhile the grant is in memory: %t, the key: %t", name, grant.Load(), spent.Load())
		}
	}
}

func TestN174AFailingCommitLeavesNothingInMemory(t *testing.T) {
	s := openNew(t)
	fill(t, s, 2)
	remember(t, s, 0)
	remember(t, s, 1)
	var broken atomic.Bool
	onCommit(t, s, func() bool { return !broken.Load() })
	broken.Store(true)
	if _, _, err := s.Rotate(t.Context(), rotation(grantNumber(0), 1), noon); !errors.Is(err, authserver.ErrUnavailable) {
		t.Errorf("Rotate() = %v, want ErrUnavailable", err)
	}
	if remembers(s, 0) {
		t.Error("a grant is in memory of which nobody knows whether it was written")
	}
	if !remembers(s, 1) {
		t.Error("a grant is not in memory any more that nobody has written to")
	}
	sameAsInTheFile(t, s, 0)
	broken.Store(false)
	if g, _, err := s.Rotate(t.Context(), rotation(grantNumber(0), 1), noon); err != nil || g.Generation != 2 {
		t.Errorf("Rotate() = %+v, %v", g, err)
	}
	sameAsInTheFile(t, s, 0)
}

// N174: an operation that is undone in a transaction that is committed.
func TestN174AnUndoneOperationLeavesNothingInMemory(t *testing.T) {
	s := openNew(t)
	fill(t, s, 1)
	remember(t, s, 0)
	err := writeOnly(t.Context(), s.writer, func(c *transaction) error {
		c.grantIs(grantNumber(0).ID, grantInUse{owner: "nobody"})
		c.people = append(c.people, changedPerson{subject: grantNumber(0).Owner, row: authserver.Person{Owner: authserver.Owner{Name: "nobody"}}, known: true})
		c.spentChanged(hashNumber(1))
		return authserver.ErrStale
	})
	if !errors.Is(err, authserver.ErrStale) {
		t.Fatal(err)
	}
	sameAsInTheFile(t, s, 0)
}

// N174: SQLite may find a transaction in the log that was not acknowledged.
func TestN174AConnectionThatIsOpenedAnewFindsMemoryEmpty(t *testing.T) {
	t.Run("the writer's", func(t *testing.T) {
		s := openNew(t)
		fill(t, s, 2)
		remember(t, s, 1)
		if err := loseWriter(t, s); err != nil {
			t.Fatal(err)
		}
		if err := revoked(s.Revoke(t.Context(), grantNumber(0).ID, noon)); err != nil {
			t.Fatal(err)
		}
		if remembers(s, 1) {
			t.Error("memory was not emptied")
		}
	})
	t.Run("a reader's", func(t *testing.T) {
		s := openNew(t)
		fill(t, s, 2)
		remember(t, s, 1)
		_, err := read(t.Context(), s.readers, func(*conn) (int, error) { return 0, driver.ErrBadConn })
		if !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatal(err)
		}
		for range cap(s.readers.idle) { // each of them in turn
			if _, err := s.Grant(t.Context(), grantNumber(0).ID); err != nil {
				t.Fatal(err)
			}
		}
		if remembers(s, 1) {
			t.Error("memory was not emptied")
		}
	})
}

func TestWhatIsRememberedNeedsNoFile(t *testing.T) {
	s := openNew(t)
	fill(t, s, 1)
	remember(t, s, 0)
	if _, err := s.Spent(t.Context(), hashNumber(1), noon); err != nil {
		t.Fatal(err)
	}
	for range cap(s.readers.idle) { // nobody can read
		<-s.readers.idle
	}
	t.Cleanup(func() {
		for range cap(s.readers.idle) {
			s.readers.idle <- nil
		}
	})
	if _, _, err := s.OwnedGrant(t.Context(), grantNumber(0).ID); err != nil {
		t.Errorf("OwnedGrant() = %v", err)
	}
	if _, err := s.Spent(t.Context(), hashNumber(1), noon); err != nil {
		t.Errorf("Spent() = %v", err)
	}
	if _, _, err := s.Rotate(t.Context(), rotation(grantNumber(0), 1), noon); err != nil {
		t.Errorf("Rotate() = %v", err)
	}
}

// The allocations of the hot operations. Whoever needs more of them says why here.
func TestAllocationsOfHotOperations(t *testing.T) {
	s := openNew(t)
	fill(t, s, 1)
	remember(t, s, 0)
	g, generation := grantNumber(0), uint32(0)
	var key authserver.Hash
	for _, row := range []struct {
		name string
		most float64
		call func() error
	}{
		{"OwnedGrant", 0, func() error { _, _, err := s.OwnedGrant(t.Context(), g.ID); return err }},
		{"Spent", 0, func() error { _, err := s.Spent(t.Context(), authserver.Hash{}, noon); return err }},
		{"Rotate", 25, func() error {
			generation++
			_, _, err := s.Rotate(t.Context(), rotation(g, generation), noon)
			return err
		}},
		{"Spend", 20, func() error {
			key[0]++
			return s.Spend(t.Context(), key, noon, noon.Add(time.Hour))
		}},
	} {
		if got := testing.AllocsPerRun(100, func() {
			if err := row.call(); err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
		}); got > row.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", row.name, got, row.most)
		} else {
			t.Logf("%s: %.0f allocations", row.name, got)
		}
	}
}

// The bound is one of bytes, so it must be true of the bytes that the runtime counts.
func TestMemoryIsBounded(t *testing.T) {
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	m := newMemory()
	for i := range 95_000 {
		h := hashNumber(i)
		owner := fmt.Sprintf("%026d", i)
		_, _, _, ticket, _ := m.owned(authserver.GrantID(h[:16]))
		m.rememberOwned(ticket, authserver.GrantID(h[:16]), grantInUse{
			clientUID: fmt.Sprintf("%036d", i%100), owner: owner, scopes: []string{fmt.Sprint("photos.read ", i), "photos.write"},
		}, authserver.Person{Owner: authserver.Owner{Subject: owner, Name: fmt.Sprint("person ", i), Groups: []string{fmt.Sprint("group ", i)}}})
		_, _, ticket, _ = m.spentUntil(h)
		m.rememberSpent(ticket, h, 1)
	}
	for name, got := range map[string][2]int{
		"grants": {m.grants.held, grantBytes}, "people": {m.people.held, peopleBytes}, "spent keys": {m.spent.held, spentBytes},
	} {
		if got[0] > got[1] || got[0] < got[1]*9/10 {
			t.Errorf("%s: %d bytes are held, want at most and nearly %d", name, got[0], got[1])
		}
	}
	const limit = grantBytes + peopleBytes + spentBytes
	took := heap() - before
	t.Logf("%d grants, %d people and %d keys: %d bytes counted, %d in the heap", m.grants.entries.Len(), m.people.entries.Len(), m.spent.entries.Len(),
		m.grants.held+m.people.held+m.spent.held, took)
	if took > limit*5/4 {
		t.Errorf("memory takes %d bytes, and the bound is %d", took, limit)
	}
	runtime.KeepAlive(m)
}

func TestTooLargeAnEntryIsNotRemembered(t *testing.T) {
	b := newBounded(1000, func(int, string) int { return 600 })
	b.put(1, "")
	b.put(2, "")
	if _, found := b.get(1); found || b.held != 600+entryBytes {
		t.Errorf("the older entry is there: %t, %d bytes are held", found, b.held)
	}
	b.size = func(int, string) int { return 2000 }
	b.held = 2000 + entryBytes
	b.put(2, "")
	if _, found := b.get(2); found || b.held != 0 {
		t.Errorf("an entry that is too large is there: %t, %d bytes are held", found, b.held)
	}
}

// Open starts with an empty memory whatever the file holds.
func TestAStoreThatIsOpenedRemembersNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	s := openAt(t, path)
	fill(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = openAt(t, path); remembers(s, 0) {
		t.Error("something is in memory that nobody has asked for")
	}
}
