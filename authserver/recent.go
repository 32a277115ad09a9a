// SPDX-License-Identifier: Apache-2.0

package authserver

import "sync"

// recent remembers values by key, those that were used lately: never more than twice its limit. It
// may be used in parallel.
type recent[K comparable, V any] struct {
	limit int

	mu sync.RWMutex
	// young takes what comes. When it is full it becomes old, and what was old is forgotten.
	young, old map[K]V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, young: map[K]V{}}
}

func (r *recent[K, V]) get(key K) (V, bool) {
	r.mu.RLock()
	v, young := r.young[key]
	if young {
		r.mu.RUnlock()
		return v, true
	}
	v, old := r.old[key]
	r.mu.RUnlock()
	if old {
		r.put(key, v)
	}
	return v, old
}

func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= r.limit {
		r.young, r.old = map[K]V{}, r.young
	}
	r.young[key] = value
}
