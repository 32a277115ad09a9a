// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// durationBuckets are in seconds: from an answer out of memory to a password hash on a busy machine. 50 ms is a
// bound because the p99 that is promised under load is that. There are no native buckets here, as
// there are for the store: each observation of one allocates, and this one is made for every request.
var durationBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// Metrics counts what a server does, in a registry of its own. No label has a value
// that comes from outside: the number of series is bounded by this program.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter

	events      map[authserver.EventName]prometheus.Counter
	otherEvents prometheus.Counter
	tokens      map[authserver.EventName]prometheus.Counter
	refusals    map[authserver.Mismatch]prometheus.Counter
	auditLost   prometheus.Counter
	auditLate   prometheus.Counter
	logLost     prometheus.Counter

	ready       *prometheus.GaugeVec
	certificate prometheus.Gauge
	boundMetrics
	traceMetrics

	mu     sync.RWMutex
	series map[seriesKey]series
}

// seriesKey is a request as the counters see it.
type seriesKey struct {
	route, method, profile string
	status                 int
}

// series are the counters of one kind of request, looked up once.
type series struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// NewMetrics returns metrics that have counted nothing yet.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_http_request_duration_seconds", Help: "Time from the request's header to the end of the handler.",
			Buckets: durationBuckets,
		}, []string{"route", "profile", "outcome"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_http_requests_in_flight", Help: "Requests being answered.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_http_panics_total", Help: "Requests whose handler panicked. Each is a fault of the program.",
		}),
		auditLost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_audit_events_lost_total", Help: "Audit events that could not be written.",
		}),
		auditLate: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_audit_events_late_total", Help: "Audit events that were not written when the request was answered.",
		}),
		logLost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_log_lines_lost_total", Help: "Lines of the log that could not be written.",
		}),
		ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gatehouse_ready", Help: "Whether a part of the server is ready (1) or not (0).",
		}, []string{"part"}),
		certificate: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gatehouse_tls_certificate_expiry_timestamp_seconds", Help: "When the TLS certificate in use ends. 0 without TLS.",
		}),
		series: map[seriesKey]series{},
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.panics, m.auditLost, m.auditLate, m.logLost, m.ready, m.certificate,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.boundMetrics, m.traceMetrics = newBoundMetrics(m.registry), newTraceMetrics(m.registry)
	m.countEvents()
	return m
}

// auditEvents are all events, so that each has a series from the start: what has never
// happened can be alerted on only if it is 0 before it is 1.
var auditEvents = []authserver.EventName{
	authserver.EventLoginSucceeded, authserver.EventLoginFailed, authserver.EventLoginThrottled,
	authserver.EventFactorAsked, authserver.EventFactorFailed, authserver.EventFactorAdded, authserver.EventFactorRemoved, authserver.EventSignedOut,
	authserver.EventLogoutSent, authserver.EventLogoutGivenUp, authserver.EventPersonEnded, authserver.EventPersonReturned, authserver.EventPasswordChanged,
	authserver.EventEntitlementRefused, authserver.EventConsentAllowed, authserver.EventConsentDenied,
	authserver.EventConsentForgotten, authserver.EventGrantApproved, authserver.EventProofRedeemed,
	authserver.EventProofReused, authserver.EventTokenRefreshed, authserver.EventRefreshRepeated, authserver.EventRefreshReused,
	authserver.EventTokenIssued, authserver.EventGrantRevoked, authserver.EventTokenRevoked,
	authserver.EventClientRefused, authserver.EventRequestRefused,
	authserver.EventAdministrationAllowed, authserver.EventAdministrationRefused,
}

// tokenEvents are the events that stand for tokens handed out, by grant type.
var tokenEvents = map[authserver.EventName]authserver.GrantType{
	authserver.EventProofRedeemed:   authserver.GrantAuthorizationCode,
	authserver.EventTokenRefreshed:  authserver.GrantRefreshToken,
	authserver.EventRefreshRepeated: authserver.GrantRefreshToken,
	authserver.EventTokenIssued:     authserver.GrantClientCredentials,
}

func (m *Metrics) countEvents() {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_audit_events_total", Help: "Audit events by name.",
	}, []string{"event"})
	tokens := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_tokens_issued_total", Help: "Access tokens issued, by grant type.",
	}, []string{"grant_type"})
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gatehouse_requests_refused_total", Help: "Requests refused, by how they differ from what their client declares; other: for another reason.",
	}, []string{"reason"})
	m.registry.MustRegister(events, tokens, refusals)
	m.refusals = map[authserver.Mismatch]prometheus.Counter{"": refusals.WithLabelValues("other")}
	for _, is := range []authserver.Mismatch{authserver.CallbackDiffers, authserver.ChallengeMissing, authserver.ScopeNotAllowed} {
		m.refusals[is] = refusals.WithLabelValues(string(is))
	}
	m.events = map[authserver.EventName]prometheus.Counter{}
	for _, name := range auditEvents {
		m.events[name] = events.WithLabelValues(string(name))
	}
	m.otherEvents = events.WithLabelValues("other")
	m.tokens = map[authserver.EventName]prometheus.Counter{}
	for name, grant := range tokenEvents {
		m.tokens[name] = tokens.WithLabelValues(string(grant))
	}
}

// Registerer is for what other parts of the program count.
func (m *Metrics) Registerer() prometheus.Registerer { return m.registry }

// SetReady notes whether a part of the server is ready. Parts are named by the program.
func (m *Metrics) SetReady(part string, ready bool) {
	value := 0.0
	if ready {
		value = 1
	}
	m.ready.WithLabelValues(part).Set(value)
}

// LogTrouble is for the LineWriter of the log, which cannot log its own failures.
func (m *Metrics) LogTrouble(lost int, _ error) { m.logLost.Add(float64(lost)) }

// handler serves the metrics to Prometheus.
func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func (m *Metrics) request(key seriesKey, took time.Duration) {
	m.mu.RLock()
	s, ok := m.series[key]
	m.mu.RUnlock()
	if !ok {
		s = m.newSeries(key)
	}
	s.requests.Inc()
	s.duration.Observe(took.Seconds())
}

// outcomeOf says in a word what became of a request.
func outcomeOf(status int) string {
	switch {
	case status == http.StatusServiceUnavailable:
		return "unavailable"
	case status >= http.StatusInternalServerError:
		return "failed"
	case status >= http.StatusBadRequest:
		return "refused"
	}
	return "ok"
}

func (m *Metrics) newSeries(key seriesKey) series {
	s := series{
		requests: m.requests.WithLabelValues(key.route, key.method, strconv.Itoa(key.status)),
		duration: m.duration.WithLabelValues(key.route, key.profile, outcomeOf(key.status)),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[key] = s
	return s
}

// refused counts a request that was refused.
func (m *Metrics) refused(is authserver.Mismatch) {
	counter, ok := m.refusals[is]
	if !ok {
		counter = m.refusals[""]
	}
	counter.Inc()
}

func (m *Metrics) audited(name authserver.EventName) {
	if tokens, ok := m.tokens[name]; ok {
		tokens.Inc()
	}
	if c, ok := m.events[name]; ok {
		c.Inc()
		return
	}
	m.otherEvents.Inc()
}
