// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"errors"
)

// readers is a fixed number of connections that cannot write.
type readers struct {
	open     opener
	memory   *memory
	observer Observer
	idle     chan *conn // nil: a connection went bad, and the next one who reads opens it anew
	closed   chan struct{}
}

func openReaders(open opener, n int, m *memory, o Observer) (*readers, error) {
	r := &readers{open: open, memory: m, observer: o, idle: make(chan *conn, n), closed: make(chan struct{})}
	for range n {
		c, err := open()
		if err != nil {
			return nil, errors.Join(err, r.closeIdle())
		}
		r.idle <- c
	}
	return r, nil
}

// read runs op on a connection of its own. Refusals come back as they are, every
// other error as ErrUnavailable.
func read[T any](ctx context.Context, r *readers, op func(*conn) (T, error)) (T, error) {
	var none T
	c, err := r.borrow(ctx)
	if err != nil {
		return none, err
	}
	defer func() { r.idle <- c }()
	if c == nil {
		if c, err = r.open(); err != nil {
			return none, unavailable("open the file anew for reading", err)
		}
		r.memory.forgetAll() // see reopen of the writer
		r.observer.Reopened()
	}
	value, err := op(c)
	if err != nil && wentBad(err) {
		_ = c.close() // nothing that it could say is new
		c = nil
	}
	switch {
	case err == nil:
		return value, nil
	case refusal(err):
		return none, err
	default:
		return none, unavailable("read", err)
	}
}

func (r *readers) borrow(ctx context.Context) (*conn, error) {
	if ctx.Err() != nil {
		return nil, unavailable("wait for a reader", context.Cause(ctx))
	}
	select {
	case <-r.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-r.idle:
		return c, nil
	case <-r.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, unavailable("wait for a reader", context.Cause(ctx))
	}
}

// close waits for the reads that have begun and closes every connection.
func (r *readers) close() error {
	close(r.closed)
	var errs []error
	for range cap(r.idle) {
		if c := <-r.idle; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}

// closeIdle closes the connections of readers that nobody has used yet.
func (r *readers) closeIdle() error {
	close(r.idle)
	var errs []error
	for c := range r.idle {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}
