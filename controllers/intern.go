// SPDX-License-Identifier: Apache-2.0

package controllers

import "sync"

// internSize bounds an interner. Beyond it values are kept apart, as they came.
const internSize = 4096

// interner keeps one copy of equal values. What it gives out is shared: for reading
// only. The zero value is ready.
type interner[V any] struct {
	mu    sync.Mutex
	known map[string]V
}

// shared returns the copy of the value that key describes; the first one is kept.
func (p *interner[V]) shared(key string, first func() V) V {
	p.mu.Lock()
	defer p.mu.Unlock()
	if value, there := p.known[key]; there {
		return value
	}
	value := first()
	if p.known == nil {
		p.known = map[string]V{}
	}
	if len(p.known) < internSize {
		p.known[key] = value
	}
	return value
}
