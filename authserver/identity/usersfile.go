// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// pollInterval is how often the file is looked at. What changed is used once it was seen
// twice, so after at most two of them.
const pollInterval = time.Second

// Config is what a UsersFile is made of.
type Config struct {
	// Path of the file. It may be a symbolic link, as in a mounted Secret.
	Path string
	// SourceKey is part of what everybody's subject is made of (authserver.SubjectOf): who changes
	// it makes other people of all of them.
	SourceKey string
	// IDFromName lets people have no ID. Their name is taken for it, and whoever gets the name
	// later inherits what it had.
	IDFromName bool
	// Changed is called when the file was read again. It must not block.
	Changed func()
	// Log gets a line when the file was read again, or was refused.
	Log *slog.Logger
	// Pool bounds the passwords that are hashed at a time. Default: one of NewHashPool.
	Pool *Pool
}

// UsersFile is a source of the users in a file. Alone, it implements authserver.Directory.
type UsersFile struct {
	path    string
	source  source
	changed func()
	log     *slog.Logger
	pool    *Pool
	users   atomic.Pointer[users]

	// What Watch remembers; nobody else looks at it.
	seen  [sha256.Size]byte // content at the last look
	done  [sha256.Size]byte // content that was last read or refused
	fault string            // why the file could not be read at the last look
}

// OpenUsersFile reads the file. It fails when the file cannot be read or has a fault: a
// server should not start without knowing anybody.
func OpenUsersFile(c Config) (*UsersFile, error) {
	if c.Pool == nil {
		c.Pool = NewHashPool(DefaultHashMemory)
	}
	u := &UsersFile{path: c.Path, source: source{c.SourceKey, c.IDFromName}, changed: c.Changed, log: c.Log, pool: c.Pool}
	raw, err := u.read()
	if err != nil {
		return nil, fmt.Errorf("read users file: %w", err)
	}
	parsed, err := u.source.parseUsers(raw)
	if err != nil {
		return nil, fmt.Errorf("read users file %s: %w", c.Path, err)
	}
	u.users.Store(parsed)
	u.warn(parsed)
	u.seen = sha256.Sum256(raw)
	u.done = u.seen
	return u, nil
}

// Authenticate returns the owner with this name and password. ErrWrongPassword stands for
// unknown names and wrong passwords alike, and a password is hashed for both. When too
// many log in at once, the error is an authserver.WaitError that says when to come back.
func (u *UsersFile) Authenticate(ctx context.Context, name, password string, lane authserver.Lane) (authserver.Owner, error) {
	who, err := u.Find(ctx, name)
	if err != nil {
		return authserver.Owner{}, err
	}
	return who.Authenticate(ctx, password, lane)
}

// Key is the source's key.
func (u *UsersFile) Key() string { return u.source.key }

// Find returns who has the name, or Nobody.
func (u *UsersFile) Find(_ context.Context, name string) (Candidate, error) {
	who, known := u.users.Load().byName[name]
	if !known {
		return u.Nobody(), nil
	}
	return Candidate{who.owner.Name, func(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error) {
		return who.owner, u.verify(ctx, who.hash, password, lane)
	}}, nil
}

// Nobody has a hash that takes as long as those of most people.
func (u *UsersFile) Nobody() Candidate {
	decoy := u.users.Load().decoy
	return Candidate{"", func(ctx context.Context, password string, lane authserver.Lane) (authserver.Owner, error) {
		if err := u.verify(ctx, decoy, password, lane); err != nil {
			return authserver.Owner{}, err
		}
		return authserver.Owner{}, authserver.ErrWrongPassword
	}}
}

// verify hashes the password when it is its turn.
func (u *UsersFile) verify(ctx context.Context, h hash, password string, lane authserver.Lane) error {
	var right bool
	if err := u.pool.Do(ctx, lane, h.memory(), func() { right = h.verify([]byte(password)) }); err != nil {
		return fmt.Errorf("hash a password: %w", err)
	}
	if !right {
		return authserver.ErrWrongPassword
	}
	return nil
}

// Lookup returns the owner who has the name now, or ErrNotFound. It hashes nothing.
func (u *UsersFile) Lookup(_ context.Context, name string) (authserver.Owner, error) {
	who, known := u.users.Load().byName[name]
	if !known {
		return authserver.Owner{}, fmt.Errorf("user %q: %w", name, authserver.ErrNotFound)
	}
	return who.owner, nil
}

// Confirm returns the person as the file knows them now, by their subject, or ErrNotFound.
func (u *UsersFile) Confirm(_ context.Context, p authserver.Person) (authserver.Owner, error) {
	who, known := u.users.Load().bySubject[p.Subject]
	if !known {
		return authserver.Owner{}, fmt.Errorf("person %s: %w", p.Subject, authserver.ErrNotFound)
	}
	return who.owner, nil
}

// ConfirmedFor is 0: what the file says holds until it is changed, which Watch sees.
func (u *UsersFile) ConfirmedFor(string) time.Duration { return 0 }

// warn says that there are people whose name is all that they are known by.
func (u *UsersFile) warn(all *users) {
	if all.nameless > 0 {
		u.log.Warn("people in the users file have no id: whoever gets one of their names later inherits what they allowed and their logins",
			"path", u.path, "users", all.nameless)
	}
}

// Watch reads the file again when its content changes, until ctx ends. A file with a fault
// is logged, and what was read before stays in use.
//
// The content is compared, not the time of change or an event: that holds for editors that
// write in place, for those that rename, for the symbolic links of a mounted Secret and
// for file systems that tell nobody.
func (u *UsersFile) Watch(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			u.look(ctx)
		}
	}
}

// look takes a new content over when it is the same as at the last look: what was only
// half written must not make users disappear.
func (u *UsersFile) look(ctx context.Context) {
	raw, err := u.read()
	if err != nil {
		if u.fault != err.Error() {
			u.fault = err.Error()
			u.log.ErrorContext(ctx, "the users file cannot be read; the users read before stay in use", "err", err)
		}
		return
	}
	u.fault = ""
	sum := sha256.Sum256(raw)
	settled := sum == u.seen
	u.seen = sum
	if settled && sum != u.done {
		u.done = sum
		u.use(ctx, raw)
	}
}

func (u *UsersFile) use(ctx context.Context, raw []byte) {
	parsed, err := u.source.parseUsers(raw)
	if err != nil {
		u.log.ErrorContext(ctx, "the users file is refused; the users read before stay in use", "path", u.path, "err", err)
		return
	}
	u.users.Store(parsed)
	u.log.InfoContext(ctx, "the users file was read again", "path", u.path, "users", len(parsed.byName))
	u.warn(parsed)
	if u.changed != nil {
		u.changed()
	}
}

// read returns the content of the file, of which it takes no more than is allowed.
func (u *UsersFile) read() ([]byte, error) {
	file, err := os.Open(u.path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	return raw, errors.Join(err, file.Close())
}
