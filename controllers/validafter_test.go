// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const year = 365 * day

// ending is a way to end what a client was given.
type ending struct {
	name string
	form func(*v1alpha1.OAuthClient)
	end  func(*v1alpha1.OAuthClient)
}

func endings() []ending {
	return []ending{
		{"a reset that revokes", of(v1alpha1.ProfileOAuth2), func(oc *v1alpha1.OAuthClient) {
			metav1.SetMetaDataAnnotation(&oc.ObjectMeta, v1alpha1.AnnotationResetRevokes, "true")
			reset("1")(oc)
		}},
		{"a reset in ConnectionsCloudOAuth2", of(v1alpha1.ProfileConnectionsCloudOAuth2), reset("1")},
		{"a reset in ConnectionsCloudOAuth1", of(v1alpha1.ProfileConnectionsCloudOAuth1), reset("1")},
		{"a suspension in IntegrationCloud", of(v1alpha1.ProfileIntegrationCloud), func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true }},
	}
}

// off sets the operator's clock, which is ahead by less than nothing where it is behind. The API server's goes on as it was.
func (s *fixture) off(before, ahead time.Duration) {
	s.clock.advance(ahead - before)
	s.r.Skew = func() (time.Duration, bool) { return ahead, true }
}

// validAfter returns the time in the status of the client, and checks that the record on the Secret has the same.
func (s *fixture) validAfter(name string) time.Time {
	s.t.Helper()
	oc := s.get(name)
	if oc.Status.ValidAfter == nil {
		s.t.Fatal("nothing has ended")
	}
	if r, ok := recordIn(s.secret(name + "-oauth")); !ok || r.ValidAfter != oc.Status.ValidAfter.Unix() {
		s.t.Errorf("the record has %s, the status %s", time.Unix(r.ValidAfter, 0).UTC(), oc.Status.ValidAfter.UTC())
	}
	return oc.Status.ValidAfter.Time
}

// N437: an operator or an API server whose clock is behind leaves nothing alive.
func TestN437WhatEndsEndsByTheLaterOfTheClocks(t *testing.T) {
	for _, way := range endings() {
		for name, skew := range map[string]time.Duration{"behind a little": -4 * time.Minute, "behind by days": -2 * day, "right": 0, "ahead a little": 4 * time.Minute} {
			t.Run(way.name+", the operator is "+name, func(t *testing.T) {
				s := newFixture(t)
				s.issued("photoprint", way.form)
				s.clock.advance(time.Hour + 300*time.Millisecond)
				s.off(0, skew)
				later := s.clock.Now().Add(-min(skew, 0)) // the API server's, where the operator is behind
				s.update("photoprint", way.end)
				s.settle("photoprint")
				if got := s.validAfter("photoprint"); !got.After(later) || got.After(later.Add(2*time.Second)) {
					t.Errorf("validAfter is %s, and the later clock showed %s", got, later)
				}
			})
		}
	}
}

// N437: a time that a wrong clock wrote ends no approval that comes once it is right. What was given before the true time stays ended.
func TestN437WhatAWrongClockEndedIsBroughtBackToNow(t *testing.T) {
	for _, way := range endings() {
		t.Run(way.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", way.form)
			s.off(0, year)
			s.update("photoprint", way.end)
			s.settle("photoprint")
			ahead := s.validAfter("photoprint")
			if wait := s.step("photoprint"); wait != foreignEvery {
				t.Errorf("it looks at the clocks again in %s", wait)
			}

			s.off(year, 0)
			s.clock.advance(time.Hour)
			s.settle("photoprint")
			now := s.clock.Now()
			got := s.validAfter("photoprint")
			if got.Before(now) || got.After(now.Add(time.Second)) {
				t.Fatalf("validAfter is %s, it was %s, and it is %s", got, ahead, now)
			}
			s.writes.reset()
			s.clock.advance(time.Hour)
			s.settle("photoprint")
			s.wantWrites()
			if again := s.validAfter("photoprint"); !again.Equal(got) {
				t.Errorf("validAfter moves on to %s", again)
			}
		})
	}
}

// N437: the record on the Secret has it too, and outlives the object and the status.
func TestN437WhatAWrongClockEndedIsBroughtBackFromTheRecord(t *testing.T) {
	way := endings()[0]
	for name, lose := range map[string]func(*fixture){
		"a prune, and the file is applied again": func(s *fixture) {
			s.prune("photoprint")
			s.client("photoprint", retain, way.form, way.end)
		},
		"a status that is lost": func(s *fixture) {
			s.forge("photoprint", func(status *v1alpha1.OAuthClientStatus) { *status = v1alpha1.OAuthClientStatus{} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint", retain, way.form)
			s.off(0, year)
			s.update("photoprint", way.end)
			s.settle("photoprint")
			lose(s)
			s.off(year, 0)
			s.settle("photoprint")
			if got, now := s.validAfter("photoprint"), s.clock.Now(); got.Before(now) || got.After(now.Add(time.Second)) {
				t.Errorf("validAfter is %s, and it is %s", got, now)
			}
		})
	}
}

// N437: it is never brought back where that could make alive what had ended.
func TestN437WhatEndedStaysSoWhileAClockMayBeWrong(t *testing.T) {
	for _, row := range []struct {
		name   string
		ahead  time.Duration // how far validAfter is
		skew   func() (time.Duration, bool)
		uptime time.Duration
	}{
		{"the operator is behind", year, func() (time.Duration, bool) { return -year, true }, day},
		{"the API server is behind, and the operator may be", year, func() (time.Duration, bool) { return day, true }, day},
		{"the API server's clock is not known", year, func() (time.Duration, bool) { return 0, false }, day},
		{"the operator has just started, as the machine may have", time.Hour, func() (time.Duration, bool) { return 0, true }, time.Minute},
		{"it is ahead no further than clocks differ", 4 * time.Minute, func() (time.Duration, bool) { return 0, true }, day},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			way := endings()[0]
			s.issued("photoprint", way.form)
			s.clock.advance(row.ahead)
			s.update("photoprint", way.end)
			s.settle("photoprint")
			before := s.validAfter("photoprint")
			s.clock.advance(-row.ahead)
			s.r.Skew, s.r.Uptime = row.skew, func() time.Duration { return row.uptime }
			s.settle("photoprint")
			if got := s.validAfter("photoprint"); !got.Equal(before) {
				t.Errorf("validAfter is %s, want %s", got, before)
			}
		})
	}
}
