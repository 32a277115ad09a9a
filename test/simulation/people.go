// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"strconv"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// The people of every run.
const (
	bob   = "bob"
	alice = "alice"
)

var subjects = map[string]string{bob: authserver.SubjectOf("users", bob), alice: authserver.SubjectOf("users", alice)}

// directory is a source that sees each change at once.
type directory struct {
	s         *simulation
	gone      map[string]bool
	passwords map[string]int // by name: how often it was changed
}

func (d *directory) password(name string) string { return name + strconv.Itoa(d.passwords[name]) }

func (d *directory) owner(name string) (authserver.Owner, error) {
	if subjects[name] == "" || d.gone[name] {
		return authserver.Owner{}, authserver.ErrNotFound
	}
	return authserver.Owner{
		Subject: subjects[name], Source: "users", Name: name, CredentialVersion: d.password(name),
	}, nil
}

// Authenticate is of authserver.Directory.
func (d *directory) Authenticate(_ context.Context, name, password string, _ authserver.Lane) (authserver.Owner, error) {
	d.s.pause("Authenticate")
	o, err := d.owner(name)
	if err != nil || password != o.CredentialVersion {
		return authserver.Owner{Name: o.Name}, authserver.ErrWrongPassword
	}
	return o, nil
}

// Confirm is of authserver.Directory.
func (d *directory) Confirm(_ context.Context, p authserver.Person) (authserver.Owner, error) {
	d.s.pause("Confirm")
	return d.owner(p.Name)
}

// ConfirmedFor is of authserver.Directory.
func (d *directory) ConfirmedFor(string) time.Duration { return 0 }

// access answers who may use which client, as an API server does that may be away.
type access struct {
	s         *simulation
	withdrawn map[[2]string]bool // name and client ID
	away      bool
	since     time.Duration
	then      map[[2]string]bool // what was withdrawn when it went away
}

// Entitled is of authserver.Entitlement.
func (a *access) Entitled(_ context.Context, o authserver.Owner, c *authserver.Client, stale time.Duration) (bool, error) {
	a.s.pause("Entitled")
	key := [2]string{o.Name, c.ID}
	if !a.away {
		return !a.withdrawn[key], nil
	}
	if a.s.elapsed-a.since > stale {
		return false, unavailable("the API server does not answer")
	}
	return !a.then[key], nil
}

// auditor counts what the audit log gets.
type auditor struct{ s *simulation }

// Record is of authserver.Auditor.
func (a auditor) Record(_ context.Context, e authserver.Event) {
	a.s.pause("audit")
	if a.s.trace != nil {
		a.s.note("audit " + string(e.Name) + " " + e.Reason)
	}
	a.s.coverage.count("audit " + string(e.Name))
}
