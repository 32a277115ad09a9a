// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// keyPair is what client secrets and their verifiers are made with.
type keyPair struct {
	root, shared credential.Key
}

func (p keyPair) equal(other keyPair) bool {
	return p.root.Equal(other.root) && p.shared.Equal(other.shared)
}

// Keys holds the keys in use: the keys controller sets them, everybody else asks for them. The
// zero value holds none.
type Keys struct {
	mu   sync.RWMutex
	pair *keyPair

	// source reads the keys that the cluster holds; the zero ones: none that can be used. nil: nobody can tell.
	source func(context.Context) (keyPair, error)

	begun   atomic.Int64 // how many readings have begun
	reading sync.Mutex
	last    int64   // the number of the last reading that ended well
	found   keyPair // by that reading
}

// readings returns how many readings of the keys have begun: those that begin from now on have a higher number.
func (k *Keys) readings() int64 { return k.begun.Load() }

// areCurrent reports whether the cluster holds the keys, by a reading of a higher number than since. Those who ask at a time share a reading.
func (k *Keys) areCurrent(ctx context.Context, pair keyPair, since int64) (bool, error) {
	if k.source == nil {
		return true, nil
	}
	k.reading.Lock()
	defer k.reading.Unlock()
	if k.last <= since {
		number := k.begun.Add(1)
		found, err := k.source(ctx)
		if err != nil {
			return false, err
		}
		k.last, k.found = number, found
	}
	return pair.equal(k.found), nil
}

// current returns the keys in use, and whether there are any.
func (k *Keys) current() (keyPair, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.pair == nil {
		return keyPair{}, false
	}
	return *k.pair, true
}

// use sets the keys and reports whether they are others than before.
func (k *Keys) use(pair keyPair) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed = k.pair == nil || !k.pair.equal(pair)
	k.pair = &pair
	return changed
}

// withdraw takes the keys out of use.
func (k *Keys) withdraw() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pair = nil
}

// health holds what is wrong, for a readiness check. The zero value is healthy.
type health struct {
	mu      sync.Mutex
	problem string
}

// set notes what is wrong, empty for nothing, and reports whether that is new.
func (h *health) set(problem string) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.problem != problem
	h.problem = problem
	return changed
}

// check returns what is wrong.
func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.problem == "" {
		return nil
	}
	return errors.New(h.problem)
}
