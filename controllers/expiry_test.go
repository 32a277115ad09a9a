// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func expiringAt(at time.Time) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) {
		oc.Spec.ExpiresAt = v1alpha1.Instant(at.Format(time.RFC3339))
	}
}

func (s *fixture) isThere(name string) bool {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &v1alpha1.OAuthClient{})
	if err != nil && !apierrors.IsNotFound(err) {
		s.t.Fatal(err)
	}
	return err == nil
}

// step reconciles once and returns when it looks again.
func (s *fixture) step(name string) time.Duration {
	s.t.Helper()
	result, err := s.reconcile(s.r, name)
	s.must(err)
	return result.RequeueAfter
}

func TestAClientThatExpiresGoesADayLater(t *testing.T) {
	s := newFixture(t)
	end := s.clock.Now().Add(30 * time.Minute)
	s.issued("preview", expiringAt(end))
	s.clock.advance(end.Sub(s.clock.Now()) - time.Second)
	if wait := s.step("preview"); wait != time.Second {
		t.Errorf("it looks again in %s, want a second", wait)
	}
	s.events.reasons()
	s.clock.advance(time.Second)
	oc := s.settle("preview")
	s.wantAccepted("preview", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonExpired))
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonExpired))
	if !strings.Contains(message(oc), "its Secret goes with it") {
		t.Errorf("the message is %q", message(oc))
	}
	s.clock.advance(24*time.Hour - time.Second)
	s.step("preview")
	if !s.isThere("preview") {
		t.Fatal("it is gone before a day is over")
	}
	s.clock.advance(time.Second)
	s.step("preview")
	if s.isThere("preview") {
		t.Fatal("it is still there after a day")
	}
	if got := strings.Join(s.events.reasons(), " "); got != "Expired "+eventExpired {
		t.Errorf("the events are %q", got)
	}
}

func TestALaterTimeBringsAnExpiredClientBack(t *testing.T) {
	s := newFixture(t)
	s.issued("preview", expiringAt(s.clock.Now().Add(time.Hour)))
	before := value(s.secret("preview-oauth"))
	s.clock.advance(20 * time.Hour)
	s.settle("preview")
	s.update("preview", expiringAt(s.clock.Now().Add(time.Hour)))
	oc := s.settle("preview")
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	if value(s.secret("preview-oauth")) != before {
		t.Error("the client secret is another one")
	}
}

// hasADay checks that the object, whose status says by now that it has expired, goes a day later and not before.
func (s *fixture) hasADay(name string) {
	s.t.Helper()
	s.clock.advance(24*time.Hour - time.Second)
	s.step(name)
	if !s.isThere(name) {
		s.t.Fatal("it is gone within a day")
	}
	s.clock.advance(time.Second)
	s.step(name)
	if s.isThere(name) {
		s.t.Error("it is still there after a day")
	}
}

// A time that is long past, by mistake or in a file that is applied again, deletes nothing that nobody could see.
func TestN343ATimeThatIsLongPastLeavesADay(t *testing.T) {
	for name, change := range map[string]func(*v1alpha1.OAuthClient){
		"accepted before": func(*v1alpha1.OAuthClient) {}, "suspended before": func(oc *v1alpha1.OAuthClient) { oc.Spec.Suspend = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.client("preview", change)
			s.settle("preview")
			s.clock.advance(100 * time.Hour)
			s.update("preview", expiringAt(s.clock.Now().Add(-50*24*time.Hour)))
			for range 3 {
				s.step("preview")
			}
			s.hasADay("preview")
		})
	}
}

// N343: the status of a backup says it of the object that was there then.
func TestN343AnObjectThatIsRestoredWithItsStatusHasADay(t *testing.T) {
	s := newFixture(t)
	end := s.clock.Now().Add(time.Hour)
	s.issued("preview", expiringAt(end))
	s.clock.advance(2 * time.Hour)
	before := s.settle("preview")
	s.prune("preview")
	s.clock.advance(30 * 24 * time.Hour)
	s.client("preview", expiringAt(end))
	s.forge("preview", func(status *v1alpha1.OAuthClientStatus) { *status = before.Status })
	s.restarted()
	s.settle("preview")
	s.hasADay("preview")
}

