// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// tally counts the objects of one kind and class by what their condition Ready says, and by the age of their credentials. An informer
// tells it of each change, with the object as it was before, so it keeps no object.
type tally struct {
	class v1alpha1.ClassName

	mu     sync.Mutex
	counts map[readyLabels]int
	ages   ages
}

// readyLabels are the status and the reason of the condition Ready.
type readyLabels struct{ status, reason string }

func newTally(class v1alpha1.ClassName) *tally {
	return &tally{class: class, counts: map[readyLabels]int{}, ages: newAges()}
}

// OnAdd is part of cache.ResourceEventHandler.
func (t *tally) OnAdd(o any, _ bool) { t.count(o, 1) }

// OnUpdate is part of cache.ResourceEventHandler.
func (t *tally) OnUpdate(before, after any) {
	t.count(before, -1)
	t.count(after, 1)
	was, _, known := t.of(before)
	is, _, still := t.of(after)
	if known && still {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ages.changed(was, is)
	}
}

// OnDelete is part of cache.ResourceEventHandler.
func (t *tally) OnDelete(o any) {
	if last, unseen := o.(toolscache.DeletedFinalStateUnknown); unseen {
		o = last.Obj
	}
	t.count(o, -1)
}

func (t *tally) count(o any, n int) {
	status, credentials, known := t.of(o)
	if !known {
		return
	}
	seen := readyLabelsOf(status.Conditions)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[seen] += n; t.counts[seen] == 0 {
		delete(t.counts, seen)
	}
	t.ages.count(status, credentials, n)
}

// of returns what is counted of an object. known is false for one of another class.
func (t *tally) of(o any) (status *v1alpha1.IssuedStatus, credentials *v1alpha1.CredentialsSpec, known bool) {
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		return &o.Status.IssuedStatus, &o.Spec.Credentials, o.Spec.ClassName == t.class
	case *v1alpha1.ResourceServer:
		return &o.Status.IssuedStatus, &o.Spec.Credentials, o.Spec.ClassName == t.class
	default:
		return nil, nil, false
	}
}

func (t *tally) send(metrics chan<- prometheus.Metric, desc *prometheus.Desc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for seen, n := range t.counts {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), seen.status, seen.reason)
	}
}

func (t *tally) sendAges(metrics chan<- prometheus.Metric, kind string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ages.send(metrics, kind, now)
}
