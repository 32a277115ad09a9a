// SPDX-License-Identifier: Apache-2.0

// Package store opens the store that a configuration names. It knows which
// implementations there are and nothing else: each lives in a package of its own
// (sqlite), keeps the promises of authserver.Store, and shows so by passing the suite
// in storetest.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
)

// Store is an authserver.Store with an end: Close lets what was begun finish, and
// every call after it fails with authserver.ErrUnavailable.
type Store interface {
	authserver.Store
	io.Closer
	// Probe reports whether the store can write: nil, or why not. It may write something itself.
	Probe(ctx context.Context) error
	// QueueLength returns how many writes wait.
	QueueLength() int
}

// Observer follows what the store does.
type Observer = sqlite.Observer

// Open opens the store that location names, and makes or upgrades what is kept there:
//
//	sqlite:PATH    a file on a local disk, for one server process
//
// Errors are sentences for the operator that begin a sentence about the
// configuration; they repeat no more of location than its scheme and the path. The observer
// may be left out.
func Open(ctx context.Context, location string, observers ...Observer) (Store, error) {
	scheme, rest, found := strings.Cut(location, ":")
	if !found {
		return nil, errors.New("the store must be named as sqlite:PATH")
	}
	switch scheme {
	case "sqlite":
		s, err := sqlite.Open(ctx, rest, observers...)
		if err != nil {
			return nil, err
		}
		return s, nil
	case "postgres", "postgresql":
		return nil, errors.New("this version keeps its data in SQLite only: PostgreSQL is not supported yet, name the store as sqlite:PATH")
	default:
		return nil, fmt.Errorf("there is no store of the kind %q: name the store as sqlite:PATH", scheme)
	}
}
