// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/apiclient"
)

// steadyAfter is how long an operator runs before it believes two clocks that agree against a time in a status. A machine that starts
// may have all its clocks behind, until it hears of the right time.
const steadyAfter = time.Hour

// validAfter returns since when approvals and tokens of the client are good. It moves when a spec is seen that suspends a client
// of IntegrationCloud: there, what an inactive client had was dead for good.
func validAfter(in input, status v1alpha1.OAuthClientStatus) *metav1.Time {
	at := in.corrected(status.ValidAfter)
	seen := at != nil && status.ObservedGeneration == in.subject.object.GetGeneration()
	if !in.subject.suspended || !in.subject.suspendEndsGrants || seen {
		return at
	}
	return in.endsNow(at)
}

// latest returns the later of the two clocks, the operator's and the API server's. The authorization server compares with a third one,
// that of its store: whichever of the two is behind must not leave alive what was given before. The API server says its time in whole
// seconds.
func (in input) latest() time.Time {
	if in.skewKnown && in.skew < 0 {
		return in.now.Add(time.Second - in.skew)
	}
	return in.now
}

// endsNow is the validAfter that ends what there is now: the running second is not over. It is never before the one in the status.
func (in input) endsNow(before *metav1.Time) *metav1.Time {
	next := second(in.latest().Add(time.Second))
	if next.Before(before) {
		return before
	}
	return &next
}

// corrected returns the validAfter without what a clock added that was ahead, because that would end approvals to come. It moves back to
// now and no further: what was given before the true time of the reset is older than that.
func (in input) corrected(at *metav1.Time) *metav1.Time {
	if !isAhead(at, in.latest()) || !in.skewKnown || !in.clocksAgree || !in.steady {
		return at
	}
	return in.endsNow(nil)
}

// isAhead reports whether the time is further ahead than a clock that is right could have written it.
func isAhead(at *metav1.Time, now time.Time) bool {
	return at != nil && at.Sub(now) > apiclient.MaxSkew
}

// untilCorrected returns how long until a validAfter that may be ahead is looked at again. Zero: both clocks say that it is not.
func (o outcome) untilCorrected() time.Duration {
	earlier := o.now
	if o.skewKnown && o.skew > 0 {
		earlier = o.now.Add(-o.skew)
	}
	if !isAhead(o.status.ValidAfter, earlier) {
		return 0
	}
	return foreignEvery
}
