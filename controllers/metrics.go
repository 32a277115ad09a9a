// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// scrapeTimeout bounds what one scrape may wait for the cache.
const scrapeTimeout = 5 * time.Second

// Metrics counts the objects by what their condition Ready says, each time it is scraped. Only
// the leader counts: every replica would count the same objects.
type Metrics struct {
	life    context.Context // prometheus hands none to a collector
	reader  client.Reader
	claims  *Claims
	elected <-chan struct{}
}

// NewMetrics returns Metrics that read from the cache, until ctx ends. They count nothing
// before elected is closed.
func NewMetrics(ctx context.Context, reader client.Reader, claims *Claims, elected <-chan struct{}) Metrics {
	return Metrics{life: ctx, reader: reader, claims: claims, elected: elected}
}

// descriptions are of the metrics.
type descriptions struct{ clients, servers, released, dropped *prometheus.Desc }

func describe() descriptions {
	labels := []string{"ready", "reason"}
	return descriptions{
		clients: prometheus.NewDesc("gatehouse_oauthclients",
			"OAuthClients by the status and the reason of their condition Ready.", labels, nil),
		servers: prometheus.NewDesc("gatehouse_resourceservers",
			"ResourceServers by the status and the reason of their condition Ready.", labels, nil),
		released: prometheus.NewDesc("gatehouse_released_claims",
			"Released claims that are kept for the namespaces that had them.", nil, nil),
		dropped: prometheus.NewDesc("gatehouse_released_claims_dropped_total",
			"Released claims that were dropped before their time, because too many were released.", nil, nil),
	}
}

// Describe is part of prometheus.Collector.
func (m Metrics) Describe(descs chan<- *prometheus.Desc) {
	d := describe()
	descs <- d.clients
	descs <- d.servers
	descs <- d.released
	descs <- d.dropped
}

// Collect is part of prometheus.Collector. Without a cache it counts nothing.
func (m Metrics) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-m.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(m.life, scrapeTimeout)
	defer cancel()
	d := describe()
	clients := &v1alpha1.OAuthClientList{}
	if err := m.reader.List(ctx, clients, client.UnsafeDisableDeepCopy); err == nil {
		counts := map[[2]string]float64{}
		for i := range clients.Items {
			if clients.Items[i].Spec.ClassName == m.claims.Class {
				counts[labelsOf(clients.Items[i].Status.Conditions)]++
			}
		}
		send(metrics, d.clients, counts)
	}
	servers := &v1alpha1.ResourceServerList{}
	if err := m.reader.List(ctx, servers, client.UnsafeDisableDeepCopy); err == nil {
		counts := map[[2]string]float64{}
		for i := range servers.Items {
			if servers.Items[i].Spec.ClassName == m.claims.Class {
				counts[labelsOf(servers.Items[i].Status.Conditions)]++
			}
		}
		send(metrics, d.servers, counts)
	}
	kept, dropped := m.claims.counts()
	metrics <- prometheus.MustNewConstMetric(d.released, prometheus.GaugeValue, float64(kept))
	metrics <- prometheus.MustNewConstMetric(d.dropped, prometheus.CounterValue, float64(dropped))
}

func send(metrics chan<- prometheus.Metric, desc *prometheus.Desc, counts map[[2]string]float64) {
	for labels, n := range counts {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, labels[0], labels[1])
	}
}

// labelsOf returns what Ready says. A reason that is none of ours was not written by the
// operator; it gets one label, however many there are.
func labelsOf(conditions []metav1.Condition) [2]string {
	ready := meta.FindStatusCondition(conditions, string(v1alpha1.ConditionReady))
	switch {
	case ready == nil:
		return [2]string{"Unknown", ""}
	case !slices.Contains(reasons(), ready.Reason):
		return [2]string{"Unknown", "Other"}
	default:
		return [2]string{string(ready.Status), ready.Reason}
	}
}

// reasons are all that Ready may have.
func reasons() []string {
	var out []string
	for _, r := range []v1alpha1.ReadyReason{
		v1alpha1.ReadyReasonPending, v1alpha1.ReadyReasonIssued, v1alpha1.ReadyReasonSuspended, v1alpha1.ReadyReasonIssuing,
		v1alpha1.ReadyReasonSecretConflict, v1alpha1.ReadyReasonSecretNotWritten, v1alpha1.ReadyReasonKeyMismatch,
	} {
		out = append(out, string(r))
	}
	for _, r := range []v1alpha1.AcceptedReason{
		v1alpha1.AcceptedReasonPolicyDenied, v1alpha1.AcceptedReasonScopeConflict, v1alpha1.AcceptedReasonIdentifierConflict,
		v1alpha1.AcceptedReasonCallbackConflict, v1alpha1.AcceptedReasonClientIDConflict, v1alpha1.AcceptedReasonDeleting,
	} {
		out = append(out, string(r))
	}
	return out
}
