// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPeopleAreLookedAtAtTheStartAtEachChangeByTheClockAndSoonAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fault error
		var at []time.Duration
		firsts := 0
		begin := time.Now()
		changed := make(chan struct{}, 1)
		p := &people{changed: changed, log: slog.New(slog.NewTextHandler(&log, nil)), first: func() { firsts++ }, confirm: func(context.Context) error {
			at = append(at, time.Since(begin))
			return fault
		}}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		fault = errors.New("the disk is full")
		go func() { defer close(ended); p.Watch(ctx) }()
		pass := func(d time.Duration) {
			wait, stop := context.WithTimeout(t.Context(), d)
			defer stop()
			<-wait.Done()
			synctest.Wait()
		}
		pass(peopleRetry / 2)
		if p.looked.Load() || !strings.Contains(log.String(), "the disk is full") {
			t.Errorf("after a failure: looked %v, log %q", p.looked.Load(), &log)
		}
		fault = nil
		pass(peopleRetry)
		if !p.looked.Load() {
			t.Error("nobody was looked at a second later")
		}
		changed <- struct{}{}
		pass(peopleInterval + peopleRetry)
		end()
		<-ended
		want := []time.Duration{0, peopleRetry, peopleRetry * 3 / 2, peopleRetry*3/2 + peopleInterval}
		if firsts != 1 {
			t.Errorf("the first look was told %d times", firsts)
		}
		if !slices.Equal(at, want) {
			t.Errorf("looked at %v, want %v", at, want)
		}
	})
}
