// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/assertion"
	"github.com/gatehouse-dev/gatehouse/internal/turns"
)

const (
	// keysFreshFor is how long keys are used without an answer to a new question. A key that was taken out works for so long.
	keysFreshFor = 10 * time.Minute
	// keysAheadAfter is when keys that are used are asked for again, while nobody waits.
	keysAheadAfter = 5 * time.Minute
	// keysKeptFor is how long they are used while the address gives no answer.
	keysKeptFor = time.Hour
	// silentFor is how long a question without an answer tells that the address gives none. Later, who wants the keys waits for another one.
	silentFor = 2 * time.Minute
	// keysAgainAfter is the least time between two questions to one address, whoever asks for a key that is not known.
	keysAgainAfter = time.Minute
	// keysTime bounds one question, keysAsked how many are on their way at a time, and keysAskedPerNamespace how many of those for
	// one namespace.
	keysTime                         = 5 * time.Second
	keysAsked, keysAskedPerNamespace = 16, 4
	// maxKeySets bounds the addresses that are remembered.
	maxKeySets = 4096
)

// KeySetsConfig is what KeySets are made of.
type KeySetsConfig struct {
	// AllowedNetworks are those inside the cluster, or its network, that may be asked.
	AllowedNetworks []netip.Prefix
	// CAFile holds authorities beside those of the machine; empty: there are none.
	CAFile string
	Log    *slog.Logger
	Now    func() time.Time
}

// KeySets reads public keys from their addresses (RFC 7517 §5): those of clients, or of one cluster. It implements authserver.KeySets; its methods may be
// called in parallel.
type KeySets struct {
	outbound
	log *slog.Logger
	now func() time.Time
	// fetch reads the text with the keys, and unread is the log line where it cannot or reader does not take it.
	fetch  func(ctx context.Context, uri string) ([]byte, error)
	reader setReader
	unread string
	flight singleflight.Group
	turns  *turns.Turns

	setsMu sync.Mutex
	sets   map[string]keySet
}

// keySet is what is known of an address.
type keySet struct {
	keys  []assertion.Key
	at    time.Time // when the keys were read; zero: never
	asked time.Time // the last time
}

// NewKeySets returns KeySets that have asked nobody yet.
func NewKeySets(c KeySetsConfig) *KeySets {
	k := keySetsTo(c.AllowedNetworks, c.CAFile, caFileKey, c.Log, c.Now)
	k.reader = ofClients
	k.unread = "the keys of a client could not be read from its address"
	return k
}

func keySetsTo(allowed []netip.Prefix, caFile, caKey string, log *slog.Logger, now func() time.Time) *KeySets {
	k := &KeySets{
		outbound: outbound{allowed: allowed, caFile: caFile, caKey: caKey, timeout: keysTime}, log: log, now: now,
		turns: turns.New(keysAsked, keysAskedPerNamespace), sets: map[string]keySet{},
	}
	k.fetch = k.getSet
	return k
}

// Keys returns the keys at the address. See authserver.KeySets. Who comes with a key that is known waits for no question while the keys
// are fresh, or while the address is known to give no answer.
func (k *KeySets) Keys(ctx context.Context, namespace, uri string, wanted func(assertion.Key) bool) ([]assertion.Key, error) {
	set, now := k.known(uri), k.now()
	if k.inHand(ctx, namespace, uri, set, now, wanted) {
		return set.keys, nil
	}
	rests := set.rests(now)
	if rests && !set.silent() {
		return set.keys, nil // they were read a moment ago, and none is wanted
	}
	err := errAskedJustNow
	if !rests {
		if set, err = k.read(ctx, namespace, uri, set); err == nil {
			return set.keys, nil
		}
	}
	if within(now, set.at, keysKeptFor) && slices.ContainsFunc(set.keys, wanted) {
		return set.keys, nil
	}
	return nil, fmt.Errorf("%w: %w", authserver.ErrUnavailable, err)
}

// InHand returns the keys at the address if one of them is wanted and Keys would return them without a wait; otherwise none.
func (k *KeySets) InHand(ctx context.Context, namespace, uri string, wanted func(assertion.Key) bool) []assertion.Key {
	set := k.known(uri)
	if !k.inHand(ctx, namespace, uri, set, k.now(), wanted) {
		return nil
	}
	return set.keys
}

// inHand reports whether one of the keys is wanted and can be used without waiting. It asks for newer ones ahead.
func (k *KeySets) inHand(ctx context.Context, namespace, uri string, set keySet, now time.Time, wanted func(assertion.Key) bool) bool {
	fresh := within(now, set.at, keysFreshFor)
	if !fresh && !set.silentNow(now) || !slices.ContainsFunc(set.keys, wanted) {
		return false
	}
	if !set.rests(now) && !within(now, set.at, keysAheadAfter) {
		k.begin(ctx, namespace, uri) // and nobody waits for it
	}
	return true
}

// silent reports whether the last question got no answer that could be used.
func (s keySet) silent() bool { return s.asked.After(s.at) }

