// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/prometheus/client_golang/prometheus"

// WatchSources has asked, at each scrape, whether sources of people do not answer, by their keys. It may be called once.
func (m *Metrics) WatchSources(down map[string]func() bool) {
	for key, isDown := range down {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_identity_source_up", ConstLabels: prometheus.Labels{"source": key},
			Help: "Whether a source of people that is asked over the network answered when it was asked last (1) or not (0).",
		}, func() float64 {
			if isDown() {
				return 0
			}
			return 1
		}))
	}
}
