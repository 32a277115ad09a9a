// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestATallyFollowsWhatAnInformerTells(t *testing.T) {
	as := func(reason v1alpha1.ReadyReason, status metav1.ConditionStatus) *v1alpha1.OAuthClient {
		oc := &v1alpha1.OAuthClient{}
		oc.Status.Conditions = []metav1.Condition{{Type: string(v1alpha1.ConditionReady), Status: status, Reason: string(reason)}}
		return oc
	}
	unseen, issued := &v1alpha1.OAuthClient{}, as(v1alpha1.ReadyReasonIssued, metav1.ConditionTrue)
	of := newTally("")
	want := func(name string, want map[readyLabels]int) {
		t.Helper()
		if !maps.Equal(of.counts, want) {
			t.Errorf("%s: %v, want %v", name, of.counts, want)
		}
	}
	of.OnAdd(unseen, true)
	of.OnAdd(unseen.DeepCopy(), false)
	want("two new ones", map[readyLabels]int{{"Unknown", ""}: 2})
	of.OnUpdate(unseen, issued)
	want("one is issued", map[readyLabels]int{{"Unknown", ""}: 1, {"True", "Issued"}: 1})
	of.OnUpdate(issued, issued.DeepCopy())
	want("a resync", map[readyLabels]int{{"Unknown", ""}: 1, {"True", "Issued"}: 1})
	other := as(v1alpha1.ReadyReasonIssued, metav1.ConditionTrue)
	other.Spec.ClassName = "other"
	of.OnAdd(other, false)
	of.OnDelete(other)
	want("one of another class", map[readyLabels]int{{"Unknown", ""}: 1, {"True", "Issued"}: 1})
	of.OnDelete(issued)
	of.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a/b", Obj: unseen})
	want("both are gone", map[readyLabels]int{})
	server := &v1alpha1.ResourceServer{}
	of.OnAdd(server, false)
	want("an API", map[readyLabels]int{{"Unknown", ""}: 1})
}
