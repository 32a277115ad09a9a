// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// bounded is a map that holds values of a number of bytes together. The ones that were not asked for
// longest make room for new ones. One goroutine at a time may use it.
type bounded[K comparable, V any] struct {
	entries *simplelru.LRU[K, V]
	size    func(K, V) int // of an entry, in bytes
	held    int
	limit   int
}

// entryBytes is what an entry costs beside its key and its value: its places in the list and in the map.
const entryBytes = 96

func newBounded[K comparable, V any](limit int, size func(K, V) int) *bounded[K, V] {
	b := &bounded[K, V]{size: size, limit: limit}
	b.entries, _ = simplelru.NewLRU(math.MaxInt, func(k K, v V) { b.held -= b.cost(k, v) }) // an error is only possible for a number below 1
	return b
}

func (b *bounded[K, V]) cost(k K, v V) int { return entryBytes + b.size(k, v) }

func (b *bounded[K, V]) get(k K) (V, bool) { return b.entries.Get(k) }

// put keeps v, unless it alone is more than there is room for.
func (b *bounded[K, V]) put(k K, v V) {
	if b.cost(k, v) > b.limit {
		b.entries.Remove(k)
		return
	}
	if before, found := b.entries.Peek(k); found {
		b.held -= b.cost(k, before)
	}
	b.entries.Add(k, v)
	for b.held += b.cost(k, v); b.held > b.limit; {
		b.entries.RemoveOldest()
	}
}

func (b *bounded[K, V]) drop(k K) { b.entries.Remove(k) }

func (b *bounded[K, V]) dropAll() { b.entries.Purge() }
