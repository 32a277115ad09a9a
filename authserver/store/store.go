// SPDX-License-Identifier: Apache-2.0

// Package store opens the store that a configuration names. It knows which
// implementations there are and nothing else: each lives in a package of its own
// (sqlite, postgres), keeps the promises of authserver.Store, and shows so by passing the suite
// in storetest.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/postgres"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
	"github.com/gatehouse-dev/gatehouse/authserver/store/transfer"
)

// Store is an authserver.Store with an end: Close lets what was begun finish, and
// every call after it fails with authserver.ErrUnavailable.
type Store interface {
	authserver.Store
	io.Closer
	// Probe reports whether the store can write: nil, or why not. It may write something itself.
	Probe(ctx context.Context) error
	// QueueLength returns how many requests wait.
	QueueLength() int
	// Now is the time by the clock that the rows are judged by: the times that are given to the store come
	// from it. Where several servers share the store it is the database's.
	Now() time.Time
}

// Observer follows what the store does. Its methods return at once.
type Observer = postgres.Observer

// Open opens the store that location names, and makes or upgrades what is kept there:
//
//	sqlite:PATH       a file on a local disk, for one server process
//	postgres://...    a database, for any number of server processes
//
// Errors are sentences for the operator that begin a sentence about the
// configuration; they repeat no more of location than its scheme and the path. The observer
// may be left out.
func Open(ctx context.Context, location string, observers ...Observer) (Store, error) {
	scheme, rest, found := strings.Cut(location, ":")
	if !found {
		return nil, errors.New("the store must be named as sqlite:PATH or by a postgres:// address")
	}
	switch scheme {
	case "sqlite":
		return opened(sqlite.Open(ctx, rest, narrow(observers)...))
	case "postgres", "postgresql":
		return opened(postgres.Open(ctx, location, observers...))
	default:
		return nil, fmt.Errorf("there is no store of the kind %q: name the store as sqlite:PATH or by a postgres:// address", scheme)
	}
}

// opened returns no store where there is an error.
func opened[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func narrow(observers []Observer) []sqlite.Observer {
	list := make([]sqlite.Observer, len(observers))
	for i, o := range observers {
		list[i] = o
	}
	return list
}

// OpenForTransfer opens the store that location names to be copied or, with create, to be copied into.
// No server uses it then.
func OpenForTransfer(ctx context.Context, location string, create bool) (*transfer.Database, error) {
	scheme, rest, _ := strings.Cut(location, ":")
	switch scheme {
	case "sqlite":
		return sqlite.OpenForTransfer(ctx, rest, create)
	case "postgres", "postgresql":
		return postgres.OpenForTransfer(ctx, location)
	default:
		return nil, errors.New("the store must be named as sqlite:PATH or postgres://USER@HOST/DATABASE")
	}
}
