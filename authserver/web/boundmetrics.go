// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/prometheus/client_golang/prometheus"

// boundMetrics count what reached a limit.
type boundMetrics struct {
	connections        prometheus.Gauge
	refusedConnections prometheus.Counter
	evictedConnections prometheus.Counter
	refusedRequests    prometheus.Counter
	sharedAddresses    prometheus.Counter
}

func newBoundMetrics(r prometheus.Registerer) boundMetrics {
	m := boundMetrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_connections", Help: "Open connections of the main port.",
		}),
		refusedConnections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_connections_refused_total", Help: "Connections closed at once: there was no room in all or for their address.",
		}),
		evictedConnections: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_connections_evicted_total", Help: "Connections that served no request and were closed to make room.",
		}),
		refusedRequests: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_refused_total", Help: "Requests answered with 503: there was no room in all or for their address.",
		}),
		sharedAddresses: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_shared_addresses_total", Help: "Addresses behind which many accounts logged in within an hour. The clients' addresses may be lost.",
		}),
	}
	r.MustRegister(m.connections, m.refusedConnections, m.evictedConnections, m.refusedRequests, m.sharedAddresses)
	return m
}
