// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// BenchmarkAThousandNewClients applies 1,000 clients at once, as eight people would,
// and measures from the last apply until all are Ready. The API server, the operator
// and the benchmark share the machine.
func BenchmarkAThousandNewClients(b *testing.B) {
	const clients, people = 1000, 8
	s := newFixture(b)
	mgr, _ := s.start()
	for round := range b.N {
		b.StopTimer()
		names := make(chan string)
		var group sync.WaitGroup
		for range people {
			group.Go(func() {
				for name := range names {
					if err := s.api.Create(b.Context(), s.draft(name)); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for n := range clients {
			names <- fmt.Sprintf("photoprint-%d-%d", round, n)
		}
		close(names)
		group.Wait()
		b.StartTimer()
		testenv.Eventually(b, time.Minute, "all are Ready", func() bool { return s.ready(mgr.GetCache()) == (round+1)*clients })
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/1000-clients")
}

// ready counts, in the cache, the clients of the fixture that are Ready.
func (s *fixture) ready(cache client.Reader) int {
	list := &v1alpha1.OAuthClientList{}
	s.must(cache.List(s.t.Context(), list, client.InNamespace(s.ns), client.UnsafeDisableDeepCopy))
	n := 0
	for i := range list.Items {
		if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, string(v1alpha1.ConditionReady)) {
			n++
		}
	}
	return n
}
