// SPDX-License-Identifier: Apache-2.0

package web

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchAPIServer has asked, at each scrape, when the API server was last heard of, and how far this
// server's clock is ahead of the API server's. It may be called once.
func (m *Metrics) WatchAPIServer(lastContact func() time.Time, skew func() (skew time.Duration, known bool)) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_clock_skew_seconds",
		Help: "How far the clock of this server is ahead of the API server's, by the last answer. NaN before there was one.",
	}, func() float64 {
		ahead, known := skew()
		if !known {
			return math.NaN()
		}
		return ahead.Seconds()
	}), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_registry_last_contact_timestamp_seconds",
		Help: "When the API server last sent a change, a sign of life or a whole list. 0: never.",
	}, func() float64 {
		at := lastContact()
		if at.IsZero() {
			return 0
		}
		return float64(at.UnixMilli()) / 1000
	}))
}
