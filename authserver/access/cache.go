// SPDX-License-Identifier: Apache-2.0

package access

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// maxAnswers bounds the answers that are kept, about 2 MB. The least recently used goes.
const maxAnswers = 10_000

// key stands for an owner with their groups and a client. As a hash it is small whatever
// the number of groups.
type key [sha256.Size]byte

func keyOf(s subject, clientUID string) key {
	h := sha256.New()
	for _, part := range append([]string{clientUID, s.user}, s.groups...) {
		var length [8]byte // so that no two lists of names run together
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return key(h.Sum(nil))
}

// answer is what the API server said.
type answer struct {
	allowed bool
	at      time.Time // when it was asked
}

// cache keeps the newest answer for each key.
type cache[A any] struct {
	mu    sync.Mutex
	limit int
	byKey map[key]*list.Element // of *item
	used  *list.List            // of *item, the most recently used first
}

type item[A any] struct {
	key    key
	answer A
}

func newCache[A any](limit int) *cache[A] {
	return &cache[A]{limit: limit, byKey: map[key]*list.Element{}, used: list.New()}
}

func (c *cache[A]) get(k key) (A, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[k]
	if !ok {
		var none A
		return none, false
	}
	c.used.MoveToFront(element)
	return element.Value.(*item[A]).answer, true
}

func (c *cache[A]) remove(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[k]; ok {
		delete(c.byKey, c.used.Remove(element).(*item[A]).key)
	}
}

func (c *cache[A]) put(k key, a A) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byKey[k]; ok {
		element.Value.(*item[A]).answer = a
		c.used.MoveToFront(element)
		return
	}
	c.byKey[k] = c.used.PushFront(&item[A]{key: k, answer: a})
	if c.used.Len() > c.limit {
		delete(c.byKey, c.used.Remove(c.used.Back()).(*item[A]).key)
	}
}
