// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Metrics counts the objects by what their condition Ready says, as the watches tell: a scrape
// looks at no object. Only the leader shows the counts: every replica would count the same objects.
type Metrics struct {
	claims           *Claims
	elected          <-chan struct{}
	clients, servers *tally
	now              func() time.Time
}

// NewMetrics returns Metrics that Watch has count. They show nothing before elected is closed.
func NewMetrics(claims *Claims, elected <-chan struct{}) Metrics {
	return Metrics{claims: claims, elected: elected, clients: newTally(claims.Class), servers: newTally(claims.Class), now: time.Now}
}

// Watch has the informers of the cache tell of every object.
func (m Metrics) Watch(ctx context.Context, informers cache.Informers) error {
	for _, row := range []struct {
		kind  client.Object
		tally *tally
	}{{&v1alpha1.OAuthClient{}, m.clients}, {&v1alpha1.ResourceServer{}, m.servers}} {
		informer, err := informers.GetInformer(ctx, row.kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("count the objects: %w", err)
		}
		if _, err := informer.AddEventHandler(row.tally); err != nil {
			return fmt.Errorf("count the objects: %w", err)
		}
	}
	return nil
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
	ages := describeAges()
	descs <- ages.age
	descs <- ages.rotations
	descs <- ages.due
	descs <- ages.overdue
}

// Collect is part of prometheus.Collector.
func (m Metrics) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-m.elected:
	default:
		return
	}
	d := describe()
	m.clients.send(metrics, d.clients)
	m.servers.send(metrics, d.servers)
	m.clients.sendAges(metrics, v1alpha1.KindOAuthClient, m.now())
	m.servers.sendAges(metrics, v1alpha1.KindResourceServer, m.now())
	kept, dropped := m.claims.counts()
	metrics <- prometheus.MustNewConstMetric(d.released, prometheus.GaugeValue, float64(kept))
	metrics <- prometheus.MustNewConstMetric(d.dropped, prometheus.CounterValue, float64(dropped))
}

// readyLabelsOf returns what Ready says. A reason that is none of ours was not written by the
// operator; it gets one label, however many there are.
func readyLabelsOf(conditions []metav1.Condition) readyLabels {
	ready := meta.FindStatusCondition(conditions, string(v1alpha1.ConditionReady))
	switch {
	case ready == nil:
		return readyLabels{"Unknown", ""}
	case !slices.Contains(reasons(), ready.Reason):
		return readyLabels{"Unknown", "Other"}
	default:
		return readyLabels{string(ready.Status), ready.Reason}
	}
}

// reasons are all that Ready may have.
func reasons() []string {
	var out []string
	for _, r := range []v1alpha1.ReadyReason{
		v1alpha1.ReadyReasonPending, v1alpha1.ReadyReasonIssued, v1alpha1.ReadyReasonSuspended, v1alpha1.ReadyReasonExpired, v1alpha1.ReadyReasonIssuing,
		v1alpha1.ReadyReasonSecretConflict, v1alpha1.ReadyReasonSecretNotWritten, v1alpha1.ReadyReasonSecretNotAccepted, v1alpha1.ReadyReasonKeyMismatch,
		v1alpha1.ReadyReasonConfigMapConflict, v1alpha1.ReadyReasonConfigMapNotWritten,
		v1alpha1.ReadyReasonWaitingForSecret, v1alpha1.ReadyReasonInvalidSecret, v1alpha1.ReadyReasonInvalidTemplate,
		v1alpha1.ReadyReasonInvalidKeys, v1alpha1.ReadyReasonWaitingForServiceAccount, v1alpha1.ReadyReasonNotSupported,
	} {
		out = append(out, string(r))
	}
	for _, r := range []v1alpha1.AcceptedReason{
		v1alpha1.AcceptedReasonPolicyDenied, v1alpha1.AcceptedReasonScopeConflict, v1alpha1.AcceptedReasonIdentifierConflict,
		v1alpha1.AcceptedReasonCallbackConflict, v1alpha1.AcceptedReasonClientIDConflict, v1alpha1.AcceptedReasonDeleting,
		v1alpha1.AcceptedReasonInvalidExpression,
	} {
		out = append(out, string(r))
	}
	return out
}
