// SPDX-License-Identifier: Apache-2.0

package access

import (
	"sync"
	"time"
)

// probeEvery is how often the API server is tried while it gives no answers.
const probeEvery = time.Second

// outage remembers whether the API server answers. While it does not, one caller a
// second tries; the others need not wait for a failure that is almost certain.
type outage struct {
	mu     sync.Mutex
	down   bool
	probed time.Time
}

// ended tells what became of the last question.
func (o *outage) ended(err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil && !o.down {
		o.probed = now
	}
	o.down = err != nil
}

// worthAsking reports whether to ask the API server. During an outage it says yes once
// for each probeEvery.
func (o *outage) worthAsking(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down && now.Sub(o.probed) < probeEvery {
		return false
	}
	o.probed = now
	return true
}
