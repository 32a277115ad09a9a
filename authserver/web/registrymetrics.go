// SPDX-License-Identifier: Apache-2.0

package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchRegistry has the time asked at each scrape at which the API server was last heard of. It
// may be called once.
func (m *Metrics) WatchRegistry(lastContact func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
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
