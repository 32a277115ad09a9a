// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

func TestReadinessFollowsItsPartsAndSaysWhatItWaitsFor(t *testing.T) {
	var log bytes.Buffer
	var store, keys error
	r := newReadiness(slog.New(slog.NewTextHandler(&log, nil)), web.NewMetrics(),
		part{"store", func(context.Context) error { return store }}, part{"keys", func(context.Context) error { return keys }})
	if got := fmt.Sprint(r.Ready(nil)); got != "starting" {
		t.Errorf("before the first look: %s", got)
	}
	noKeys, noStore := errors.New("the Secrets"), errors.New("the disk is full")
	for _, step := range []struct {
		name        string
		store, keys error
		looks       int
		want        string
		logged      string
		times       int // how often that was logged in this step
	}{
		{"no keys", nil, noKeys, 1, "keys", `msg="not ready, waiting" for="[the Secrets]"`, 1},
		{"no keys for a while", nil, noKeys, remindAfter - 1, "keys", "waiting", 0},
		{"no keys for long", nil, noKeys, 2 * remindAfter, "keys", "waiting", 2},
		{"neither", noStore, noKeys, 1, "store keys", `for="[the disk is full the Secrets]"`, 1},
		{"both", nil, nil, 1, "<nil>", "msg=ready", 1},
		{"both still", nil, nil, 10, "<nil>", "ready", 0},
		{"the store is gone", noStore, nil, 1, "store", "the disk is full", 1},
		{"and back", nil, nil, 1, "<nil>", "msg=ready", 1},
	} {
		log.Reset()
		store, keys = step.store, step.keys
		for range step.looks {
			r.look(t.Context())
		}
		if got := fmt.Sprint(r.Ready(nil)); got != step.want {
			t.Errorf("%s: ready says %q, want %q", step.name, got, step.want)
		}
		if got := strings.Count(log.String(), step.logged); got != step.times {
			t.Errorf("%s: logged %d times, want %d:\n%s", step.name, got, step.times, &log)
		}
	}
	r.Stop()
	if got := fmt.Sprint(r.Ready(nil)); got != "stopping" {
		t.Errorf("after the stop: %s", got)
	}
}

func TestAPartThatHadNoTimeToAnswerChangesNothing(t *testing.T) {
	var log bytes.Buffer
	r := newReadiness(slog.New(slog.NewTextHandler(&log, nil)), web.NewMetrics(),
		part{"store", func(ctx context.Context) error { return ctx.Err() }})
	r.look(t.Context())
	ended, end := context.WithCancel(t.Context())
	end()
	r.look(ended)
	if err := r.Ready(nil); err != nil {
		t.Errorf("ready says %v", err)
	}
}

func TestOnceReadyTheServerHasStartedForGood(t *testing.T) {
	var problem error
	r := newReadiness(slog.New(slog.DiscardHandler), web.NewMetrics(), part{"registry", func(context.Context) error { return problem }})
	for _, step := range []struct {
		name    string
		problem error
		started bool
	}{
		{"not listed yet", errors.New("the API server to list the OAuthClients"), false},
		{"listed", nil, true},
		{"the part is gone", errors.New("gone"), true},
	} {
		problem = step.problem
		r.look(t.Context())
		if got := r.Started(); got != step.started {
			t.Errorf("%s: started is %v", step.name, got)
		}
	}
	r.Stop()
	if !r.Started() {
		t.Error("a server that stops has not started")
	}
}

// The clock stands still in the bubble, so only the change itself can have caused the look.
func TestAPartThatBecomesReadyIsSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there atomic.Bool
		r := newReadiness(slog.New(slog.DiscardHandler), web.NewMetrics(), part{"registry", func(context.Context) error {
			return unless(there.Load(), "the API server")
		}})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go r.Watch(ctx)
		synctest.Wait()
		there.Store(true)
		r.Changed()
		synctest.Wait()
		if err := r.Ready(nil); err != nil {
			t.Errorf("ready says %v", err)
		}
	})
}
