// SPDX-License-Identifier: Apache-2.0

// Package postgres keeps authserver.Store in a PostgreSQL database, or one that speaks its protocol, for any
// number of server processes. It owns the schema and the way to the database; what the rows mean is decided
// in authserver.
//
// # The hot path
//
// What a refresh, a redemption, a check of a token or of a session asks for goes to a gatherer. What waits
// there goes to the database in one round trip: a statement for each kind of operation, over all calls of
// it. While a pipeline waits for the database, the next calls gather. Each statement is sent after the calls
// that it answers came, so what it reads is fresh; the calls of one batch of writes are one transaction and
// share its sync. Two calls that write one row never share a batch.
//
// An operation that is refused undoes nothing but itself. When one of a batch holds what the database does
// not take, the batch is undone and each runs alone. When the connection is lost before the answer came,
// nobody knows whether the batch was kept: every caller in it gets authserver.ErrUnavailable, and it is not
// sent again, unless it only reads.
//
// # Everything else
//
// Logins, approvals, listings and sweeps have connections of their own, so that none of them stands before
// a refresh. What takes several statements is a SERIALIZABLE transaction, tried again when the database
// undoes it. The hot path is right in READ COMMITTED and in SERIALIZABLE: each of its statements checks what
// it changes in the row that it changes.
//
// A caller whose context ends stops waiting and gets an error that wraps both authserver.ErrUnavailable and
// the context's; its write may or may not happen.
//
// # Time
//
// Now is the database's clock. See clock.
package postgres
