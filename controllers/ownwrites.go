// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownWriteLimit is how long a cache may be behind before it is believed again. It
// is only reached when resource versions went backwards: a restored etcd.
const ownWriteLimit = time.Minute

// ownWrites remembers the version of what this process wrote until the cache has
// it. A decision on an older copy would be harmless, because every write is bound
// to the version it was decided on; but it would cost a refused write each time.
// The zero value is ready.
type ownWrites struct {
	mu     sync.Mutex
	latest map[types.UID]ownWrite
}

type ownWrite struct {
	version string
	at      time.Time
}

// wrote notes that obj, as the API server answered it, was written now.
func (w *ownWrites) wrote(obj client.Object, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil {
		w.latest = map[types.UID]ownWrite{}
	}
	w.latest[obj.GetUID()] = ownWrite{version: obj.GetResourceVersion(), at: now}
}

// behind returns how long to go on doubting obj, which was read from the cache; zero
// if it is not older than what was written.
func (w *ownWrites) behind(obj client.Object, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, noted := w.latest[obj.GetUID()]
	if !noted {
		return 0
	}
	left := ownWriteLimit - now.Sub(last.at)
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), last.version)
	if err != nil || order >= 0 || left <= 0 {
		delete(w.latest, obj.GetUID())
		return 0
	}
	return left
}
