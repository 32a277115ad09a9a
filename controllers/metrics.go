// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// scrapeTimeout bounds what one scrape may wait for the cache.
const scrapeTimeout = 5 * time.Second

// Metrics counts the clients by what their condition Ready says, each time it is
// scraped. Only the leader counts: every replica would count the same clients.
type Metrics struct {
	life    context.Context // prometheus hands none to a collector
	reader  client.Reader
	elected <-chan struct{}
}

// NewMetrics returns Metrics that read from the cache, until ctx ends. They count nothing
// before elected is closed.
func NewMetrics(ctx context.Context, reader client.Reader, elected <-chan struct{}) Metrics {
	return Metrics{life: ctx, reader: reader, elected: elected}
}

func clientsDesc() *prometheus.Desc {
	return prometheus.NewDesc("gatehouse_oauthclients",
		"OAuthClients by the status and the reason of their condition Ready.", []string{"ready", "reason"}, nil)
}

// Describe is part of prometheus.Collector.
func (m Metrics) Describe(descs chan<- *prometheus.Desc) { descs <- clientsDesc() }

// Collect is part of prometheus.Collector. Without a cache it counts nothing.
func (m Metrics) Collect(metrics chan<- prometheus.Metric) {
	select {
	case <-m.elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(m.life, scrapeTimeout)
	defer cancel()
	list := &v1alpha1.OAuthClientList{}
	if err := m.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return
	}
	counts := map[[2]string]float64{}
	for i := range list.Items {
		counts[labelsOf(&list.Items[i])]++
	}
	for labels, n := range counts {
		metrics <- prometheus.MustNewConstMetric(clientsDesc(), prometheus.GaugeValue, n, labels[0], labels[1])
	}
}

// labelsOf returns what Ready says. A reason that is none of ours was not written by
// the operator; it gets one label, however many there are.
func labelsOf(oc *v1alpha1.OAuthClient) [2]string {
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	switch {
	case ready == nil:
		return [2]string{"Unknown", ""}
	case !slices.Contains(reasons(), ready.Reason):
		return [2]string{"Unknown", "Other"}
	default:
		return [2]string{string(ready.Status), ready.Reason}
	}
}

func reasons() []string {
	return []string{
		string(v1alpha1.ReadyReasonIssued), string(v1alpha1.ReadyReasonIssuing), string(v1alpha1.ReadyReasonSuspended),
		string(v1alpha1.ReadyReasonSecretConflict), string(v1alpha1.ReadyReasonSecretNotWritten), string(v1alpha1.AcceptedReasonScopeConflict),
		string(v1alpha1.AcceptedReasonCallbackConflict), string(v1alpha1.ReadyReasonKeyMismatch), string(v1alpha1.AcceptedReasonClientIDConflict),
	}
}
