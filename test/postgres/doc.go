// SPDX-License-Identifier: Apache-2.0

// Package postgres tests the server on a PostgreSQL that fails: connections that are lost, a restart, kill -9, fail-over to a standby,
// a full disk, too many connections, statements that take too long, passwords and certificates that change, PgBouncer in between.
// Each time the real site answers 503 with Retry-After, everything that was acknowledged is kept, and the server goes on by itself.
package postgres
