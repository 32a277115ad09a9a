// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// As the API server counts them, with the operator's own recorder of Events: a new client is
// one Secret and one status, and an operator that starts anew writes nothing about clients.
func TestTheAPIServerCountsTwoWritesForAClientAndNoneForARestart(t *testing.T) {
	const clients = 50
	i := install(t)
	i.namespacesAreFurnished()
	l, via, nothing := i.watchAll(), i.newProxy("operator", seeded(t)), i.countWrites()
	first := i.startOperator("operator", via)
	t.Cleanup(first.kill)
	i.eventually("the operator is ready", func() bool { return i.leader() != "" && i.answers("http://"+first.probes+"/readyz") == http.StatusOK })
	i.must(i.Client.Create(t.Context(), i.draft(0, "first")))
	i.awaitIssued(l, 1)

	i.stop(first) // its Events are sent by now
	keySecrets := float64(3)
	i.wantWrites(nothing, map[string]float64{"oauthclients POST": 1, "secrets POST": 1 + keySecrets, "oauthclients/status PATCH": 1})

	before := i.countWrites()
	second := i.startOperator("operator", via)
	t.Cleanup(second.kill)
	for n := range clients {
		i.must(i.Client.Create(t.Context(), i.draft(n%len(i.teams), fmt.Sprintf("photoprint-%d", n))))
	}
	i.awaitIssued(l, clients+1)
	i.stop(second)
	i.wantWrites(before, map[string]float64{"oauthclients POST": clients, "secrets POST": clients, "oauthclients/status PATCH": clients})

	before = i.countWrites()
	third := i.startOperator("operator", via)
	t.Cleanup(third.kill)
	i.must(i.Client.Create(t.Context(), i.draft(0, "last"))) // is looked at like all others
	i.awaitIssued(l, clients+2)
	i.stop(third)
	i.wantWrites(before, map[string]float64{"oauthclients POST": 1, "secrets POST": 1, "oauthclients/status PATCH": 1})
	l.check(t, i.sharedKey(), func(types.UID) int { return 1 })
}

func (i *installation) awaitIssued(l *ledger, n int) {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(i.t.Context(), limit)
	defer cancel()
	i.must(l.await(ctx, fmt.Sprintf("%d clients are ready", n), func(l *ledger) bool { return l.countIssued() == n }))
}

// namespacesAreFurnished waits until Kubernetes has made what each namespace gets of it. Its writes would be counted as the operator's.
func (i *installation) namespacesAreFurnished() {
	i.t.Helper()
	i.eventually("each namespace has its ServiceAccount default and its ConfigMap kube-root-ca.crt", func() bool {
		var namespaces corev1.NamespaceList
		i.must(i.Client.List(i.t.Context(), &namespaces))
		for n := range namespaces.Items {
			in := namespaces.Items[n].Name
			if i.Client.Get(i.t.Context(), client.ObjectKey{Namespace: in, Name: "default"}, &corev1.ServiceAccount{}) != nil ||
				i.Client.Get(i.t.Context(), client.ObjectKey{Namespace: in, Name: "kube-root-ca.crt"}, &corev1.ConfigMap{}) != nil {
				return false
			}
		}
		return true
	})
}

// countWrites returns what the API server has counted of writes, by resource and verb, and how
// many Events there are about anything but the lease.
func (i *installation) countWrites() map[string]float64 {
	i.t.Helper()
	api, err := kubernetes.NewForConfig(i.Config)
	i.must(err)
	text, err := api.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(i.t.Context())
	i.must(err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	i.must(err)
	counts := map[string]float64{}
	for _, m := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, label := range m.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		name := labels["resource"]
		if labels["subresource"] != "" {
			name += "/" + labels["subresource"]
		}
		switch labels["verb"] {
		case "POST", "PUT", "PATCH", "APPLY", "DELETE":
			if name != "leases" && name != "events" {
				counts[name+" "+labels["verb"]] += m.GetCounter().GetValue()
			}
		}
	}
	events := &corev1.EventList{}
	i.must(i.Client.List(i.t.Context(), events))
	for n := range events.Items {
		if events.Items[n].InvolvedObject.Kind != "Lease" { // that one tells who leads
			counts["events POST"]++
		}
	}
	return counts
}

// wantWrites waits until the API server has counted as many writes, and checks which. It counts
// a request a moment after it has answered.
func (i *installation) wantWrites(before, want map[string]float64) {
	i.t.Helper()
	sum := func(counts map[string]float64) (n float64) {
		for _, count := range counts {
			n += count
		}
		return n
	}
	var got map[string]float64
	i.eventually("the API server has counted the writes", func() bool {
		got = map[string]float64{}
		for name, count := range i.countWrites() {
			if count > before[name] {
				got[name] = count - before[name]
			}
		}
		return sum(got) >= sum(want)
	})
	if !maps.Equal(got, want) {
		i.t.Errorf("the API server counted the writes %v, want %v", got, want)
	}
}
