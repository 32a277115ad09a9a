// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrations are the steps from an empty database to the present schema. The first one says the rules.
//
//go:embed migrations/*.sql
var migrations embed.FS

const (
	// lockLease is how long the lock of a replica that was killed while it changed the schema keeps others out.
	lockLease = 10 * time.Second
	lockBeat  = 2 * time.Second
	lockRetry = 250 * time.Millisecond
	// migrationTries is how often replicas that start at once on an empty database get into each other's way
	// before one gives up for a while.
	migrationTries = 10
)

// firstReleased is the number of the first step that was released. A schema with a smaller number is of a
// version before v0.1.0: those changed their steps in place, so nobody knows what is in it.
const firstReleased = 100

var (
	// errTooNew says that the schema suits this program no more.
	errTooNew = errors.New("the database was changed by a newer version in a way that this one cannot work with")
	// errTooOld says that the schema was made before the first release.
	errTooOld = errors.New("the database was filled by a version from before v0.1.0, which cannot be taken over")
)

// migrate brings the schema up to date. Any number of replicas may do so at once: a row in the table
// goose_lock, with a lease, lets one at a time run the steps.
func migrate(ctx context.Context, a address) error {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("find the migrations: %w", err)
	}
	return migrateTo(ctx, a, steps)
}

func migrateTo(ctx context.Context, a address, steps fs.FS) error {
	db, err := a.open() // a step on a large table may take long
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		err := upgrade(ctx, db, steps)
		if !inEachOthersWay(err) || tries == migrationTries {
			return errors.Join(err, db.Close())
		}
		pause(ctx, tries)
	}
}

// inEachOthersWay reports whether another replica made the same table in the same moment.
func inEachOthersWay(err error) bool {
	switch sqlState(err) {
	case stateDuplicateTable, stateUniqueViolation, stateSerialization, stateDeadlock:
		return true
	}
	return false
}

// upgrade runs the steps that are missing and refuses a schema that suits this program no more.
func upgrade(ctx context.Context, db *sql.DB, steps fs.FS) error {
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(lockLease), lock.WithTableHeartbeatInterval(lockBeat),
		lock.WithTableLockTimeout(lockRetry, uint64(attemptTime/lockRetry)), lock.WithTableUnlockTimeout(lockRetry, 20),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)),
	)
	if err != nil {
		return fmt.Errorf("make the lock for the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, steps, goose.WithDisableGlobalRegistry(true), goose.WithLocker(locker))
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	current, target, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if current > 0 {
		if err := suits(ctx, db, current, target); err != nil {
			return err
		}
	}
	if current >= target {
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema from number %d to %d: %w", current, target, err)
	}
	return nil
}

// suits reports whether a program that knows the steps up to target can work with a schema of the number
// current: with an older one, and with a newer one to which steps have only added.
func suits(ctx context.Context, db *sql.DB, current, target int64) error {
	if current < firstReleased {
		return fmt.Errorf("%w: its schema is number %d, the first release begins with %d: name an empty database. Clients and their secrets stay; people log in and allow their applications again",
			errTooOld, current, firstReleased)
	}
	var oldest int64
	if err := db.QueryRowContext(ctx, `SELECT oldest_program FROM compatibility WHERE one = 1`).Scan(&oldest); err != nil {
		return fmt.Errorf("read which programs the schema suits: %w", err)
	}
	if oldest > target {
		return fmt.Errorf("%w: its schema is number %d and needs a program that knows number %d, this one knows %d: run the newer version, or restore a backup",
			errTooNew, current, oldest, target)
	}
	return nil
}
