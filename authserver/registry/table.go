// SPDX-License-Identifier: Apache-2.0

package registry

import "sync"

// table keeps the objects of one kind by name, and says what changed. It implements keeper. All
// tables of a registry share one lock.
type table[T interface {
	comparable
	key() string
}] struct {
	mu  *sync.Mutex
	all map[string]T
	// changed is called with the lock held and all up to date. old or next is the zero value for
	// an object that was made or removed.
	changed func(old, next T)
	// settle is called with the lock held after everything that came at once.
	settle func()
	// ignored reports whether the object is none of this installation's.
	ignored func(T) bool
}

func (t *table[T]) upsert(o T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(o)
	t.settle()
}

func (t *table[T]) remove(o T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(o.key())
	t.settle()
}

// replace takes in everything there is, and forgets the rest.
func (t *table[T]) replace(all []T) { t.replaceWhere(all, func(string) bool { return true }) }

// replaceWhere takes in all, and forgets the rest of those whose key is concerned.
func (t *table[T]) replaceWhere(all []T, concerned func(key string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	there := make(map[string]bool, len(all))
	for _, o := range all {
		there[o.key()] = true
	}
	for key := range t.all {
		if !there[key] && concerned(key) {
			t.drop(key)
		}
	}
	for _, o := range all {
		t.put(o)
	}
	t.settle()
}

// put needs the lock.
func (t *table[T]) put(next T) {
	if t.ignored != nil && t.ignored(next) {
		t.drop(next.key())
		return
	}
	old := t.all[next.key()]
	t.all[next.key()] = next
	t.changed(old, next)
}

// drop needs the lock.
func (t *table[T]) drop(key string) {
	old, there := t.all[key]
	if !there {
		return
	}
	delete(t.all, key)
	var none T
	t.changed(old, none)
}
