// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"net/url"
	"os"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// isOurs refuses a file that is no store of ours, is cut off, or whose schema this version does not know. It opens the file with the
// settings, and changes nothing.
func isOurs(ctx context.Context, path string, settings url.Values) error {
	if err := uncut(path); err != nil {
		return err
	}
	mine, err := inspect(ctx, path, settings)
	switch {
	case resultCode(err) == sqlite3.SQLITE_NOTADB:
		return notDatabase(path)
	case resultCode(err) == sqlite3.SQLITE_CORRUPT:
		return damaged(path, err.Error())
	case err != nil:
		return err
	case !mine:
		return fmt.Errorf("%s is empty: it is no store", path)
	}
	return nil
}

func damaged(path, how string) error {
	return fmt.Errorf("%s is damaged (%s): restore it from a backup, with authserver restore", path, how)
}

// uncut refuses a file that is shorter than its first page says. A log beside it may hold the rest: SQLite
// puts it together.
func uncut(path string) (err error) {
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("the file %s cannot be read: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	head := make([]byte, 100) // https://sqlite.org/fileformat2.html#the_database_header
	if _, err := io.ReadFull(f, head); errors.Is(err, io.EOF) {
		return nil // empty: new
	} else if errors.Is(err, io.ErrUnexpectedEOF) || string(head[:len(magic)]) != magic {
		return notDatabase(path)
	} else if err != nil {
		return fmt.Errorf("the file %s cannot be read: %w", path, err)
	}
	size := int64(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 65536
	}
	if bits.OnesCount64(uint64(size)) != 1 || size < 512 {
		return notDatabase(path)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("the file %s cannot be looked at: %w", path, err)
	}
	if want := size * int64(binary.BigEndian.Uint32(head[28:])); info.Size() < want {
		return damaged(path, fmt.Sprintf("it has %d bytes and should have %d", info.Size(), want))
	}
	return nil
}

// intact reads both ends of each table and each index: what a start-up can look at however many grants there are.
// To look at every page takes minutes with ten million. A damaged page elsewhere is found by whoever reads it, who gets an
// error and no wrong answer; each backup looks at all of them.
func intact(ctx context.Context, path string) error {
	c, err := connector(ctx, path, reading())()
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	err = readEnds(c)
	if resultCode(err) == sqlite3.SQLITE_CORRUPT || resultCode(err) == sqlite3.SQLITE_NOTADB {
		return errors.Join(damaged(path, err.Error()), c.close())
	}
	return errors.Join(err, c.close())
}

// sortings are the keys of each table and each index.
var sortings = [...]struct{ table, keys string }{
	{"grants", "number"}, {"grants", "id"}, {"grants", "proof_hash"}, {"grants", "kept_until"},
	{"grants INDEXED BY grants_by_owner WHERE revoked_at IS NULL", "owner, client_uid, approved_at"},
	{"grants INDEXED BY grants_by_client WHERE revoked_at IS NULL", "client_uid, id"}, {"uses", "client_uid, credential_id"},
	{"people", "subject"}, {"people INDEXED BY people_by_end WHERE ended_at IS NOT NULL", "ended_at"},
	{"sessions", "hash"}, {"sessions", "expires_at"}, {"sessions", "owner, authenticated_at"},
	{"consents", "owner, client_uid"}, {"consents", "client_uid"},
	{"absent_clients", "client_uid"}, {"absent_clients", "since"}, {"spent", "key"}, {"spent", "blocked_until"},
}

func readEnds(c *conn) error {
	for _, s := range sortings {
		for _, order := range []string{"", " DESC"} {
			by := strings.ReplaceAll(s.keys, ",", order+",") + order
			if _, err := c.query("SELECT "+s.keys+" FROM "+s.table+" ORDER BY "+by+" LIMIT 1", func(*row) {}); err != nil {
				return fmt.Errorf("read %s: %w", s.table, err)
			}
		}
	}
	return nil
}

// unlogged refuses a file whose log is gone although its server did not stop cleanly: what was written last is gone with it.
func unlogged(path string, lock *os.File) error {
	mark := make([]byte, len(inUseMark))
	if n, _ := lock.ReadAt(mark, 0); string(mark[:n]) != inUseMark {
		return nil
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return nil // killed before there was anything
	}
	return fmt.Errorf("%[1]s-wal is missing, and the server that used %[1]s was killed: what was written last is lost with it. Put the file back, or restore a backup. "+
		"If another program has opened %[1]s since, it has put the log into the file: then remove %[1]s.lock and start again", path)
}

// inUseMark stands in the lock file from when a server has the store open until it has closed it.
const inUseMark = "in use\n"
