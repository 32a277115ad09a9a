// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"slices"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// transaction is what an operation writes with: a connection in a transaction, and what has been changed
// in it so far. Whoever writes to grants, people or spent says which rows: memory must know.
type transaction struct {
	*conn
	memory *memory
	changes
}

// changes are the rows that a transaction has changed, in their order, as far as memory may hold them.
type changes struct {
	grants []changedGrant
	people []changedPerson
	spent  []authserver.Hash
}

type changedGrant struct {
	id    authserver.GrantID
	row   grantInUse // what it is now
	known bool       // that row is filled in
}

type changedPerson struct {
	subject string
	row     authserver.Person // with what OwnedGrant returns
	known   bool              // that row is filled in
}

// grantIs notes that a grant was changed, and what it is now.
func (c *changes) grantIs(id authserver.GrantID, row grantInUse) {
	c.grants = append(c.grants, changedGrant{id: id, row: row, known: true})
}

// grantChanged notes that a grant was changed or removed.
func (c *changes) grantChanged(id authserver.GrantID) {
	c.grants = append(c.grants, changedGrant{id: id})
}

// personChanged notes that the row of a person was changed or removed.
func (c *changes) personChanged(subject string) {
	c.people = append(c.people, changedPerson{subject: subject})
}

// spentChanged notes that a key was spent, or its row removed.
func (c *changes) spentChanged(key authserver.Hash) { c.spent = append(c.spent, key) }

// length says how many changes there are, for undo.
func (c *changes) length() [3]int { return [3]int{len(c.grants), len(c.people), len(c.spent)} }

// undo takes back what was noted since length was asked for.
func (c *changes) undo(length [3]int) {
	c.grants, c.people, c.spent = c.grants[:length[0]], c.people[:length[1]], c.spent[:length[2]]
}

// reset makes room for the next transaction. What the last one held is let go.
func (c *changes) reset() {
	clear(c.grants)
	clear(c.people)
	c.undo([3]int{})
}

// eachSlot calls do with the slot of each change. Two changes in one slot call it twice.
func (c *changes) eachSlot(m *memory, do func(*keySlot)) {
	for i := range c.grants {
		do(&m.keys[slotOf(m, c.grants[i].id)])
	}
	for range c.people {
		do(&m.keys[peopleSlot])
	}
	for _, key := range c.spent {
		do(&m.keys[slotOf(m, key)])
	}
}

// owner returns the person as this transaction sees them, with what OwnedGrant returns. Without a row it is the zero
// Person. What had to be read for it is remembered after the commit.
func (t *transaction) owner(subject string) (authserver.Person, error) {
	if p, known := t.knownOwner(subject); known {
		return p, nil
	}
	p, err := personInUse(t.conn, subject)
	if err == nil {
		t.people = append(t.people, changedPerson{subject: subject, row: p, known: true})
	}
	return p, err
}

// knownOwner returns the person if this transaction has read them, or has not changed them and memory knows them.
func (t *transaction) knownOwner(subject string) (authserver.Person, bool) {
	for _, p := range slices.Backward(t.people) {
		if p.subject == subject {
			return p.row, p.known
		}
	}
	return t.memory.person(subject)
}
