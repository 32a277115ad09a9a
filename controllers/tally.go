// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// tally counts the objects of one kind and class by what their condition Ready says. An informer
// tells it of each change, with the object as it was before, so it keeps no object.
type tally struct {
	class v1alpha1.ClassName

	mu     sync.Mutex
	counts map[readyLabels]int
}

// readyLabels are the status and the reason of the condition Ready.
type readyLabels struct{ status, reason string }

func newTally(class v1alpha1.ClassName) *tally {
	return &tally{class: class, counts: map[readyLabels]int{}}
}

// OnAdd is part of cache.ResourceEventHandler.
func (t *tally) OnAdd(o any, _ bool) { t.count(o, 1) }

// OnUpdate is part of cache.ResourceEventHandler.
func (t *tally) OnUpdate(before, after any) {
	t.count(before, -1)
	t.count(after, 1)
}

// OnDelete is part of cache.ResourceEventHandler.
func (t *tally) OnDelete(o any) {
	if last, unseen := o.(toolscache.DeletedFinalStateUnknown); unseen {
		o = last.Obj
	}
	t.count(o, -1)
}

func (t *tally) count(o any, n int) {
	var seen readyLabels
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		if o.Spec.ClassName != t.class {
			return
		}
		seen = readyLabelsOf(o.Status.Conditions)
	case *v1alpha1.ResourceServer:
		if o.Spec.ClassName != t.class {
			return
		}
		seen = readyLabelsOf(o.Status.Conditions)
	default:
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[seen] += n; t.counts[seen] == 0 {
		delete(t.counts, seen)
	}
}

func (t *tally) send(metrics chan<- prometheus.Metric, desc *prometheus.Desc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for seen, n := range t.counts {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), seen.status, seen.reason)
	}
}
