// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Directory stands in for a directory of people.
type Directory struct {
	// Changed is called after each change, as a directory does that sees each change.
	Changed func()

	mu        sync.Mutex
	owners    map[string]authserver.Owner
	passwords map[string]string
	holds     time.Duration
	err       error
	asked     int
}

func newDirectory() *Directory {
	d := &Directory{owners: map[string]authserver.Owner{}, passwords: map[string]string{}}
	d.Put(authserver.Owner{Name: Bob, DisplayName: "Bob", Email: "bob@photos.example", Groups: []string{"family"}}, BobPassword)
	d.Put(authserver.Owner{Name: Alice, DisplayName: "Alice", Email: "alice@photos.example"}, AlicePassword)
	return d
}

// Source is the key of the directory.
const Source = "authtest"

// SubjectOf returns the subject of a person of the fixture: their first name is their ID.
func SubjectOf(name string) string { return authserver.SubjectOf(Source, name) }

// Put adds or replaces a person. Without a subject it is SubjectOf the name.
func (d *Directory) Put(o authserver.Owner, password string) {
	o.Source = Source
	if o.Subject == "" {
		o.Subject = SubjectOf(o.Name)
	}
	sum := sha256.Sum256([]byte(password))
	o.CredentialVersion = hex.EncodeToString(sum[:])
	d.change(func() { d.owners[o.Name], d.passwords[o.Name] = o, password })
}

// Remove takes a person out of the directory.
func (d *Directory) Remove(name string) {
	d.change(func() { delete(d.owners, name) })
}

func (d *Directory) change(make func()) {
	d.mu.Lock()
	make()
	d.mu.Unlock()
	if d.Changed != nil {
		d.Changed()
	}
}

// Holds makes what the directory says of a person hold for so long.
func (d *Directory) Holds(forSoLong time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.holds = forSoLong
}

// Fail makes each question end in err until it is called with nil.
func (d *Directory) Fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// Asked returns how many passwords it was asked about.
func (d *Directory) Asked() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// Authenticate is of authserver.Directory.
func (d *Directory) Authenticate(_ context.Context, name, password string, _ authserver.Lane) (authserver.Owner, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.err != nil {
		return authserver.Owner{}, d.err
	}
	o, ok := d.owners[name]
	if !ok || d.passwords[name] != password {
		return authserver.Owner{Name: o.Name}, authserver.ErrWrongPassword
	}
	return o, nil
}

// Lookup returns the owner who has this name now, or ErrNotFound.
func (d *Directory) Lookup(_ context.Context, name string) (authserver.Owner, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return authserver.Owner{}, d.err
	}
	o, ok := d.owners[name]
	if !ok {
		return authserver.Owner{}, authserver.ErrNotFound
	}
	return o, nil
}

// Confirm is of authserver.Directory.
func (d *Directory) Confirm(_ context.Context, p authserver.Person) (authserver.Owner, error) {
	if p.Source == UpstreamSource {
		return authserver.Owner{}, authserver.ErrCannotAsk
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return authserver.Owner{}, d.err
	}
	for _, o := range d.owners {
		if o.Subject == p.Subject {
			return o, nil
		}
	}
	return authserver.Owner{}, authserver.ErrNotFound
}

// ConfirmedFor is of authserver.Directory.
func (d *Directory) ConfirmedFor(source string) time.Duration {
	if source == UpstreamSource {
		return authserver.MaxConfirmationAge
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.holds
}
