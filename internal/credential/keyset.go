// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"time"
)

const (
	// RotationPeriod is how long a key of the set is the active one.
	RotationPeriod = 30 * 24 * time.Hour
	// PublishBefore is how long a key is known to all replicas before it is used.
	PublishBefore = time.Hour
	// LongestToken is the longest life of anything a key of the set makes: a
	// refresh token ends with its grant, after 90 days at most.
	LongestToken = 90 * 24 * time.Hour
	// dropSlack covers clocks that differ and a replica that learns late.
	dropSlack = 24 * time.Hour
	// keptKeys is how many keys always stay. With a period of 30 days that covers 150 days: more
	// than the longest token needs, also when one key is dropped because of a wrong clock.
	keptKeys = 6

	// maxSetKeys bounds what is read.
	maxSetKeys = 32
	idBytes    = 4
	// dataTime is how NotBefore is written: allowed in a data key, and sortable.
	dataTime = "20060102T150405Z"
)

// SetKey is one key of a KeySet.
type SetKey struct {
	// ID names the key in front of what it made: 8 hexadecimal characters.
	ID string
	// NotBefore is when the key becomes the active one. Whole seconds, UTC.
	NotBefore time.Time
	// Key is the root of the sub-keys for each purpose.
	Key Key
	// Signing are the private keys that sign JWTs: at most one for each algorithm, sorted by it.
	Signing []SigningKey
}

// KeySet is what the authorization server seals and signs with: the active key,
// the next one, and those whose tokens are still alive. Oldest first.
type KeySet struct {
	Keys []SetKey
}

// NewSetKey returns a random key with a random ID that is active from notBefore on.
func NewSetKey(notBefore time.Time) SetKey {
	var id [idBytes]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the program instead
	return SetKey{ID: hex.EncodeToString(id[:]), NotBefore: notBefore.UTC().Truncate(time.Second), Key: NewKey()}
}

// Active returns the key to seal and sign with now: the newest whose NotBefore has
// passed, but never one that is older than the second newest. That one was in use
// before the newest was made, so a clock that says otherwise is behind. Of an empty
// set it is the zero SetKey.
func (s KeySet) Active(now time.Time) SetKey {
	if len(s.Keys) == 0 {
		return SetKey{}
	}
	return s.Keys[s.activeIndex(now)]
}

func (s KeySet) activeIndex(now time.Time) int {
	newest := len(s.Keys) - 1
	if newest > 0 && s.Keys[newest].NotBefore.After(now) {
		return newest - 1
	}
	return newest
}

// ActiveAt returns the key that was the active one at a time that has passed. Keys that were added
// since change nothing. For a time before the first key it is what Active returns.
func (s KeySet) ActiveAt(past time.Time) SetKey {
	for _, k := range slices.Backward(s.Keys) {
		if !k.NotBefore.After(past) {
			return k
		}
	}
	return s.Active(past)
}

// Find returns the key with the ID, and whether the set has it.
func (s KeySet) Find(id string) (SetKey, bool) {
	for _, k := range s.Keys {
		if k.ID == id {
			return k, true
		}
	}
	return SetKey{}, false
}

// Rotated returns the set as it should be at now, and whether that differs from s:
//
//   - an empty set gets next, active at once;
//   - an hour before the newest published key has been active for 30 days, next joins,
//     to be active an hour from now: published before used, also after a long pause;
//   - a key that waits for a later time was made by a clock that was ahead. It takes the
//     place of next, and its NotBefore is corrected;
//   - with each such change the oldest key may leave: if there are more than six, and if
//     the last token that it could have made has ended, which is 90 days, and a day of
//     slack, after its successor became active.
//
// So one call drops one key at most, and has nothing to do for 30 days then, whatever a
// wrong clock says. Of next, the ID and the key are used; it is spent only if the answer
// is true.
func (s KeySet) Rotated(now time.Time, next SetKey) (KeySet, bool) {
	now = now.UTC().Truncate(time.Second)
	if _, taken := s.Find(next.ID); taken || now.Before(s.NextChange(now)) {
		return s, false // one ID must not name two keys; the next call brings another
	}
	keys, soon := slices.Clone(s.Keys), now.Add(PublishBefore)
	switch early := slices.IndexFunc(keys, func(k SetKey) bool { return k.NotBefore.After(soon) }); {
	case early >= 0:
		keys[early].NotBefore = soon
	case len(keys) == 0:
		next.NotBefore = now
		keys = append(keys, next)
	case len(keys) >= maxSetKeys:
		return s, false // nobody could read more
	default:
		next.NotBefore = soon
		keys = append(keys, next)
	}
	if len(keys) > keptKeys && !now.Before(keys[1].NotBefore.Add(LongestToken+dropSlack)) {
		keys = keys[1:]
	}
	return KeySet{Keys: keys}, true
}

// NextChange returns the first time from now on at which Rotated has something to do.
func (s KeySet) NextChange(now time.Time) time.Time {
	at := now
	for _, k := range s.Keys {
		if k.NotBefore.After(at.Add(PublishBefore)) {
			break // it is not published then
		}
		if at = k.NotBefore.Add(RotationPeriod - PublishBefore); at.Before(now) {
			at = now
		}
	}
	return at
}
