// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errAway says that there is no connection.
var errAway = errors.New("the database cannot be reached")

// link is the connection of one pipeline, opened anew when it is lost.
type link struct {
	address address
	health  *health

	current *pgx.Conn // nil: none
	used    time.Time // when current was last
	until   time.Time // when current is replaced, so that connections follow a name and a password that change
	bad     bool      // the one before went bad
	absence *absence  // of the database
}

func newLink(a address, h *health, away *absence) *link {
	return &link{address: a, health: h, absence: away}
}

// connection returns the connection, which it makes if there is none. For a while after that failed it
// fails without trying: whoever asks then need not wait.
func (l *link) connection(ctx context.Context) (*pgx.Conn, error) {
	now := l.health.now()
	switch {
	case l.current == nil:
	case now.Sub(l.used) > idleCheck && l.silent(ctx):
		l.bad = true // the server closed it while nobody used it
		l.drop(ctx)
	case now.After(l.until):
		l.drop(ctx)
	}
	if l.current != nil {
		l.used = now
		return l.current, nil
	}
	begun := l.absence.begin()
	if err := l.absence.lasts(); err != nil {
		return nil, err
	}
	if err := l.connect(ctx); err != nil {
		l.absence.failed(begun, err)
		return nil, fmt.Errorf("%w: %w", errAway, err)
	}
	l.absence.ended()
	if l.bad {
		l.bad = false
		l.health.observer.Reopened()
	}
	return l.current, nil
}

// silent reports whether the server gives no answer on the connection. A write that is sent on a dead
// connection is lost, and nobody knows whether it was made: so a connection that was idle is asked first.
func (l *link) silent(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return l.current.Ping(ctx) != nil
}

func (l *link) connect(ctx context.Context) error {
	config, err := l.address.config()
	if err != nil {
		return err
	}
	hosts := time.Duration(1 + len(config.ConnConfig.Fallbacks))
	ctx, cancel := context.WithTimeout(ctx, hosts*config.ConnConfig.ConnectTimeout)
	defer cancel()
	connection, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return err
	}
	now := l.health.now()
	l.current, l.used, l.until = connection, now, now.Add(config.MaxConnLifetime)
	return nil
}

// broken drops the connection if err says that it is of no more use.
func (l *link) broken(ctx context.Context, err error) {
	if l.current != nil && (l.current.IsClosed() || wentBad(err)) {
		l.bad = true
		l.drop(ctx)
	}
}

func (l *link) drop(ctx context.Context) {
	l.close(ctx)
	l.current = nil
}

// close closes the connection if there is one.
func (l *link) close(ctx context.Context) {
	if l.current == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = l.current.Close(ctx) // nothing that it could say is new
}
