// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// bounded is a map that holds values of a number of bytes together. The ones that were not asked for
// longest make room for new ones. One goroutine at a time may use it.
type bounded[K comparable, V any] struct {
	entries *simplelru.LRU[K, entry[V]]
	size    func(K, V) int // of an entry, in bytes
	held    int
	limit   int
}

// entry is a value, and whether it is silent: nobody gets it until it is put anew.
type entry[V any] struct {
	value  V
	silent bool
}

// entryBytes is what an entry costs beside its key and its value: its places in the list and in the map.
const entryBytes = 96

func newBounded[K comparable, V any](limit int, size func(K, V) int) *bounded[K, V] {
	b := &bounded[K, V]{size: size, limit: limit}
	b.entries, _ = simplelru.NewLRU(math.MaxInt, func(k K, e entry[V]) { b.held -= b.cost(k, e.value) }) // an error is only possible for a number below 1
	return b
}

func (b *bounded[K, V]) cost(k K, v V) int { return entryBytes + b.size(k, v) }

func (b *bounded[K, V]) get(k K) (V, bool) {
	e, found := b.entries.Get(k)
	if !found || e.silent {
		var none V
		return none, false
	}
	return e.value, true
}

// silence keeps the entry from everybody, but its place for what is put there next.
func (b *bounded[K, V]) silence(k K) {
	if e, found := b.entries.Peek(k); found {
		b.entries.Add(k, entry[V]{e.value, true})
	}
}

// put keeps v, unless it alone is more than there is room for.
func (b *bounded[K, V]) put(k K, v V) {
	if b.cost(k, v) > b.limit {
		b.entries.Remove(k)
		return
	}
	if before, found := b.entries.Peek(k); found {
		b.held -= b.cost(k, before.value)
	}
	b.entries.Add(k, entry[V]{value: v})
	for b.held += b.cost(k, v); b.held > b.limit; {
		b.entries.RemoveOldest()
	}
}

func (b *bounded[K, V]) drop(k K) { b.entries.Remove(k) }

func (b *bounded[K, V]) dropAll() { b.entries.Purge() }
