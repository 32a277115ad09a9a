// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"hash/maphash"
	"sync"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// How many bytes of each kind are remembered. A grant takes about 400, so there is room for the grants of
// 80,000 tokens in use and for their owners: a server of 512 MiB gives a tenth of it. What does not fit
// is read from the file.
const (
	grantBytes  = 32 << 20
	peopleBytes = 12 << 20
	spentBytes  = 4 << 20
)

// memory answers from memory what the writer has committed. It is not a cache with a time to live: what it
// holds is what stands in the file, always.
//
// That is so because this process alone writes to the file (PATH.lock), one goroutine of it does, and
// every entry comes in one of two ways:
//
//  1. The writer notes in its transaction which keys it changes. Before COMMIT it marks them (committing).
//     After COMMIT it gives each its new value or drops it, and takes the mark off (committed), in one step
//     for all keys of the transaction. Only then it answers its callers. So whoever has an answer finds
//     the new state, or nothing.
//  2. A read that found no entry notes the versions of its keys (a ticket) before it reads the file, and
//     puts in what it read if the versions are still the same and none of the keys was marked. A mark
//     changes the version. So no transaction that changed the keys was between the mark and its end
//     at any time from before the read until after it: what was read is what stands in the file now.
//
// From the mark until the end of the transaction the entries of its keys are silent: who asks reads the file. There the new state
// may be seen before those are told who wrote it, and an entry with the old state would let somebody see the new one
// and then the old one. A transaction whose outcome is not known (COMMIT failed) drops its keys. When a
// connection is opened anew, SQLite may find such a transaction in the log and keep it after all: everything is dropped.
//
// An entry is never changed. Its slices are shared by all who get it, and have no room behind them: append
// copies.
type memory struct {
	mu     sync.Mutex
	closed bool
	epoch  uint64 // counts how often everything was dropped
	keys   [keySlots]keySlot
	seed   maphash.Seed

	grants *bounded[authserver.GrantID, grantInUse]
	people *bounded[string, authserver.Person] // the zero Person: there is no row
	spent  *bounded[authserver.Hash, int64]    // until when, in milliseconds; notSpent: there is no row
}

// Many keys share a slot. Who shares one with a key that is written misses a chance to remember something.
// All people share the first one: who the owner of a grant is, is not known before the read, and rows of people
// are rarely written.
const (
	keySlots   = 4096
	peopleSlot = 0
)

// keySlot is what reads must know about the keys in it.
type keySlot struct {
	version uint64 // changes with each mark and each end of a transaction
	marks   int    // above 0: a transaction may be committing
}

// ticket is what a read knew before it began.
type ticket struct {
	epoch    uint64
	slots    [2]int
	versions [2]uint64
	valid    bool
}

func newMemory() *memory {
	return &memory{
		seed:   maphash.MakeSeed(),
		grants: newBounded(grantBytes, sizeOfGrant),
		people: newBounded(peopleBytes, sizeOfPerson),
		spent:  newBounded(spentBytes, func(authserver.Hash, int64) int { return 32 + 8 }),
	}
}

// slotOf returns the slot of a grant or of a spent key.
func slotOf[K comparable](m *memory, key K) int {
	return 1 + int(maphash.Comparable(m.seed, key)%(keySlots-1))
}

// ticketFor is called with mu held.
func (m *memory) ticketFor(slot, other int) ticket {
	a, b := m.keys[slot], m.keys[other]
	return ticket{
		epoch: m.epoch, slots: [2]int{slot, other}, versions: [2]uint64{a.version, b.version},
		valid: a.marks == 0 && b.marks == 0,
	}
}

// holds reports whether nothing was written to the keys of the ticket since it was made. It is called with mu held.
func (m *memory) holds(t ticket) bool {
	return t.valid && t.epoch == m.epoch &&
		m.keys[t.slots[0]].version == t.versions[0] && m.keys[t.slots[1]].version == t.versions[1]
}

// owned returns a grant and its owner if both are known, and a ticket if not.
func (m *memory) owned(id authserver.GrantID) (g grantInUse, p authserver.Person, found bool, t ticket, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return g, p, false, t, errClosed
	}
	if g, found = m.grants.get(id); found {
		p, found = m.people.get(g.owner)
	}
	if !found {
		t = m.ticketFor(slotOf(m, id), peopleSlot)
	}
	return g, p, found, t, nil
}

// rememberOwned puts in what was read with the ticket.
func (m *memory) rememberOwned(t ticket, id authserver.GrantID, g grantInUse, p authserver.Person) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds(t) {
		m.grants.put(id, g)
		m.people.put(g.owner, p)
	}
}

// spentUntil returns until when the key is spent if that is known, and a ticket if not.
func (m *memory) spentUntil(key authserver.Hash) (until int64, found bool, t ticket, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, false, t, errClosed
	}
	if until, found = m.spent.get(key); !found {
		slot := slotOf(m, key)
		t = m.ticketFor(slot, slot)
	}
	return until, found, t, nil
}

// rememberSpent puts in what was read with the ticket.
func (m *memory) rememberSpent(t ticket, key authserver.Hash, until int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds(t) {
		m.spent.put(key, until)
	}
}

// grant returns what is committed of the grant, for the writer.
func (m *memory) grant(id authserver.GrantID) (grantInUse, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.grants.get(id)
}

// person returns what is committed of the person, for the writer.
func (m *memory) person(subject string) (authserver.Person, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.people.get(subject)
}

// committing marks the keys of a transaction, and silences what is known of them.
func (m *memory) committing(c *changes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.eachSlot(m, func(k *keySlot) { k.version++; k.marks++ })
	for i := range c.grants {
		m.grants.silence(c.grants[i].id)
	}
	for i := range c.people {
		m.people.silence(c.people[i].subject)
	}
	for _, key := range c.spent {
		m.spent.silence(key)
	}
}

// committed takes in what a transaction has changed, and takes its marks off. Where two operations have changed a
// row, the later one counts.
func (m *memory) committed(c *changes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range c.grants {
		if g := &c.grants[i]; g.known {
			m.grants.put(g.id, g.row)
		} else {
			m.grants.drop(g.id)
		}
	}
	for i := range c.people {
		if p := &c.people[i]; p.known {
			m.people.put(p.subject, p.row)
		} else {
			m.people.drop(p.subject)
		}
	}
	for _, key := range c.spent {
		m.spent.drop(key)
	}
	c.eachSlot(m, func(k *keySlot) { k.version++; k.marks-- })
}

// unknown drops what a transaction has changed of which nobody knows whether it was committed, and takes its marks off.
func (m *memory) unknown(c *changes) {
	for i := range c.grants {
		c.grants[i].known = false
	}
	for i := range c.people {
		c.people[i].known = false
	}
	m.committed(c)
}

// forgetAll drops everything, and what reads that have begun will find.
func (m *memory) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.grants.dropAll()
	m.people.dropAll()
	m.spent.dropAll()
}

// close makes every later question fail.
func (m *memory) close() {
	m.forgetAll()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}
