// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"net/http"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// keyPair is what client secrets and their verifiers are made with.
type keyPair struct {
	root, shared credential.Key
}

// Keys is what the keys controller has found and everybody else asks for: the keys
// in use, or why there are none. Make it with NewKeys.
type Keys struct {
	mu      sync.RWMutex
	pair    *keyPair
	problem string
	// changed wakes the controllers that need keys. One waiting event each is enough.
	changed []chan event.GenericEvent
}

// NewKeys returns Keys that hold no keys yet.
func NewKeys() *Keys { return &Keys{} }

// subscribe returns a channel that gets an event when there are other keys than before.
func (k *Keys) subscribe() <-chan event.GenericEvent {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed := make(chan event.GenericEvent, 1)
	k.changed = append(k.changed, changed)
	return changed
}

// Ready is a readiness check: it fails, with a sentence that says what to do, while
// the keys controller refuses to go on. A replica that was not elected leader has
// no opinion and is ready.
func (k *Keys) Ready(*http.Request) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.problem == "" {
		return nil
	}
	return errors.New(k.problem)
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

// use sets the keys and, if they are others than before, has every object looked at.
func (k *Keys) use(pair keyPair) {
	k.mu.Lock()
	same := k.pair != nil && k.pair.root.Equal(pair.root) && k.pair.shared.Equal(pair.shared)
	k.pair, k.problem = &pair, ""
	changed := k.changed
	k.mu.Unlock()
	if same {
		return
	}
	for _, c := range changed {
		select {
		case c <- event.GenericEvent{}:
		default: // one is waiting already
		}
	}
}

// withdraw takes the keys out of use and reports whether the problem is news.
func (k *Keys) withdraw(problem string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	news := k.problem != problem
	k.pair, k.problem = nil, problem
	return news
}

// unread notes that the keys could not be read. Keys that are in use stay in use:
// an API server that is away for a while is no reason to stop.
func (k *Keys) unread(problem string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pair == nil {
		k.problem = problem
	}
}
