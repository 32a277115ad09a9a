// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// absenceInterval is how often it is looked which clients are gone.
	absenceInterval = time.Hour
	// absenceBatch is how many clients one read and one write are about.
	absenceBatch = 200
)

// consents is a store that remembers since when clients are absent: see authserver.Store.
type consents interface {
	KeptClients(ctx context.Context, after string, limit int) ([]string, error)
	NoteClients(ctx context.Context, present, absent []string, now time.Time) error
}

// absences tells the store which of the clients that people consented to are gone, so that what
// was said to them is swept some day.
type absences struct {
	store  consents
	synced func() bool // false: who is not known may be there all the same
	known  func(clientUID string) bool
	now    func() time.Time
	log    *slog.Logger
	next   time.Time // no look before
}

// Watch looks, for each tick until ctx ends, whether it is time.
func (a *absences) Watch(ctx context.Context, tick <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			a.look(ctx)
		}
	}
}

func (a *absences) look(ctx context.Context) {
	now := a.now()
	if !a.synced() || now.Before(a.next) && a.next.Sub(now) <= absenceInterval {
		return
	}
	if err := a.note(ctx, now); err != nil {
		if ctx.Err() == nil {
			a.log.WarnContext(ctx, "the store could not record which clients are gone; the next try is in a minute", "err", err)
		}
		return
	}
	a.next = now.Add(absenceInterval)
}

// note goes through all clients that there are consents for.
func (a *absences) note(ctx context.Context, now time.Time) error {
	for after := ""; ; {
		uids, err := a.store.KeptClients(ctx, after, absenceBatch)
		if err != nil {
			return fmt.Errorf("list clients: %w", err)
		}
		if len(uids) == 0 {
			return nil
		}
		var present, absent []string
		for _, uid := range uids {
			if a.known(uid) {
				present = append(present, uid)
			} else {
				absent = append(absent, uid)
			}
		}
		if err := a.store.NoteClients(ctx, present, absent, now); err != nil {
			return fmt.Errorf("note clients: %w", err)
		}
		after = uids[len(uids)-1]
	}
}
