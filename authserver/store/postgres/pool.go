// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pool has the connections for everything that is not on the hot path.
type pool struct {
	connections *pgxpool.Pool
	absence     *absence // of the database
}

// openPool makes the pool. It connects when it is first used.
func openPool(ctx context.Context, a address, away *absence) (*pool, error) {
	p := &pool{absence: away}
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	config.MaxConns -= pipelines
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if err := p.absence.lasts(); err != nil {
			return err
		}
		fresh, err := a.config()
		if err != nil {
			return err
		}
		*c = *fresh.ConnConfig
		return nil
	}
	config.AfterConnect = func(context.Context, *pgx.Conn) error {
		p.absence.ended()
		return nil
	}
	p.connections, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("the PostgreSQL address cannot be used: %s", a.reason(err))
	}
	return p, nil
}

func (p *pool) close() { p.connections.Close() }

// querier is a transaction, or a connection on which each statement is one.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// attempt is one try of what a call wants of the database. It may be undone and made again: it changes
// nothing but the database.
type attempt[T any] func(context.Context, querier) (T, error)

// try makes an attempt on a connection.
type try[T any] func(context.Context, *pgxpool.Conn, attempt[T]) (T, error)

// transact runs op in a serializable transaction, as often as the database asks for it. Refusals come
// back as they are, and nothing is kept then; faults that lie in what was to be written too; every other
// error is ErrUnavailable. A caller whose context ends stops waiting; what was begun goes on.
//
// SERIALIZABLE makes several statements one step, whatever runs beside them on other replicas, without
// a lock that other databases do not have. What conflicts is undone by the database (40001) and tried
// again. A commit of which nobody knows whether it happened is not.
func transact[T any](ctx context.Context, s *Store, doing string, op attempt[T]) (T, error) {
	return run(ctx, s, doing, inTransaction[T], op)
}

// single runs op, which makes one statement: that is a transaction of its own, in whatever isolation the
// database has.
func single[T any](ctx context.Context, s *Store, doing string, op attempt[T]) (T, error) {
	return run(ctx, s, doing, alone[T], op)
}

// change runs one statement whose result nobody asks for.
func change(ctx context.Context, s *Store, doing, statement string, args ...any) error {
	_, err := single(ctx, s, doing, func(ctx context.Context, q querier) (struct{}, error) {
		_, err := q.Exec(ctx, statement, args...)
		return struct{}{}, err
	})
	return err
}

func run[T any](ctx context.Context, s *Store, doing string, how try[T], op attempt[T]) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	if err := s.usable(ctx, doing); err != nil {
		return none, err
	}
	connection, err := s.pool.acquire(ctx)
	if err != nil {
		return none, unavailable(doing, err)
	}
	done := make(chan outcome, 1)
	go func() {
		defer connection.Release()
		var o outcome
		o.value, o.err = repeat(context.WithoutCancel(ctx), connection, how, op)
		if sqlState(o.err) == stateReadOnly {
			s.pool.connections.Reset() // another server is the primary now
		}
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil && !refusal(o.err) && !ownFault(o.err) {
			o.err = unavailable(doing, o.err)
		}
		if o.err != nil {
			return none, o.err
		}
		return o.value, nil
	case <-ctx.Done():
		return none, unavailable(doing, context.Cause(ctx))
	}
}

func (p *pool) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, acquireTime, errors.New("all connections to the database are busy"))
	defer cancel()
	begun := p.absence.begin()
	connection, err := p.connections.Acquire(ctx)
	if _, failed := errors.AsType[*pgconn.ConnectError](err); failed {
		p.absence.failed(begun, err)
	}
	if err != nil && ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	return connection, err
}

// repeat tries op until the database does not undo it and ask for it again.
func repeat[T any](ctx context.Context, c *pgxpool.Conn, how try[T], op attempt[T]) (T, error) {
	for tries := 1; ; tries++ {
		within, cancel := context.WithTimeout(ctx, answerTime)
		value, err := how(within, c, op)
		cancel()
		if !tryAgain(err) || tries == maxTries {
			return value, err
		}
		pause(ctx, tries)
	}
}

func alone[T any](ctx context.Context, c *pgxpool.Conn, op attempt[T]) (T, error) { return op(ctx, c) }

func inTransaction[T any](ctx context.Context, c *pgxpool.Conn, op attempt[T]) (value T, err error) {
	tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if err != nil {
		return value, fmt.Errorf("begin: %w", err)
	}
	if value, err = op(ctx, tx); err != nil {
		_ = tx.Rollback(ctx) // where it fails the connection is lost, and the transaction with it
		return value, err
	}
	if err := tx.Commit(ctx); err != nil {
		return value, fmt.Errorf("commit: %w", err)
	}
	return value, nil
}

// pause waits before a further try, for a time that no other replica waits.
func pause(ctx context.Context, try int) {
	longest := min(maxPause, firstPause<<min(try-1, 10))
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	t := time.NewTimer(longest/2 + time.Duration(binary.BigEndian.Uint64(b[:])%uint64(longest)))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
