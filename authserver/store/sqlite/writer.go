// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

const (
	// maxQueue is how many writes may wait. A full queue is answered with
	// ErrUnavailable: it means that the disk is slower than the callers.
	maxQueue = 4096
	// maxBatch is how many writes share a transaction. It bounds how long the first
	// of them waits.
	maxBatch = 512
)

var (
	errClosed = fmt.Errorf("the store is closed: %w", authserver.ErrUnavailable)
	errFull   = fmt.Errorf("too many writes wait for the disk: %w", authserver.ErrUnavailable)
)

// writer is the one goroutine that writes: it collects what waits, runs it in one
// transaction and answers after the sync.
type writer struct {
	open   opener
	conn   *conn // nil: it went bad, and the next transaction opens it anew
	tx     transaction
	health *health
	queue  chan *operation
	done   chan struct{} // closed after the last transaction

	mu     sync.RWMutex // no send after the queue is closed
	closed bool
}

// operation is one write, from its caller to the writer and back.
type operation struct {
	caller context.Context // only asked whether it has ended
	run    func(*transaction) error
	single bool       // it is one statement, which undoes itself when it fails: it needs no savepoint
	err    error      // of the operation alone
	answer chan error // takes one value without a receiver
}

func newWriter(open opener, c *conn, m *memory, o Observer) *writer {
	return &writer{
		open: open, conn: c, tx: transaction{memory: m}, health: &health{observer: o, now: wallclock.Now},
		queue: make(chan *operation, maxQueue), done: make(chan struct{}),
	}
}

// write runs op in the next transaction and returns its value once that is on disk. When op fails it undoes
// what op has written.
func write[T any](ctx context.Context, w *writer, op func(*transaction) (T, error)) (T, error) {
	return submit(ctx, w, &operation{}, op)
}

// writeOne is write for an operation of one statement that writes, which changes nothing when it fails.
func writeOne[T any](ctx context.Context, w *writer, op func(*transaction) (T, error)) (T, error) {
	return submit(ctx, w, &operation{single: true}, op)
}

func submit[T any](ctx context.Context, w *writer, o *operation, op func(*transaction) (T, error)) (T, error) {
	var value, none T
	if ctx.Err() != nil {
		return none, unavailable("wait for the disk", context.Cause(ctx))
	}
	o.caller, o.answer = ctx, make(chan error, 1)
	o.run = func(t *transaction) (err error) {
		value, err = op(t)
		return err
	}
	if err := w.enqueue(o); err != nil {
		return none, err
	}
	select {
	case err := <-o.answer:
		if err != nil {
			return none, err
		}
		return value, nil
	case <-ctx.Done(): // value now belongs to the writer
		return none, unavailable("wait for the disk", context.Cause(ctx))
	}
}

// writeOnly is write for an operation without a value.
func writeOnly(ctx context.Context, w *writer, op func(*transaction) error) error {
	_, err := write(ctx, w, func(t *transaction) (struct{}, error) { return struct{}{}, op(t) })
	return err
}

// writeOneOnly is writeOne for an operation without a value.
func writeOneOnly(ctx context.Context, w *writer, op func(*transaction) error) error {
	_, err := writeOne(ctx, w, func(t *transaction) (struct{}, error) { return struct{}{}, op(t) })
	return err
}

func (w *writer) enqueue(o *operation) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- o:
		return nil
	default:
		return errFull
	}
}

// close takes no more writes and waits until those in the queue are answered.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.done
}

// closeConn closes the connection if there is one. The writer must have ended.
func (w *writer) closeConn() error {
	if w.conn == nil {
		return nil
	}
	return w.conn.close()
}

// run writes until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.done)
	batch := make([]*operation, 0, maxBatch)
	for first := range w.queue {
		// Let goroutines run that are about to write: a sync costs as much as many writes. Once, and not until
		// nobody comes any more: where both processors are busy, each time takes a turn of the scheduler.
		runtime.Gosched()
		batch = w.collect(append(batch[:0], first))
		begin := w.health.now()
		err := w.commit(batch)
		w.health.ended(len(batch), begin, err)
		for i, o := range batch {
			if err == nil {
				o.answer <- o.err
			} else {
				o.answer <- err
			}
			batch[i] = nil
		}
	}
}

// collect adds to batch what waits already.
func (w *writer) collect(batch []*operation) []*operation {
	for len(batch) < maxBatch {
		select {
		case o, ok := <-w.queue:
			if !ok {
				return batch
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// commit runs the batch in one transaction. An error is everybody's: nothing of the
// batch was kept. An operation's own error is left in it.
func (w *writer) commit(batch []*operation) error {
	if err := w.reopen(); err != nil {
		return unavailable("the store cannot write", err)
	}
	err := w.transact(batch)
	if err == nil {
		return nil
	}
	if wentBad(err) {
		_ = w.conn.close() // nothing that it could say is new
		w.conn = nil
		return unavailable("the store cannot write", err)
	}
	// Most faults have ended the transaction already; that there is none to roll back
	// is then no news. If the roll-back fails, the next BEGIN does too and comes here.
	_, _ = w.conn.exec("ROLLBACK")
	return unavailable("the store cannot write", err)
}

// reopen opens the connection if it went bad.
func (w *writer) reopen() error {
	if w.conn != nil {
		return nil
	}
	c, err := w.open()
	if err != nil {
		return fmt.Errorf("open the file anew: %w", err)
	}
	w.conn = c
	w.tx.memory.forgetAll() // SQLite may have found the last transaction in the log
	w.health.observer.Reopened()
	return nil
}

func (w *writer) transact(batch []*operation) error {
	w.tx.conn = w.conn
	w.tx.reset()
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, o := range batch {
		if o.caller.Err() != nil {
			o.err = unavailable("wait for the disk", context.Cause(o.caller))
			continue
		}
		if err := w.apply(o); err != nil {
			return err
		}
	}
	w.tx.memory.committing(&w.tx.changes)
	_, err := w.conn.exec("COMMIT")
	if err != nil {
		w.tx.memory.unknown(&w.tx.changes)
		return fmt.Errorf("commit: %w", err)
	}
	w.tx.memory.committed(&w.tx.changes)
	return nil
}

// apply runs one operation. A fault of the operation alone is undone and left in it; an error is
// one of the file.
func (w *writer) apply(o *operation) error {
	changes := w.tx.length()
	if o.single {
		o.err = o.run(&w.tx)
	} else if err := w.applyInSavepoint(o); err != nil {
		return err
	}
	if o.err == nil {
		return nil
	}
	w.tx.undo(changes)
	if !refusal(o.err) && !ownFault(o.err) {
		return o.err
	}
	return nil
}

// applyInSavepoint runs an operation of several statements, and undoes all of them if one of them fails by
// a fault of the operation alone. An error is one of the file.
func (w *writer) applyInSavepoint(o *operation) error {
	if _, err := w.conn.exec("SAVEPOINT operation"); err != nil {
		return fmt.Errorf("begin operation: %w", err)
	}
	o.err = o.run(&w.tx)
	if o.err != nil {
		if !refusal(o.err) && !ownFault(o.err) {
			return o.err
		}
		if _, err := w.conn.exec("ROLLBACK TO operation"); err != nil {
			return errors.Join(o.err, fmt.Errorf("undo operation: %w", err))
		}
	}
	if _, err := w.conn.exec("RELEASE operation"); err != nil {
		return fmt.Errorf("end operation: %w", err)
	}
	return nil
}
