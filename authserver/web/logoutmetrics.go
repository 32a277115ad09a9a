// SPDX-License-Identifier: Apache-2.0

package web

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Logouts returns what counts attempts to tell clients that a session has ended. It may be called once.
func (m *Metrics) Logouts() func(authserver.LogoutOutcome) {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_backchannel_logouts_total",
		Help: "Attempts to tell a client that a session has ended, by result: delivered, failed (and tried again) or given_up.",
	}, []string{"result"})
	m.registry.MustRegister(attempts)
	for _, o := range authserver.LogoutOutcomes() { // what has never happened can be alerted on only if it is 0 before it is 1
		attempts.WithLabelValues(string(o))
	}
	return func(o authserver.LogoutOutcome) { attempts.WithLabelValues(string(o)).Inc() }
}
