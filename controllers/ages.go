// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// overdueAfter is how late a rotation may be. Until then it waits for a clock, or for a retry.
const overdueAfter = time.Hour

// ages counts the credentials in use of the objects of one kind by when they were issued and by when they are due. It
// keeps no object: what it holds is bounded by the number of different times.
type ages struct {
	issued    map[int64]int // by the hour since 1970
	due       map[int64]int // by the second
	rotations int
}

func newAges() ages { return ages{issued: map[int64]int{}, due: map[int64]int{}} }

// count adds n objects with this status. A rotation of an object that is not served is nobody's trouble.
func (a *ages) count(status *v1alpha1.IssuedStatus, c *v1alpha1.CredentialsSpec, n int) {
	last := len(status.Credentials) - 1
	if last < 0 {
		return
	}
	at := status.Credentials[last].IssuedAt.Time
	add(a.issued, at.Unix()/int64(time.Hour/time.Second), n)
	if interval := c.RotationInterval(); interval > 0 && meta.IsStatusConditionTrue(status.Conditions, string(v1alpha1.ConditionAccepted)) {
		add(a.due, at.Add(interval).Unix(), n)
	}
}

// changed counts a rotation: the credential that was in use has another one behind it.
func (a *ages) changed(before, after *v1alpha1.IssuedStatus) {
	was, is := len(before.Credentials)-1, len(after.Credentials)-2
	if was >= 0 && is >= 0 && before.Credentials[was].ID == after.Credentials[is].ID {
		a.rotations++
	}
}

func add(counts map[int64]int, key int64, n int) {
	if counts[key] += n; counts[key] == 0 {
		delete(counts, key)
	}
}

// next returns when the next rotation is due, and how many are overdue. Zero: none is due.
func (a *ages) next(now time.Time) (due int64, overdue int) {
	for at, n := range a.due {
		if due == 0 || at < due {
			due = at
		}
		if at < now.Add(-overdueAfter).Unix() {
			overdue += n
		}
	}
	return due, overdue
}

// ageDescriptions are of the metrics about ages.
type ageDescriptions struct{ age, rotations, due, overdue *prometheus.Desc }

func describeAges() ageDescriptions {
	kind := []string{"kind"}
	return ageDescriptions{
		age: prometheus.NewDesc("gatehouse_credential_age_seconds",
			"Age of the credentials in use, to the hour, by the kind of their object.", kind, nil),
		rotations: prometheus.NewDesc("gatehouse_rotations_total",
			"Rotations that were made while this replica watched, by the kind of their object.", kind, nil),
		due: prometheus.NewDesc("gatehouse_rotation_next_due_timestamp_seconds",
			"When the next rotation by time is due, in seconds since 1970. Absent: none is.", kind, nil),
		overdue: prometheus.NewDesc("gatehouse_rotations_overdue",
			"Objects that are served and whose rotation was due more than an hour ago.", kind, nil),
	}
}

// ageBounds are the bounds of the ages, in days.
var ageBounds = []int{1, 7, 30, 60, 90, 180, 365}

func (a *ages) send(metrics chan<- prometheus.Metric, kind string, now time.Time) {
	d := describeAges()
	buckets, total, sum := map[float64]uint64{}, uint64(0), 0.0
	for hour, n := range a.issued {
		age := max(0, now.Sub(time.Unix(hour*int64(time.Hour/time.Second), 0)).Seconds())
		total, sum = total+uint64(n), sum+age*float64(n) //nolint:gosec // a count is never negative
		for _, days := range ageBounds {
			if bound := float64(days) * (24 * time.Hour).Seconds(); age <= bound {
				buckets[bound] += uint64(n) //nolint:gosec // as above
			}
		}
	}
	metrics <- prometheus.MustNewConstHistogram(d.age, total, sum, buckets, kind)
	due, overdue := a.next(now)
	metrics <- prometheus.MustNewConstMetric(d.rotations, prometheus.CounterValue, float64(a.rotations), kind)
	metrics <- prometheus.MustNewConstMetric(d.overdue, prometheus.GaugeValue, float64(overdue), kind)
	if due != 0 {
		metrics <- prometheus.MustNewConstMetric(d.due, prometheus.GaugeValue, float64(due), kind)
	}
}
