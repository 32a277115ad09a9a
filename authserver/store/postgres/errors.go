// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var (
	errClosed = fmt.Errorf("the store is closed: %w", authserver.ErrUnavailable)
	errFull   = fmt.Errorf("too many requests wait for the database: %w", authserver.ErrUnavailable)
)

// The SQLSTATEs that decide something here (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	stateSerialization   = "40001"
	stateDeadlock        = "40P01"
	stateReadOnly        = "25006"
	stateDuplicateTable  = "42P07"
	stateUniqueViolation = "23505"
	stateProtocol        = "08P01"
	stateStatementGone   = "26000"
	stateStatementExists = "42P05"
)

// unavailable says that the data is out of reach, and why.
func unavailable(doing string, cause error) error {
	return fmt.Errorf("%s: %w: %w", doing, authserver.ErrUnavailable, cause)
}

// refusal reports whether err is an answer rather than a fault: the promises of authserver.Store name
// it, and the data is well.
func refusal(err error) bool {
	return errors.Is(err, authserver.ErrNotFound) || errors.Is(err, authserver.ErrExists) || errors.Is(err, authserver.ErrStale)
}

// sqlState returns the SQLSTATE that the server answered with, or "".
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// tryAgain reports whether the server undid everything and asks for the same once more.
func tryAgain(err error) bool {
	state := sqlState(err)
	return state == stateSerialization || state == stateDeadlock
}

// ownFault reports whether err lies in what one operation wanted to write, and not in the database: data
// exception, integrity constraint violation, program limit exceeded.
func ownFault(err error) bool {
	switch state := sqlState(err); {
	case len(state) != 5:
		return false
	default:
		return strings.HasPrefix(state, "22") || strings.HasPrefix(state, "23") || strings.HasPrefix(state, "54")
	}
}

// wentBad reports whether a connection that returned err is of no more use: it was lost, the server
// shuts down, cannot write, or has lost what was prepared on it.
func wentBad(err error) bool {
	state := sqlState(err)
	if state == "" {
		return err != nil && !errors.Is(err, pgx.ErrNoRows) && !refusal(err)
	}
	switch state {
	case stateReadOnly, stateStatementGone, stateStatementExists:
		return true
	}
	return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "XX")
}
