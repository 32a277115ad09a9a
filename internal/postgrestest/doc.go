// SPDX-License-Identifier: Apache-2.0

// Package postgrestest gives tests a real PostgreSQL, as a private server on a loopback port: DSN a fresh database on one that
// all tests of a process share, Start a server of the test's own, which it may stop, kill, replicate and fill.
//
//	s, err := postgres.Open(ctx, postgrestest.DSN(t))
//
// The programs are Debian's (packages postgresql and pgbouncer) or stand in PATH. One that is missing is a failure that says
// what to install, never a reason to skip. As root the servers run as the user postgres, because PostgreSQL refuses root.
//
// GATEHOUSE_TEST_POSTGRES names another server, where its user may create databases; DSN then gives databases of that one.
// Start never does: what it returns is there to be broken.
//
// No process and no folder stays behind, even when the test process is killed: see keeper.
package postgrestest
