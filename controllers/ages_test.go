// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// aged is an accepted client whose credentials were issued so long before now, the one in use last.
func aged(now time.Time, intervalDays int32, ages ...time.Duration) *v1alpha1.OAuthClient {
	oc := &v1alpha1.OAuthClient{}
	oc.Status.Conditions = []metav1.Condition{{Type: string(v1alpha1.ConditionAccepted), Status: metav1.ConditionTrue}}
	for _, age := range ages {
		oc.Status.Credentials = append(oc.Status.Credentials, v1alpha1.CredentialStatus{ID: age.String(), IssuedAt: metav1.NewTime(now.Add(-age))})
	}
	if intervalDays > 0 {
		oc.Spec.Credentials.Rotation = &v1alpha1.RotationSpec{IntervalDays: intervalDays}
	}
	return oc
}

func TestMetricsTellOfAgesAndRotations(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	elected := make(chan struct{})
	close(elected)
	counts := NewMetrics(&Claims{}, elected)
	counts.now = func() time.Time { return now }
	registry, of := prometheus.NewRegistry(), counts.clients
	if err := registry.Register(counts); err != nil {
		t.Fatal(err)
	}
	want := func(what string, overdue, rotations, due float64) {
		t.Helper()
		got := gathered(t, registry)
		if got["gatehouse_rotations_overdue"] != overdue || got["gatehouse_rotations_total"] != rotations || got["gatehouse_rotation_next_due_timestamp_seconds"] != due {
			t.Errorf("%s: %v, want %v overdue, %v made, the next at %v", what, got, overdue, rotations, due)
		}
	}
	want("nothing", 0, 0, 0)

	young, late, denied, manual := aged(now, 30, 2*day), aged(now, 30, 30*day+2*time.Hour), aged(now, 1, 90*day), aged(now, 0, 200*day)
	denied.Status.Conditions[0].Status = metav1.ConditionFalse
	for _, oc := range []*v1alpha1.OAuthClient{young, late, denied, manual, {}} {
		of.OnAdd(oc, true)
	}
	want("one is overdue", 1, 0, float64(now.Add(-2*time.Hour).Unix()))
	got := gathered(t, registry)
	for bound, n := range map[string]float64{"86400": 0, "604800": 1, "2.592e+06": 1, "5.184e+06": 2, "7.776e+06": 3, "1.5552e+07": 3, "3.1536e+07": 4} {
		if got["gatehouse_credential_age_seconds "+bound] != n {
			t.Errorf("%v credentials are younger than %s s, want %v", got["gatehouse_credential_age_seconds "+bound], bound, n)
		}
	}
	if sum := ((2 + 30 + 90 + 200) * day).Seconds() + 2*3600; got["gatehouse_credential_age_seconds"] != sum {
		t.Errorf("the ages are %v s in all, want %v", got["gatehouse_credential_age_seconds"], sum)
	}

	rotated := aged(now, 30, 30*day+2*time.Hour, 0)
	of.OnUpdate(late, rotated)
	want("it was rotated", 0, 1, float64(now.Add(28*day).Unix()))
	of.OnUpdate(rotated, rotated.DeepCopy())
	ended := aged(now, 30, 0)
	of.OnUpdate(rotated, ended)
	of.OnUpdate(ended, aged(now, 30, time.Minute)) // a reset
	want("no other one was", 0, 1, float64(now.Add(28*day).Unix()))
	for _, oc := range []*v1alpha1.OAuthClient{young, denied, manual, aged(now, 30, time.Minute)} {
		of.OnDelete(oc)
	}
	if len(of.ages.issued) != 0 || len(of.ages.due) != 0 {
		t.Errorf("what is gone is still counted: %v %v", of.ages.issued, of.ages.due)
	}
}

// gathered is what a scrape reads of OAuthClients: a value for each name, and for each bound of a histogram.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if labels := m.GetLabel(); len(labels) != 1 || labels[0].GetValue() != v1alpha1.KindOAuthClient {
				continue
			}
			values[family.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
			for _, bucket := range m.GetHistogram().GetBucket() {
				values[family.GetName()+" "+fmt.Sprint(bucket.GetUpperBound())] = float64(bucket.GetCumulativeCount())
			}
		}
	}
	return values
}
