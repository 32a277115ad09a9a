// SPDX-License-Identifier: Apache-2.0

package web

import "github.com/prometheus/client_golang/prometheus"

// traceMetrics count what became of spans.
type traceMetrics struct{ sent, lost prometheus.Counter }

func newTraceMetrics(r prometheus.Registerer) traceMetrics {
	m := traceMetrics{
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_trace_spans_sent_total", Help: "Spans that the collector has taken.",
		}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_trace_spans_lost_total", Help: "Spans that were sent and that the collector did not take.",
		}),
	}
	r.MustRegister(m.sent, m.lost)
	return m
}

// SpansSent counts a batch of spans; err is why the collector did not take them.
func (m traceMetrics) SpansSent(spans int, err error) {
	if err != nil {
		m.lost.Add(float64(spans))
		return
	}
	m.sent.Add(float64(spans))
}
