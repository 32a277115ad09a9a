// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pollMetrics count how often the authorization server was asked how clients are used.
type pollMetrics struct {
	mu             sync.Mutex
	read, failed   int
	lastSuccessful time.Time
}

func (m *pollMetrics) polled(now time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.failed++
		return
	}
	m.read++
	m.lastSuccessful = now
}

var (
	pollsDesc = prometheus.NewDesc("gatehouse_usage_polls_total",
		"How often the authorization server was asked how clients are used, by what became of it.", []string{"outcome"}, nil)
	lastPollDesc = prometheus.NewDesc("gatehouse_usage_poll_last_success_timestamp_seconds",
		"When the authorization server last said how clients are used. 0: not since this replica leads.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (r *Reports) Describe(descs chan<- *prometheus.Desc) {
	descs <- pollsDesc
	descs <- lastPollDesc
}

// Collect is part of prometheus.Collector. A replica that does not lead has asked nobody, and shows nothing.
func (r *Reports) Collect(metrics chan<- prometheus.Metric) {
	r.metrics.mu.Lock()
	defer r.metrics.mu.Unlock()
	if r.metrics.read+r.metrics.failed == 0 {
		return
	}
	last := 0.0
	if !r.metrics.lastSuccessful.IsZero() {
		last = float64(r.metrics.lastSuccessful.Unix())
	}
	metrics <- prometheus.MustNewConstMetric(pollsDesc, prometheus.CounterValue, float64(r.metrics.read), "ok")
	metrics <- prometheus.MustNewConstMetric(pollsDesc, prometheus.CounterValue, float64(r.metrics.failed), "failed")
	metrics <- prometheus.MustNewConstMetric(lastPollDesc, prometheus.GaugeValue, last)
}
