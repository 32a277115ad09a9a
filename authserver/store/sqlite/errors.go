// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"errors"
	"fmt"

	driversqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// unavailable says that the data is out of reach, and why.
func unavailable(doing string, cause error) error {
	return fmt.Errorf("%s: %w: %w", doing, authserver.ErrUnavailable, cause)
}

// refusal reports whether err is an answer rather than a fault: the promises of
// authserver.Store name it, and the data is well.
func refusal(err error) bool {
	return errors.Is(err, authserver.ErrNotFound) || errors.Is(err, authserver.ErrExists) || errors.Is(err, authserver.ErrStale)
}

// ownFault reports whether err lies in what one operation wanted to write, and not in
// the file: the operations beside it can go on.
func ownFault(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return true
	default:
		return false
	}
}

// resultCode returns SQLite's primary result code, or 0 if err is not from SQLite.
func resultCode(err error) int {
	if e, ok := errors.AsType[*driversqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
