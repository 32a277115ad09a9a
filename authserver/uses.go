// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUsing bounds the credentials that are gathered. Only those are gathered that the operator issued or took over, and that were
	// used in the last hours. An entry takes about 250 bytes.
	maxUsing = 1 << 17
	// usesBatch is how many rows one write is about.
	usesBatch = 200
	// idleHours is after how many hours without a use a credential is gathered no more, until its next use.
	idleHours = 2
)

// usedWithAssertion is the credential ID of all uses with assertions. A client makes its keys itself, as many as it likes: a row
// for each would let it fill what is gathered, and nobody waits for the use of a key.
const usedWithAssertion = ""

// CountingUID and CountingID name the use that tells since when uses are counted, and when they were last written.
//
// MissedID names, beside it, the use that tells when uses were missed last because there was no room for them: what was counted before
// the end of that hour is not the whole. It is remembered for UseMemory.
const (
	CountingUID = ""
	CountingID  = "counting"
	MissedID    = "count-missed"
)

// ErrUsesMissed says that more credentials are used at a time than are gathered.
var ErrUsesMissed = fmt.Errorf("more than %d credentials were used within %d hours", maxUsing, idleHours+1)

// uses gathers which credentials are used, until that is written. A use that is noted costs no allocation but the first time
// in hours, and waits for nobody.
type uses struct {
	mu     sync.RWMutex
	of     map[usingKey]*using
	missed int64 // the last hour in which a use found no room, until that is written; 0: there was none

	flushing sync.Mutex // one flush at a time
	since    int64      // the hour of the first flush; 0: there was none
}

type usingKey struct{ uid, credentialID string }

// using is what is gathered of one credential. Hours count from 1970.
type using struct {
	first int64
	hour  atomic.Int64 // of the last use
	// These begin anew with each write.
	challenged, unchallenged atomic.Int64
	challengedHour           atomic.Int64
	unchallengedHour         atomic.Int64

	mu          sync.Mutex // of the next two
	idToken     int64
	idTokenHour int64

	written int64 // the hour that was written last; of the one who flushes
}

func newUses() *uses { return &uses{of: map[usingKey]*using{}} }

func hourOf(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }

func timeOfHour(hour int64) time.Time {
	if hour == 0 {
		return time.Time{}
	}
	return time.Unix(hour*int64(time.Hour/time.Second), 0).UTC()
}

// note remembers that a credential was used. It returns nil where there is no room, and remembers that.
func (u *uses) note(uid, credentialID string, now time.Time) *using {
	key, hour := usingKey{uid, credentialID}, hourOf(now)
	if entry := u.find(key, hour); entry != nil {
		return entry
	}
	return u.add(key, hour)
}

// find notes the hour in an entry that there is. It does so under the lock: otherwise gathered could forget the entry between
// the two, and the use with it. The same holds for add.
func (u *uses) find(key usingKey, hour int64) *using {
	u.mu.RLock()
	defer u.mu.RUnlock()
	entry := u.of[key]
	if entry != nil {
		raise(&entry.hour, hour)
	}
	return entry
}

func (u *uses) add(key usingKey, hour int64) *using {
	u.mu.Lock()
	defer u.mu.Unlock()
	entry := u.of[key]
	if entry == nil {
		if len(u.of) >= maxUsing {
			u.missed = max(u.missed, hour)
			return nil
		}
		entry = &using{first: hour}
		u.of[key] = entry
	}
	raise(&entry.hour, hour)
	return entry
}

// raise lets a number grow to n.
func raise(a *atomic.Int64, n int64) {
	for {
		old := a.Load()
		if n <= old || a.CompareAndSwap(old, n) {
			return
		}
	}
}

// redeemed counts a code, by whether its request had a challenge.
func (u *using) redeemed(challenged bool, now time.Time) {
	switch {
	case u == nil:
	case challenged:
		raise(&u.challengedHour, hourOf(now))
		u.challenged.Add(1)
	default:
		raise(&u.unchallengedHour, hourOf(now))
		u.unchallenged.Add(1)
	}
}

// issued remembers the size of an ID token in bytes.
func (u *using) issued(bytes int64, now time.Time) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if bytes >= u.idToken {
		u.idToken, u.idTokenHour = bytes, hourOf(now)
	}
}

