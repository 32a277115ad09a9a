// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"database/sql/driver"
	"math"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// grantInUse is what the use of a token asks for of a grant, and what Rotate returns of it. Times are
// in milliseconds, as in the file: many of these are held in memory.
type grantInUse struct {
	clientUID, owner     string
	scopes               []string
	resources            string // as the file has them: most grants have none
	approvedAt, endsAt   int64
	rotatedAt, revokedAt int64 // noTime: NULL
	generation           uint32
}

// noTime stands for NULL.
const noTime = math.MinInt64

// inUseColumns are the columns that scanInUse reads, in its order.
const inUseColumns = `client_uid, owner, scopes, approved_at, ends_at, generation, rotated_at, revoked_at, resources`

func scanInUse(r *row) grantInUse {
	g := grantInUse{clientUID: r.text(), owner: r.text(), scopes: r.scopes(), approvedAt: r.integer(), endsAt: r.integer()}
	g.generation = generation(r)
	g.rotatedAt, g.revokedAt = r.optionalInteger(), r.optionalInteger()
	g.resources = r.text()
	return g
}

// oneInUse returns the grant that a statement gives, or otherwise if it gives none.
func oneInUse(c *conn, otherwise error, statement string, args ...driver.Value) (grantInUse, error) {
	var g grantInUse
	n, err := c.query(statement, func(r *row) { g = scanInUse(r) }, args...)
	return g, atLeastOne(n, err, otherwise)
}

// grant returns g as the domain knows it.
func (g grantInUse) grant(id authserver.GrantID) authserver.Grant {
	return authserver.Grant{
		ID: id, ClientUID: g.clientUID, Owner: g.owner, Scopes: g.scopes[:len(g.scopes):len(g.scopes)],
		ApprovedAt: timeOf(g.approvedAt), EndsAt: timeOf(g.endsAt),
		Generation: g.generation, RotatedAt: timeOf(g.rotatedAt), RevokedAt: timeOf(g.revokedAt), Resources: strings.Fields(g.resources),
	}
}

// inUse returns of a grant what its use asks for.
func inUse(g authserver.Grant) grantInUse {
	return grantInUse{
		clientUID: g.ClientUID, owner: g.Owner, scopes: g.Scopes, approvedAt: millis(g.ApprovedAt), endsAt: millis(g.EndsAt),
		rotatedAt: millisOf(g.RotatedAt), revokedAt: millisOf(g.RevokedAt), generation: g.Generation,
		resources: scopeText(g.Resources),
	}
}

// rotated returns g after a refresh.
func (g grantInUse) rotated(now time.Time) grantInUse {
	g.generation++
	g.rotatedAt = millis(now)
	return g
}

// timeOf returns the zero time for noTime.
func timeOf(millis int64) time.Time {
	if millis == noTime {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}

// millisOf returns noTime for the zero time.
func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return noTime
	}
	return millis(t)
}

// ownerInUseColumns are the columns of people, called p, that scanOwnerInUse reads, in its order.
const ownerInUseColumns = `p.subject, p.name, p.group_names, p.confirmed_until, p.ended_at`

// scanOwnerInUse reads what the use of a token asks for of a person. A join without one has NULL for the
// subject: the zero Person.
func scanOwnerInUse(r *row) authserver.Person {
	var p authserver.Person
	if r.columns[r.next] == nil {
		return p
	}
	p.Subject, p.Name, p.Groups = r.text(), r.text(), r.lines()
	p.ConfirmedUntil, p.EndedAt = r.optionalTime(), r.optionalTime()
	return p
}

// personInUse reads what the use of a token asks for of the person. Without a row it is the zero Person.
func personInUse(c *conn, subject string) (authserver.Person, error) {
	const query = `SELECT ` + ownerInUseColumns + ` FROM people p WHERE p.subject = ?1`
	var p authserver.Person
	_, err := c.query(query, func(r *row) { p = scanOwnerInUse(r) }, subject)
	return p, err
}

// sizeOfGrant returns how many bytes a remembered grant takes, but for its entry.
func sizeOfGrant(_ authserver.GrantID, g grantInUse) int {
	const fixed = 16 + 112
	return fixed + sizeOfText(g.clientUID, g.owner, g.resources) + sizeOfList(g.scopes)
}

// sizeOfPerson returns how many bytes a remembered person takes, but for their entry.
func sizeOfPerson(subject string, p authserver.Person) int {
	const fixed = 16 + 256
	return fixed + sizeOfText(subject, p.Name) + sizeOfList(p.Groups)
}

// sizeOfList is a header for each text, and what the texts share.
func sizeOfList(texts []string) int { return 16*len(texts) + sizeOfText(texts...) }

// sizeOfText counts what the allocator rounds up to.
func sizeOfText(texts ...string) int {
	n := 0
	for _, text := range texts {
		n += (len(text) + 15) &^ 15
	}
	return n
}
