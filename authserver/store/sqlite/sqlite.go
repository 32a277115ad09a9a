// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// minReaders is how many reads may be under way at least: one that waits for the disk
// does not hold up the others.
const minReaders = 4

// Store keeps authserver.Store's promises in a file.
type Store struct {
	lock    *os.File
	writer  *writer
	readers *readers
	memory  *memory

	closing sync.Once
	closed  error
}

var _ authserver.Store = (*Store)(nil)

// Open opens the store in the file at path, or makes one there, and brings its schema
// up to date. ctx is for opening alone. Errors are sentences for the operator: the
// folder is missing or not writable, the file is no database or another program's or
// was made by a newer version, another server uses it. The observer may be left out;
// of several only the first is used.
func Open(ctx context.Context, path string, observers ...Observer) (*Store, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, lock, append(observers, noObserver{})[0])
	if resultCode(err) == sqlite3.SQLITE_CORRUPT {
		err = damaged(path, err.Error())
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s.lock = lock
	if _, err := lock.WriteAt([]byte(inUseMark), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("write to the lock file of the store: %w", err), s.Close())
	}
	return s, nil
}

// open opens a file that is locked for this process.
func open(ctx context.Context, path string, lock *os.File, o Observer) (*Store, error) {
	if err := makeReady(ctx, path, lock); err != nil {
		return nil, err
	}
	if err := refuseUnfinished(ctx, path); err != nil {
		return nil, err
	}
	openWriter, openReader := connector(ctx, path, writing()), connector(ctx, path, reading())
	c, err := openWriter()
	if err != nil {
		return nil, fmt.Errorf("open %s for writing: %w", path, err)
	}
	m := newMemory()
	r, err := openReaders(openReader, max(minReaders, runtime.GOMAXPROCS(0)), m, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s for reading: %w", path, err), c.close())
	}
	w := newWriter(openWriter, c, m, o)
	go w.run()
	return &Store{writer: w, readers: r, memory: m}, nil
}

// makeReady makes the file or looks at it, and brings its schema up to date.
func makeReady(ctx context.Context, path string, lock *os.File) error {
	if err := createFile(path); err != nil {
		return err
	}
	if err := errors.Join(unlogged(path, lock), uncut(path)); err != nil {
		return err
	}
	if err := migrate(ctx, path); err != nil {
		return err
	}
	return intact(ctx, path)
}

// Close answers the writes that wait, lets the reads that have begun finish and closes
// the file. Later calls return what the first did.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer.close()
		s.memory.close()
		s.closed = s.readers.close()
		// From here on the log may go: the writer's connection folds it into the file. Who is killed in
		// between leaves both, and no mark.
		s.closed = errors.Join(s.closed, s.lock.Truncate(0), s.writer.closeConn(), s.lock.Close())
	})
	return s.closed
}

// Now is the time by this process's clock: nobody else uses the file.
func (s *Store) Now() time.Time { return s.writer.health.now() }

// Ping reads from the file.
func (s *Store) Ping(ctx context.Context) error {
	const query = `SELECT count(*) FROM (SELECT 1 FROM grants LIMIT 1)`
	_, err := read(ctx, s.readers, func(c *conn) (int, error) {
		return c.query(query, func(*row) {})
	})
	return err
}