// take returns what was gathered since the last write, and begins anew.
func (u *using) take(key usingKey) (found Use, dirty bool) {
	hour := u.hour.Load()
	found = Use{
		UID: key.uid, CredentialID: key.credentialID, Since: timeOfHour(u.first), UsedAt: timeOfHour(hour),
		Challenged: u.challenged.Swap(0), Unchallenged: u.unchallenged.Swap(0),
	}
	if found.Challenged > 0 {
		found.ChallengedAt = timeOfHour(u.challengedHour.Load())
	}
	if found.Unchallenged > 0 {
		found.UnchallengedAt = timeOfHour(u.unchallengedHour.Load())
	}
	u.mu.Lock()
	found.IDTokenBytes, found.IDTokenAt = u.idToken, timeOfHour(u.idTokenHour)
	u.idToken, u.idTokenHour = 0, 0
	u.mu.Unlock()
	return found, hour > u.written || found.Challenged+found.Unchallenged+found.IDTokenBytes > 0
}

// giveBack takes in again what could not be written.
func (u *using) giveBack(lost Use) {
	u.challenged.Add(lost.Challenged)
	u.unchallenged.Add(lost.Unchallenged)
	if lost.IDTokenBytes > 0 {
		u.issued(lost.IDTokenBytes, lost.IDTokenAt)
	}
}

// gathered returns what is to be written, in the order of the keys, and forgets what was not used for hours.
func (u *uses) gathered(now time.Time) (found []Use, of map[usingKey]*using) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of = map[usingKey]*using{}
	for key, entry := range u.of {
		if use, dirty := entry.take(key); dirty {
			found, of[key] = append(found, use), entry
		} else if entry.hour.Load() < hourOf(now)-idleHours {
			delete(u.of, key)
		}
	}
	slices.SortFunc(found, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.CredentialID, b.CredentialID))
	})
	return found, of
}

// aboutCounting returns what is to be written of the counting itself, after all else, and the hour in which uses were missed.
func (u *uses) aboutCounting(now time.Time) (found []Use, missed int64) {
	if u.since == 0 {
		u.since = hourOf(now)
	}
	u.mu.RLock()
	missed = u.missed
	u.mu.RUnlock()
	if at := timeOfHour(missed); missed != 0 {
		found = append(found, Use{UID: CountingUID, CredentialID: MissedID, Since: at, UsedAt: at})
	}
	return append(found, Use{UID: CountingUID, CredentialID: CountingID, Since: timeOfHour(u.since), UsedAt: timeOfHour(hourOf(now))}), missed
}

// wroteMissed forgets the hour in which uses were missed, once it is written.
func (u *uses) wroteMissed(hour int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.missed == hour {
		u.missed = 0
	}
}

// FlushUses writes to the store which credentials were used since the last call. What cannot be written stays for the next
// call. A credential that was noted in an hour is written once for that hour, however often it is used. Where uses were missed, that is
// written too, and then the error is ErrUsesMissed.
func (s *Server) FlushUses(ctx context.Context) error {
	u, now := s.uses, s.now()
	u.flushing.Lock()
	defer u.flushing.Unlock()
	found, of := u.gathered(now)
	counting, missed := u.aboutCounting(now)
	found = append(found, counting...)
	for len(found) > 0 {
		batch := found[:min(len(found), usesBatch)]
		if err := s.store.NoteUses(ctx, batch); err != nil {
			for _, lost := range found {
				if entry := of[usingKey{lost.UID, lost.CredentialID}]; entry != nil {
					entry.giveBack(lost)
				}
			}
			return fmt.Errorf("write which credentials were used: %w", err)
		}
		for _, use := range batch {
			if entry := of[usingKey{use.UID, use.CredentialID}]; entry != nil {
				entry.written = hourOf(use.UsedAt)
			}
		}
		found = found[len(batch):]
	}
	if missed != 0 {
		u.wroteMissed(missed)
		return ErrUsesMissed
	}
	return nil
}

// NoteIDToken remembers the size, in bytes, of an ID token that was issued to a client.
func (s *Server) NoteIDToken(c *Client, bytes int) {
	now := s.now()
	s.uses.note(c.UID, "", now).issued(int64(bytes), now)
}
