// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/store/sqlite"
)

// N97: what people said to clients that no longer exist goes, and nothing else does.
func TestN97ConsentsForClientsThatAreGoneAreSweptAfterAWhile(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "gatehouse.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	const clients = absenceBatch + 50
	for n := range clients {
		g := authserver.Grant{ClientUID: fmt.Sprintf("client-%03d", n), Owner: "bob", ApprovedAt: start, EndsAt: start.Add(time.Hour)}
		g.ID[0], g.ID[1], g.Proof.Hash[0], g.Proof.Hash[1] = byte(n), byte(n>>8), byte(n), byte(n>>8)
		consent := &authserver.Consent{Owner: "bob", ClientUID: g.ClientUID, GivenAt: start}
		if err := store.Approve(t.Context(), g, consent); err != nil {
			t.Fatal(err)
		}
	}
	now, synced := start, false
	gone := func(uid string) bool { return strings.HasSuffix(uid, "7") }
	a := &absences{store: store, synced: func() bool { return synced }, known: func(uid string) bool { return synced && !gone(uid) },
		now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	left := func() int {
		t.Helper()
		sweep(t.Context(), store, now, slog.New(slog.DiscardHandler))
		kept, err := store.ConsentsOf(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		return len(kept)
	}
	a.look(t.Context()) // nothing is known yet, and nobody is taken for gone
	now = start.Add(authserver.GoneMemory)
	if got := left(); got != clients {
		t.Fatalf("before the clients were listed %d of %d consents are left", got, clients)
	}
	synced = true
	a.look(t.Context())
	now = now.Add(authserver.GoneMemory - time.Second)
	a.look(t.Context())
	if got := left(); got != clients {
		t.Errorf("too early, %d of %d consents are left", got, clients)
	}
	now = now.Add(time.Second)
	if got := left(); got != clients-clients/10 {
		t.Errorf("%d of %d consents are left, want %d", got, clients, clients-clients/10)
	}
}

// countedConsents counts the looks at a store without consents.
type countedConsents struct {
	looks int
	fault error
}

func (c *countedConsents) KeptClients(context.Context, string, int) ([]string, error) {
	c.looks++
	return nil, c.fault
}

func (c *countedConsents) NoteClients(context.Context, []string, []string, time.Time) error {
	return nil
}

func TestItIsLookedForAbsentClientsEachHourAndSoonAfterAFailure(t *testing.T) {
	var log bytes.Buffer
	store := &countedConsents{fault: errors.New("the disk is full")}
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	a := &absences{store: store, synced: func() bool { return true }, now: func() time.Time { return now }, log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, step := range []struct {
		name  string
		move  time.Duration
		fault error
		looks int
	}{
		{"a failure", 0, errors.New("the disk is full"), 1},
		{"a minute later", time.Minute, nil, 2},
		{"another minute later", time.Minute, nil, 2},
		{"an hour later", absenceInterval, nil, 3},
		{"after the clock was set back", -24 * time.Hour, nil, 4},
	} {
		now, store.fault = now.Add(step.move), step.fault
		a.look(t.Context())
		if store.looks != step.looks {
			t.Errorf("%s: looked %d times, want %d", step.name, store.looks, step.looks)
		}
	}
	if !strings.Contains(log.String(), "the disk is full") {
		t.Errorf("log %q", &log)
	}
}
