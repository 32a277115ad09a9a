// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// entitlementBuckets are in seconds: up to the three that one question may take.
var entitlementBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3}

// EntitlementMetrics count the questions to the API server. They are an observer of access.Entitlement.
type EntitlementMetrics struct {
	allowed, denied, failed prometheus.Observer
	stale                   prometheus.Counter
}

// Entitlement returns the metrics of the entitlement. It may be called once.
func (m *Metrics) Entitlement() *EntitlementMetrics {
	duration := prometheus.NewHistogramVec(withNative(prometheus.HistogramOpts{
		Name: "gatehouse_entitlement_duration_seconds", Help: "Time of a question to the API server whether somebody may use a client.",
		Buckets: entitlementBuckets,
	}), []string{"outcome"})
	e := &EntitlementMetrics{
		allowed: duration.WithLabelValues("allowed"), denied: duration.WithLabelValues("denied"), failed: duration.WithLabelValues("failed"),
		stale: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_entitlement_stale_answers_total", Help: "Older answers that were used because the API server gave none.",
		}),
	}
	m.registry.MustRegister(duration, e.stale)
	return e
}

// Asked counts a question that the API server was asked; err is why it gave no answer.
func (e *EntitlementMetrics) Asked(took time.Duration, allowed bool, err error) {
	of := e.denied
	switch {
	case err != nil:
		of = e.failed
	case allowed:
		of = e.allowed
	}
	of.Observe(took.Seconds())
}

// Stale counts an older answer that was used.
func (e *EntitlementMetrics) Stale() { e.stale.Inc() }
