// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// refusing are Refusals with a server and a client that the test sets.
type refusing struct {
	*Refusals
	client.Client
	now   time.Time
	items []adminapi.Refusal
	err   error
	notes []string
}

func newRefusing() *refusing {
	s := &refusing{now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	s.Refusals = &Refusals{Client: s, Source: s, Events: s, Now: func() time.Time { return s.now }}
	return s
}

func (s *refusing) Refused(context.Context) ([]adminapi.Refusal, error) { return s.items, s.err }

func (s *refusing) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	oc := object.(*v1alpha1.OAuthClient)
	oc.ObjectMeta = metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, UID: "uid"}
	return nil
}

func (s *refusing) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	s.notes = append(s.notes, kind+" "+reason+" "+fmt.Sprintf(note, args...))
}

func (s *refusing) refuses(reason string) {
	s.items = append(s.items, adminapi.Refusal{RequestID: "r-1", At: s.now, Namespace: "photos", Client: "photoprint", ClientUID: "uid",
		Mismatch: &adminapi.Mismatch{Reason: reason, Asked: []string{"https://a.example/"}, Declared: []string{"https://b.example/"}}})
}

// told polls and returns the Events since the last call.
func (s *refusing) told(t *testing.T) []string {
	t.Helper()
	s.notes = nil
	if err := s.poll(t.Context()); !errors.Is(err, s.err) {
		t.Fatal(err)
	}
	return s.notes
}

// N379: however many requests of a client are refused, it has one Event for each reason in ten minutes.
func TestN379OneEventForEachReasonInTenMinutes(t *testing.T) {
	s := newRefusing()
	s.refuses(adminapi.PKCEMissing)
	if got := s.told(t); len(got) != 0 {
		t.Errorf("what a new leader finds is told: %q", got)
	}
	s.now = s.now.Add(time.Minute)
	s.refuses(adminapi.CallbackDiffers)
	got := s.told(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "Warning CallbackDiffers ") {
		t.Fatalf("told %q", got)
	}
	for _, words := range []string{"https://a.example/", "https://b.example/", "Request r-1"} {
		if !strings.Contains(got[0], words) {
			t.Errorf("%q lacks %q", got[0], words)
		}
	}
	events := 0
	for range 39 { // minutes
		s.now = s.now.Add(time.Minute)
		for range 100 {
			s.refuses(adminapi.CallbackDiffers)
		}
		events += len(s.told(t))
	}
	if events != 3 {
		t.Errorf("%d Events in 39 minutes", events)
	}
	s.now = s.now.Add(time.Hour)
	if got := s.told(t); len(got) != 1 {
		t.Errorf("the last refusal of the time before is told as %q", got)
	}
	s.now = s.now.Add(time.Hour)
	if got := s.told(t); len(got) != 0 {
		t.Errorf("it is told again: %q", got)
	}
}

func TestARefusalIsToldOnItsOwnObjectOnly(t *testing.T) {
	s := newRefusing()
	s.told(t)
	s.now = s.now.Add(time.Minute)
	s.refuses(adminapi.ScopeNotAllowed)
	s.items[0].ClientUID = "of one that was deleted"
	s.refuses("SomethingNew")
	s.items = append(s.items, adminapi.Refusal{})
	if got := s.told(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

// A replica that does not answer does not keep the others' news back, and nothing is told twice because of it.
func TestAReplicaThatIsAwayKeepsNothingBack(t *testing.T) {
	s := newRefusing()
	s.err = errors.New("away")
	s.told(t)
	s.err = nil
	s.refuses(adminapi.PKCEMissing)
	if got := s.told(t); len(got) != 0 {
		t.Errorf("the first answer is told: %q", got)
	}
	s.now = s.now.Add(time.Hour)
	s.err = errors.New("away")
	s.refuses(adminapi.PKCEMissing)
	if got := s.told(t); len(got) != 1 {
		t.Errorf("told %q", got)
	}
}

// N328: a replica that answers late tells of what was refused before. None of it is told as new.
func TestN328WhatWasRefusedBeforeTheOperatorBeganIsNotTold(t *testing.T) {
	s := newRefusing()
	s.refuses(adminapi.PKCEMissing)
	s.now = s.now.Add(time.Hour)
	s.refuses(adminapi.CallbackDiffers)
	items := s.items
	s.items, s.err = items[1:], errors.New("one replica is away")
	if got := s.told(t); len(got) != 0 {
		t.Errorf("told %q", got)
	}
	s.now = s.now.Add(time.Minute)
	s.items, s.err = items, nil
	if got := s.told(t); len(got) != 0 {
		t.Errorf("what was refused before is told: %q", got)
	}
	s.refuses(adminapi.PKCEMissing)
	if got := s.told(t); len(got) != 1 || !strings.HasPrefix(got[0], "Warning PKCEMissing ") {
		t.Errorf("told %q", got)
	}
}

// N379: what stands in an Event is clean and short.
func TestN379AnEventIsCleanAndShort(t *testing.T) {
	s := newRefusing()
	s.told(t)
	s.now = s.now.Add(time.Minute)
	s.refuses(adminapi.CallbackDiffers)
	s.items[0].Mismatch.Asked = []string{"a\x1b[31m\n\u202e" + strings.Repeat("x", 5000)}
	got := s.told(t)
	if len(got) != 1 || len(got[0]) > 1024 || strings.ContainsAny(got[0], "\x1b\n\u202e") || !strings.Contains(got[0], "why tells more") {
		t.Errorf("told %q", got)
	}
}
