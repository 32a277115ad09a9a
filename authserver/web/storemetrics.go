// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// commitBuckets are in seconds: from a disk that needs no sync to one that is about to fail.
var commitBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// batchBuckets are numbers of writes.
var batchBuckets = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}

// withNative adds native buckets, each a tenth wider than the one before, for whoever scrapes them: nobody knows
// beforehand how fast a disk or an API server is. The classic ones stay for everybody else.
func withNative(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor = 1.1
	o.NativeHistogramMaxBucketNumber = 100
	o.NativeHistogramMinResetDuration = time.Hour
	return o
}

// StoreMetrics counts what the store writes. It is an observer of a store.
type StoreMetrics struct {
	registry prometheus.Registerer
	writable prometheus.Gauge
	duration prometheus.Histogram
	batch    prometheus.Histogram
	errors   prometheus.Counter
	reopened prometheus.Counter
}

// Store returns the metrics of the store. It may be called once.
func (m *Metrics) Store() *StoreMetrics {
	s := &StoreMetrics{
		registry: m.registry,
		writable: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_store_writable", Help: "Whether the store can write (1) or not (0). Looked at each second.",
		}),
		duration: prometheus.NewHistogram(withNative(prometheus.HistogramOpts{
			Name: "gatehouse_store_commit_duration_seconds", Help: "Time of a transaction until it was on disk, or had failed.", Buckets: commitBuckets,
		})),
		batch: prometheus.NewHistogram(withNative(prometheus.HistogramOpts{
			Name: "gatehouse_store_batch_size", Help: "Writes that shared a transaction.", Buckets: batchBuckets,
		})),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_store_commit_errors_total", Help: "Transactions of which nothing was kept.",
		}),
		reopened: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_store_connections_reopened_total", Help: "Connections to the file that went bad and were opened anew.",
		}),
	}
	m.registry.MustRegister(s.writable, s.duration, s.batch, s.errors, s.reopened)
	return s
}

// Committed counts a transaction.
func (s *StoreMetrics) Committed(writes int, took time.Duration, err error) {
	s.duration.Observe(took.Seconds())
	s.batch.Observe(float64(writes))
	if err != nil {
		s.errors.Inc()
	}
}

// Reopened counts a connection that was opened anew.
func (s *StoreMetrics) Reopened() { s.reopened.Inc() }

// SetWritable notes whether the store can write.
func (s *StoreMetrics) SetWritable(writable bool) {
	value := 0.0
	if writable {
		value = 1
	}
	s.writable.Set(value)
}

// WatchQueue has the number of waiting writes asked at each scrape. It may be called once.
func (s *StoreMetrics) WatchQueue(length func() int) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_store_queue_length", Help: "Writes that wait for the disk.",
	}, func() float64 { return float64(length()) }))
}
