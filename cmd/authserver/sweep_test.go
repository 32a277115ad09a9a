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
	"time"
)

// sweeps answers each sweep with the next of its numbers, -1 being a failure, and the
// last one for ever.
type sweeps struct {
	answers []int
	asked   int
}

func (s *sweeps) Sweep(_ context.Context, _ time.Time, limit int) (int, error) {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if answer < 0 {
		return 0, errors.New("the disk is full")
	}
	return min(answer, limit), nil
}

func TestASweepGoesOnUntilNothingIsLeft(t *testing.T) {
	for _, row := range []struct {
		name    string
		answers []int
		asked   int
		logged  string
	}{
		{"nothing to do", []int{0}, 1, ""},
		{"three batches", []int{sweepBatch, sweepBatch, 7, 0}, 4, "rows=407"},
		{"a failure", []int{sweepBatch, -1}, 2, "the disk is full"},
		{"more than one sweep does", []int{sweepBatch}, sweepBatches, "rows=100000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var log bytes.Buffer
			store := &sweeps{answers: row.answers}
			sweep(t.Context(), store, time.Time{}, slog.New(slog.NewTextHandler(&log, nil)))
			if store.asked != row.asked {
				t.Errorf("%d batches, want %d", store.asked, row.asked)
			}
			if (log.Len() == 0) != (row.logged == "") || !strings.Contains(log.String(), row.logged) {
				t.Errorf("log %q, want %q", &log, row.logged)
			}
		})
	}
}

// sweptAt notes the times of sweeps.
type sweptAt struct {
	times []time.Time
	after func()
}

func (s *sweptAt) Sweep(_ context.Context, now time.Time, _ int) (int, error) {
	s.times = append(s.times, now)
	s.after()
	return 0, nil
}

func TestEachTickIsOneSweepUntilTheEnd(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	tick := make(chan time.Time)
	clock := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	want := []time.Time{clock.Add(time.Minute), clock.Add(2 * time.Minute)}
	store := &sweptAt{}
	store.after = func() {
		if len(store.times) == 2 {
			end()
		}
	}
	go func() {
		for range 2 {
			tick <- time.Time{}
		}
	}()
	sweepEach(ctx, tick, store, func() time.Time { clock = clock.Add(time.Minute); return clock }, slog.New(slog.DiscardHandler))
	if !slices.Equal(store.times, want) {
		t.Errorf("swept at %v, want %v", store.times, want)
	}
}
