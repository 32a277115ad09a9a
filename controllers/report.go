// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	// pkceWindow is how long ago logins are counted for what is said of PKCE.
	pkceWindow = 30 * 24 * time.Hour
	// largeIDToken is the size from which on an ID token is called large, in bytes: many programs keep it in a cookie, for which
	// a browser has 4 KiB, or send it in a header, for which a proxy has 4 or 8.
	largeIDToken = 3 << 10
)

// report is what the status says of the use of a client. It holds no more than what changes rarely.
type report struct {
	idleSince  string // a date; empty: it is used
	pkce       v1alpha1.PKCEHintReason
	idTokenKiB int64 // 0: no ID token is large
}

// reportOf returns what is to be said of a client. counting is since when uses are counted.
func reportOf(oc *v1alpha1.OAuthClient, s *seen, counting, now time.Time, idleAfter time.Duration) report {
	var what report
	if s == nil {
		s = &seen{}
	}
	unused := latest(latest(oc.CreationTimestamp.Time, &counting), &s.used)
	if now.Sub(unused) >= idleAfter {
		what.idleSince = unused.UTC().Format(time.DateOnly)
	}
	window := now.Add(-pkceWindow)
	switch with, without := s.challenged.After(window), s.unchallenged.After(window); {
	case without && !with:
		what.pkce = v1alpha1.PKCEHintReasonNeverSent
	case with && !without:
		what.pkce = v1alpha1.PKCEHintReasonAlwaysSent
	}
	if s.idTokenBytes > largeIDToken {
		what.idTokenKiB = s.idTokenBytes >> 10
	}
	return what
}

// reportConditions are the conditions that speak of the use of a client.
var reportConditions = []v1alpha1.ConditionType{v1alpha1.ConditionIdle, v1alpha1.ConditionPKCEHint, v1alpha1.ConditionIDTokenLarge}

// hasReport reports whether the status says something of the use of the client.
func hasReport(oc *v1alpha1.OAuthClient) bool {
	for _, kind := range reportConditions {
		if meta.FindStatusCondition(oc.Status.Conditions, string(kind)) != nil {
			return true
		}
	}
	return false
}

// lastReported returns when the status began to say what it says of the use of the client; nil: it says nothing.
func lastReported(oc *v1alpha1.OAuthClient) (last *time.Time) {
	for _, kind := range reportConditions {
		if c := meta.FindStatusCondition(oc.Status.Conditions, string(kind)); c != nil && (last == nil || c.LastTransitionTime.After(*last)) {
			last = &c.LastTransitionTime.Time
		}
	}
	return last
}

// setReport sets the conditions that speak of the use of a client. set is as in statusWith.
func (o outcome) setReport(setIf func(wanted bool, kind v1alpha1.ConditionType, value metav1.ConditionStatus, reason, message string)) {
	if !o.reported {
		return
	}
	what := o.report
	setIf(what.idleSince != "" && !o.subject.suspended, v1alpha1.ConditionIdle, metav1.ConditionTrue, string(v1alpha1.IdleReasonUnused), idleMessage(what.idleSince))
	setIf(what.pkce != "" && o.subject.pkceOptional, v1alpha1.ConditionPKCEHint, metav1.ConditionTrue, string(what.pkce), pkceMessages[what.pkce])
	setIf(what.idTokenKiB > 0, v1alpha1.ConditionIDTokenLarge, metav1.ConditionTrue, string(v1alpha1.IDTokenLargeReasonAboveLimit), idTokenMessage(what.idTokenKiB))
}

func idleMessage(since string) string {
	return fmt.Sprintf("Nothing has used this client since %s: no login, no token, no secret. Delete it if nobody needs it any more.", since)
}

var pkceMessages = map[v1alpha1.PKCEHintReason]string{
	v1alpha1.PKCEHintReasonNeverSent: "spec.oauth2.pkce is Optional, and no login of the last 30 days had a code challenge (PKCE, RFC 7636). " +
		"So nothing protects this client from a code that somebody else puts in. Turn PKCE on in the application, then set spec.oauth2.pkce to Required.",
	v1alpha1.PKCEHintReasonAlwaysSent: "spec.oauth2.pkce is Optional, and every login of the last 30 days had a code challenge (PKCE, RFC 7636). " +
		"Set spec.oauth2.pkce to Required: then nobody can leave the challenge out.",
}

func idTokenMessage(kib int64) string {
	return fmt.Sprintf("An ID token for this client had more than %d KiB. Programs that keep it in a cookie or send it in a header fail when it grows. "+
		"Name the groups that the client needs in spec.oauth2.openID.claims.groups.include.", kib)
}
