// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The hot operations. Keys of a statement's calls come in order.

// keys returns the keys of the calls as they are kept.
func keys(calls []*call) [][]byte {
	list := make([][]byte, len(calls))
	for i, c := range calls {
		list[i] = []byte(c.key)
	}
	return list
}

// moments returns what each call asks with, which is a time.
func moments(calls []*call) []int64 {
	list := make([]int64, len(calls))
	for i, c := range calls {
		list[i] = c.question.(int64)
	}
	return list
}

func byKeys(calls []*call) []any        { return []any{keys(calls)} }
func byKeysAndTime(calls []*call) []any { return []any{keys(calls), moments(calls)} }

func readOwned(rows pgx.Rows, asked answers) error {
	var row ownedRow
	return each(rows, row.fields(), func() error { return give(asked, row.id, row.owned) })
}

// ownedGrant reads grants and their owners.
var ownedGrant = &kind{
	name: "read the grant and its owner", missing: authserver.ErrNotFound, arguments: byKeys, read: readOwned,
	sql: `SELECT ` + ownedColumns + ` FROM grants g LEFT JOIN people p ON p.subject = g.owner WHERE g.id = ANY($1)`,
}

// OwnedGrant returns what the use of a token asks for of the grant with the ID and of its owner, or
// ErrNotFound.
func (s *Store) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	o, err := ask[owned](ctx, s, ownedGrant, id[:], nil)
	return o.grant, o.owner, err
}

// rotating moves grants to the next generation: a compare-and-set that needs no read before or after.
var rotating = &kind{
	name: "refresh the grant", write: true, missing: authserver.ErrStale, read: readOwned,
	sql: `
		WITH g AS (
			UPDATE grants SET generation = grants.generation + 1, rotated_at = r.now, previous_rotated_at = grants.rotated_at
			FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS r (id, client_uid, profile, generation, now)
			WHERE grants.id = r.id AND grants.client_uid = r.client_uid AND grants.profile = r.profile
				AND grants.generation = r.generation AND grants.generation > 0 AND grants.revoked_at IS NULL AND grants.ends_at > r.now
			RETURNING grants.id, grants.client_uid, grants.owner, grants.scopes, grants.approved_at, grants.ends_at,
				grants.generation, grants.rotated_at, grants.revoked_at, grants.resources)
		SELECT ` + ownedColumns + ` FROM g LEFT JOIN people p ON p.subject = g.owner`,
	arguments: func(calls []*call) []any {
		clients, profiles := make([]string, len(calls)), make([]string, len(calls))
		generations, now := make([]int64, len(calls)), make([]int64, len(calls))
		for i, c := range calls {
			r := c.question.(rotation)
			clients[i], profiles[i], generations[i], now[i] = r.ClientUID, string(r.Profile), int64(r.Generation), r.now
		}
		return []any{keys(calls), clients, profiles, generations, now}
	},
}

type rotation struct {
	authserver.Rotation
	now int64
}

// Rotate moves the grant to the next generation and returns it with its owner, or returns ErrStale. A
// grant of generation 0 is not rotated: only its proof moves it.
//
// When the connection is lost before the answer came, nobody knows whether the grant was moved. That is
// ErrUnavailable: the client tries again with the token it has, and if the grant was moved gets the
// successor that was lost.
func (s *Store) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	o, err := ask[owned](ctx, s, rotating, r.GrantID[:], rotation{r, millis(now)})
	return o.grant, o.owner, err
}

// redeeming takes proofs. From here on a row is kept until the grant ends, and in any case as long as
// the proof is remembered: a short grant must not be forgotten while its interaction lives, or the
// same proof could be made again.
var redeeming = &kind{
	name: "redeem the proof", write: true, missing: authserver.ErrNotFound, arguments: byKeysAndTime,
	sql: `
		UPDATE grants g SET generation = 1, rotated_at = r.now, kept_until = greatest(g.kept_until, g.ends_at)
		FROM unnest($1::bytea[], $2::bigint[]) AS r (proof, now)
		WHERE g.proof_hash = r.proof AND g.generation = 0 AND g.proof_expires_at > r.now AND g.revoked_at IS NULL AND g.ends_at > r.now
		RETURNING ` + grantColumns,
	read: func(rows pgx.Rows, asked answers) error {
		var row grantRow
		return each(rows, row.fields(), func() error { return give(asked, row.proof, row.grant) })
	},
}

// Redeem takes the proof, or returns ErrNotFound. When the connection is lost before the answer came, the
// proof may be redeemed: that is ErrUnavailable, and the owner begins anew.
func (s *Store) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	return ask[authserver.Grant](ctx, s, redeeming, proof[:], millis(now))
}

// revoking ends grants.
var revoking = &kind{
	name: "revoke the grant", write: true, missing: errNothingToDo, arguments: byKeysAndTime,
	sql: `
		UPDATE grants g SET revoked_at = r.now FROM unnest($1::bytea[], $2::bigint[]) AS r (id, now)
		WHERE g.id = r.id AND g.revoked_at IS NULL
		RETURNING g.id`,
	read: readKeys,
}

// Revoke ends the grant, if there is one that is not revoked yet.
func (s *Store) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (ended bool, err error) {
	_, err = ask[struct{}](ctx, s, revoking, id[:], millis(now))
	return done(err)
}
