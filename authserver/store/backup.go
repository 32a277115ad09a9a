// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
)

// Progress is told what is done now and how far it is, in pages of 4 KiB. A total of 0 is not known.
type Progress = sqlite.Progress

// Backup copies the store that location names into a new file. A server may use the store meanwhile.
func Backup(ctx context.Context, location, to string, progress Progress) error {
	path, err := fileOf(location)
	if err != nil {
		return err
	}
	return sqlite.Backup(ctx, path, to, progress)
}

// Restore puts a copy that Backup made where location says. Only with replace a store that is there is replaced,
// and never one that a server uses.
func Restore(ctx context.Context, from, location string, replace bool, progress Progress) error {
	path, err := fileOf(location)
	if err != nil {
		return err
	}
	return sqlite.Restore(ctx, from, path, replace, progress)
}

// fileOf returns the path of a store that is a file. Its errors repeat no password.
func fileOf(location string) (string, error) {
	scheme, path, _ := strings.Cut(location, ":")
	switch scheme {
	case "sqlite":
		return path, nil
	case "postgres", "postgresql":
		return "", errors.New("PostgreSQL has its own backups: use pg_dump --format=custom for a copy and pg_restore to bring it back, or continuous archiving")
	default:
		return "", fmt.Errorf("there is no store of the kind %q that is a file: name it as sqlite:PATH", scheme)
	}
}
