// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"sync"
	"time"
)

const (
	// probeEvery is how often the API server is tried at most while it gives no answers.
	probeEvery = time.Second
	// silentFor is how long a question without an answer tells that the API server gives none. It is longer than a probe and the wait for it.
	silentFor = 10 * time.Second
)

// outage remembers whether the API server answers. While it does not, who may use an older
// answer gets that one at once, and one question at a time finds out when the outage is over.
type outage struct {
	mu      sync.Mutex
	down    bool
	probing bool
	probed  time.Time
}

// ended takes in what became of a question. It reports whether an outage began or ended with it. A question that was not asked says
// nothing: the next one is to find out.
func (o *outage) ended(err error, now time.Time) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(err, errNotAsked) {
		o.probing = false
		return false
	}
	changed = o.down != (err != nil)
	o.down, o.probing, o.probed = err != nil, false, now
	return changed
}

// on reports whether there is an outage, and whether this caller is to try the API server. What failed long ago tells nothing of now: the
// caller asks, and waits for the answer.
func (o *outage) on(now time.Time) (down, probe bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down {
		return false, false
	}
	since := now.Sub(o.probed) // negative: the clock was set back
	if since >= silentFor {
		return false, false
	}
	if o.probing || since >= 0 && since < probeEvery {
		return true, false
	}
	o.probing = true
	return true, true
}