// silentNow reports whether the address gives no answer for keys that are not fresh any more. What it did while they were fresh does not
// count: it may have been a short failure, and a key that was taken out would work for an hour.
func (s keySet) silentNow(now time.Time) bool {
	return s.silent() && !s.failedEarly() && within(now, s.asked, silentFor) && within(now, s.at, keysKeptFor)
}

// failedEarly reports whether the last question got no answer while the keys were fresh.
func (s keySet) failedEarly() bool { return s.silent() && within(s.asked, s.at, keysFreshFor) }

// rests reports whether the address is not asked again yet. When keys cease to be fresh, there is one question more, if the last one failed.
func (s keySet) rests(now time.Time) bool {
	return within(now, s.asked, keysAgainAfter) && (within(now, s.at, keysFreshFor) || !s.failedEarly())
}

// within reports whether t is less than d before now. The zero time never is.
func within(now, t time.Time, d time.Duration) bool {
	age := now.Sub(t)
	return !t.IsZero() && age >= 0 && age < d
}

func (k *KeySets) known(uri string) keySet {
	k.setsMu.Lock()
	defer k.setsMu.Unlock()
	return k.sets[uri]
}

// keep remembers what is known of an address. When there is no room, what nobody has asked for lately goes.
func (k *KeySets) keep(uri string, set keySet) {
	k.setsMu.Lock()
	defer k.setsMu.Unlock()
	if kept := k.sets[uri]; set.asked.Before(kept.asked) && !kept.asked.After(k.now()) {
		return // another namespace asked later, and had its answer first
	}
	if len(k.sets) >= maxKeySets {
		for other, old := range k.sets {
			if !within(set.asked, old.asked, keysFreshFor) {
				delete(k.sets, other)
			}
		}
		if len(k.sets) >= maxKeySets {
			clear(k.sets)
		}
	}
	k.sets[uri] = set
}

// errAskedJustNow is of a question that is not repeated so soon.
var errAskedJustNow = errors.New("its address was asked a moment ago and gave no keys")

// read asks the address and waits for its answer. before is what is known to a caller who leaves.
func (k *KeySets) read(ctx context.Context, namespace, uri string, before keySet) (keySet, error) {
	select {
	case result := <-k.begin(ctx, namespace, uri):
		return result.Val.(keySet), result.Err
	case <-ctx.Done():
		return before, context.Cause(ctx)
	}
}

// begin asks the address, once for all of a namespace who want its keys at the same time: what other namespaces wait for holds up nobody
// of this one. Whoever comes here when such a question has just ended gets its result: what they know may be older than that. A caller who
// leaves does not take the question along.
func (k *KeySets) begin(ctx context.Context, namespace, uri string) <-chan singleflight.Result {
	return k.flight.DoChan(namespace+" "+uri, func() (any, error) {
		ctx := context.WithoutCancel(ctx)
		if latest, rests, err := k.resting(uri); rests {
			return latest, err
		}
		leave, err := k.turn(ctx, namespace)
		if err != nil {
			return k.known(uri), err // it was not asked: another namespace may ask it at once
		}
		defer leave()
		if latest, rests, err := k.resting(uri); rests {
			return latest, err
		}
		ctx, cancel := context.WithTimeout(ctx, k.timeout)
		defer cancel()
		now := k.now()
		text, err := k.fetch(ctx, uri)
		set := keySet{at: now, asked: now}
		if err == nil {
			if set.keys, err = k.reader.read(k.log.With("address", uri), text); err != nil {
				err = fmt.Errorf("what stands there cannot be used: %w", err)
			}
		}
		if err != nil {
			k.log.WarnContext(ctx, k.unread, "address", uri, "err", err)
			set = k.known(uri)
			set.keys, set.asked = assertion.Undisclosed(set.keys, text), now
		}
		k.keep(uri, set)
		return set, err
	})
}

// turn waits for the namespace's turn, as long as a question may take: the time of a question is for the address alone, because what
// becomes of it counts for all namespaces.
func (k *KeySets) turn(ctx context.Context, namespace string) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	leave, err = k.turns.Take(ctx, namespace)
	if err != nil {
		return nil, fmt.Errorf("its address was not asked: %w", err)
	}
	return leave, nil
}

// resting reports whether the address is not asked again yet, and what is known of it then.
func (k *KeySets) resting(uri string) (latest keySet, rests bool, err error) {
	latest = k.known(uri)
	switch {
	case !latest.rests(k.now()):
		return latest, false, nil
	case latest.silent():
		return latest, true, errAskedJustNow
	default:
		return latest, true, nil
	}
}

// getSet reads a set from its address.
func (k *KeySets) getSet(ctx context.Context, uri string) ([]byte, error) {
	return k.get(ctx, uri, "application/jwk-set+json, application/json")
}

// get reads what stands at the address, or its beginning if that is longer than a set of keys may be.
func (k *KeySets) get(ctx context.Context, uri, accept string) ([]byte, error) {
	client, err := k.current()
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil || r.URL.Scheme != "https" {
		return nil, errors.New("the address is not an https URL")
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", "gatehouse-authserver")
	res, err := client.Do(r)
	if err != nil {
		return nil, explain(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, statusError(res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, assertion.MaxSet+1))
	if err != nil {
		return nil, explain(err)
	}
	return text, nil
}
