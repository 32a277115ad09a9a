// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"
)

// delays remember since when writes of an object fail that may succeed by themselves. The zero value is ready.
type delays struct {
	mu    sync.Mutex
	since map[objectRef]time.Time
}

// failing notes that a write failed now, and returns for how long they have.
func (d *delays) failing(of objectRef, now time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	since, noted := d.since[of]
	if !noted {
		if d.since == nil {
			d.since = map[objectRef]time.Time{}
		}
		d.since[of], since = now, now
	}
	return now.Sub(since)
}

// over forgets it: all was written, or the object is gone.
func (d *delays) over(of objectRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.since, of)
}
