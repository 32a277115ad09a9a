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

// BenchmarkAThousandNewClients applies 1,000 clients at once, as eight people would, and measures
// from the first apply until all are Ready. Beside it, in the same run, a bare writer writes the
// same objects: client, Secret, status. The API server, the operator and the benchmark share the
// machine, so the ratio says more than the times.
func BenchmarkAThousandNewClients(b *testing.B) {
	const clients = 1000
	s := newFixture(b)
	mgr, _ := s.start()
	var bare, operator time.Duration
	for round := range b.N {
		start := time.Now()
		inParallel(clients, func(n int) { s.writeBare(fmt.Sprintf("bare-%d-%d", round, n)) })
		bare += time.Since(start)
		start = time.Now()
		inParallel(clients, func(n int) { s.must(s.api.Create(b.Context(), s.draft(fmt.Sprintf("photoprint-%d-%d", round, n)))) })
		testenv.Eventually(b, time.Minute, "all are Ready", func() bool { return s.ready(mgr.GetCache()) == (round+1)*clients })
		operator += time.Since(start)
	}
	b.ReportMetric(operator.Seconds()/float64(b.N), "s/1000-clients")
	b.ReportMetric(bare.Seconds()/float64(b.N), "s/1000-bare")
	b.ReportMetric(operator.Seconds()/bare.Seconds(), "ratio")
}

// inParallel calls do with each number below n, as eight people would.
func inParallel(n int, do func(int)) {
	const people = 8
	numbers := make(chan int)
	var group sync.WaitGroup
	for range people {
		group.Go(func() {
			for number := range numbers {
				do(number)
			}
		})
	}
	for number := range n {
		numbers <- number
	}
	close(numbers)
	group.Wait()
}

// writeBare writes what a client becomes, without an operator: no installation has its class.
func (s *fixture) writeBare(name string) {
	oc := s.draft(name, func(oc *v1alpha1.OAuthClient) { oc.Spec.ClassName = "bare" })
	s.must(s.api.Create(s.t.Context(), oc))
	for _, next := range s.decide(clientSubject(oc), observation{}).steps {
		if next.create != nil {
			s.must(s.api.Create(s.t.Context(), next.create.object(), client.FieldOwner(next.create.manager)))
			continue
		}
		after := clientSubject(oc).withStatus(*next.status)
		s.must(s.api.Status().Patch(s.t.Context(), after, client.MergeFrom(oc)))
	}
}

// ready counts, in the cache, the clients of the fixture that are Ready.
func (s *fixture) ready(cache client.Reader) int {
	list := &v1alpha1.OAuthClientList{}
	s.must(cache.List(s.t.Context(), list, client.InNamespace(s.ns), client.UnsafeDisableDeepCopy))
	n := 0
	for i := range list.Items {
		if list.Items[i].Spec.ClassName == "" && meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, string(v1alpha1.ConditionReady)) {
			n++
		}
	}
	return n
}