func TestN344AnExpiredClientThatChangesMeanwhileStays(t *testing.T) {
	s := newFixture(t)
	s.issued("preview", expiringAt(s.clock.Now().Add(time.Hour)), retain)
	s.clock.advance(2 * time.Hour)
	s.settle("preview")
	stale := s.get("preview")
	s.clock.advance(removedAfter)
	s.update("preview", expiringAt(s.clock.Now().Add(time.Hour)))
	if err := s.r.removeExpired(t.Context(), clientSubject(stale)); !apierrors.IsConflict(err) {
		t.Errorf("the stale object is deleted: %v", err)
	}
	s.settle("preview")
	if !s.isThere("preview") {
		t.Error("it is gone")
	}

	// Clocks that disagree decide nothing.
	s.update("preview", expiringAt(s.clock.Now().Add(-time.Hour)))
	s.settle("preview")
	s.clock.advance(2 * removedAfter)
	s.r.Skew = func() (time.Duration, bool) { return 24 * time.Hour, true }
	s.step("preview")
	if !s.isThere("preview") {
		t.Error("it is gone by a clock that is wrong")
	}
	s.r.Skew = nil
	s.step("preview")
	if s.isThere("preview") {
		t.Error("it stays")
	}
	s.secret("preview-oauth") // deletionPolicy Retain
}

// N438: a day that a wrong clock began is none.
func TestN438WhatIsSaidWhileClocksDisagreeLeavesADay(t *testing.T) {
	for name, skew := range map[string]time.Duration{"behind": -48 * time.Hour, "ahead": 48 * time.Hour, "far ahead": 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("preview")
			end := s.clock.Now().Add(-7 * 24 * time.Hour)
			s.clock.advance(skew)
			s.r.Skew = func() (time.Duration, bool) { return skew, true }
			s.update("preview", expiringAt(end))
			s.wantReady(s.settle("preview"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonExpired))
			s.writes.reset()
			for range 3 {
				s.clock.advance(time.Minute)
				s.step("preview")
			}
			s.wantWrites()

			s.clock.advance(-skew)
			s.r.Skew = func() (time.Duration, bool) { return 0, true }
			s.restarted()
			for range 3 {
				s.step("preview")
			}
			s.hasADay("preview")
		})
	}
}

// A day that has begun goes on whatever the clocks do meanwhile, and a time that only a wrong clock can have written begins it anew.
func TestN438ADayThatHasBegunGoesOn(t *testing.T) {
	s := newFixture(t)
	s.issued("preview", expiringAt(s.clock.Now().Add(time.Hour)))
	s.clock.advance(2 * time.Hour)
	s.settle("preview")
	s.writes.reset()
	s.clock.advance(12 * time.Hour)
	for _, skew := range []time.Duration{-10 * time.Hour, 48 * time.Hour} {
		s.r.Skew = func() (time.Duration, bool) { return skew, true }
		s.clock.advance(skew)
		s.step("preview")
		s.clock.advance(-skew)
	}
	s.r.Skew = nil
	s.step("preview")
	s.wantWrites()
	s.clock.advance(12 * time.Hour)
	s.step("preview")
	if s.isThere("preview") {
		t.Error("it is still there after a day")
	}
}

func TestN438ATimeThatIsFarAheadIsNoDayThatHasBegun(t *testing.T) {
	s := newFixture(t)
	s.issued("preview", expiringAt(s.clock.Now().Add(time.Hour)))
	s.clock.advance(365 * 24 * time.Hour) // both clocks
	s.settle("preview")
	s.clock.advance(-364 * 24 * time.Hour)
	for range 3 {
		s.step("preview")
	}
	s.hasADay("preview")
}
