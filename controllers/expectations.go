// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expectationLimit is how long a cache may be behind before it is believed again. It
// is only reached when resource versions went backwards: a restored etcd.
const expectationLimit = time.Minute

// expectations remember the version of what this process wrote until the cache has it. A
// decision on a stale read would be harmless, because every write is bound to the version
// it was decided on; but it would cost a refused write each time. The zero value is ready.
type expectations struct {
	mu     sync.Mutex
	latest map[types.UID]expectation
	// byName finds what is expected of an object that is gone.
	byName map[objectRef]map[types.UID]struct{}
}

type expectation struct {
	version string
	at      time.Time
	of      objectRef
}

// wrote notes that obj, as the API server answered it, was written now for the object.
func (e *expectations) wrote(of objectRef, obj client.Object, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.latest == nil {
		e.latest, e.byName = map[types.UID]expectation{}, map[objectRef]map[types.UID]struct{}{}
	}
	e.latest[obj.GetUID()] = expectation{version: obj.GetResourceVersion(), at: now, of: of}
	if e.byName[of] == nil {
		e.byName[of] = map[types.UID]struct{}{}
	}
	e.byName[of][obj.GetUID()] = struct{}{}
}

// stale returns how long to go on doubting obj, which was read from the cache; zero if it
// is not older than what was written.
func (e *expectations) stale(obj client.Object, now time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, noted := e.latest[obj.GetUID()]
	if !noted {
		return 0
	}
	left := expectationLimit - now.Sub(last.at)
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), last.version)
	if err != nil || order >= 0 || left <= 0 {
		e.drop(obj.GetUID())
		return 0
	}
	return left
}

// forget drops what is expected of an object that is gone and of its Secrets.
func (e *expectations) forget(of objectRef) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for uid := range e.byName[of] {
		e.drop(uid)
	}
}

func (e *expectations) drop(uid types.UID) {
	of := e.latest[uid].of
	delete(e.latest, uid)
	delete(e.byName[of], uid)
	if len(e.byName[of]) == 0 {
		delete(e.byName, of)
	}
}
