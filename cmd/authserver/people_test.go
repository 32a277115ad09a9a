// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPeopleAreLookedAtAtTheStartAtEachChangeByTheClockAndSoonAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var failing atomic.Bool
		var at []time.Duration
		firsts := 0
		begin := time.Now()
		changed := make(chan struct{}, 1)
		p := &people{changed: changed, log: slog.New(slog.NewTextHandler(&log, nil)), first: func() { firsts++ }, confirm: func(context.Context) error {
			at = append(at, time.Since(begin))
			if failing.Load() {
				return errors.New("the disk is full")
			}
			return nil
		}}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		failing.Store(true)
		go func() { defer close(ended); p.Watch(ctx) }()
		pass := func(d time.Duration) {
			wait, stop := context.WithTimeout(t.Context(), d)
			defer stop()
			<-wait.Done()
			synctest.Wait()
		}
		pass(peopleRetry / 2)
		if p.looked.Load() {
			t.Error("everybody counts as looked at after a failure")
		}
		failing.Store(false)
		pass(peopleRetry)
		if !p.looked.Load() {
			t.Error("nobody was looked at a second later")
		}
		changed <- struct{}{}
		pass(peopleInterval + peopleRetry)
		end()
		<-ended
		want := []time.Duration{0, peopleRetry, peopleRetry * 3 / 2, peopleRetry*3/2 + peopleInterval}
		if got := strings.Count(log.String(), "the disk is full"); got != 1 {
			t.Errorf("the failure was logged %d times: %s", got, &log)
		}
		if firsts != 1 {
			t.Errorf("the first look was told %d times", firsts)
		}
		if !slices.Equal(at, want) {
			t.Errorf("looked at %v, want %v", at, want)
		}
	})
}

// A database that is away for an hour would otherwise fill the log with one sentence.
func TestAStoreThatCannotRecordWhoHasLeftIsSaidOnceEachTime(t *testing.T) {
	var log bytes.Buffer
	var fault error
	p := &people{log: slog.New(slog.NewTextHandler(&log, nil)), first: func() {}, confirm: func(context.Context) error { return fault }}
	for _, fault = range []error{errors.New("away"), errors.New("away"), nil, nil, errors.New("away"), errors.New("away")} {
		p.look(t.Context())
	}
	if failed, back := strings.Count(log.String(), "could not record"), strings.Count(log.String(), "has recorded"); failed != 2 || back != 1 {
		t.Errorf("%d failures and %d recoveries were logged: %s", failed, back, &log)
	}
}
