// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// N103, the server's half: by a clock that is a year ahead every grant has expired.
func TestN103WithAWrongClockNoRowIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		skew, known := time.Duration(0), false
		clock := &rowClock{log: slog.New(slog.NewTextHandler(&log, nil)), skew: func() (time.Duration, bool) { return skew, known }}
		sweeps, tick := 0, make(chan time.Time)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go clock.whenRight(func(ctx context.Context, tick <-chan time.Time) {
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick:
					sweeps++
				}
			}
		})(ctx, tick)
		for _, step := range []struct {
			name   string
			skew   time.Duration
			known  bool
			sweeps int
			errors int
		}{
			{"before the first answer of the API server", 0, false, 0, 0},
			{"the clocks agree", time.Minute, true, 1, 0},
			{"a year ahead", 365 * 24 * time.Hour, true, 1, 1},
			{"still", 365 * 24 * time.Hour, true, 1, 1},
			{"a year behind", -365 * 24 * time.Hour, true, 1, 1},
			{"right again", 0, true, 2, 1},
		} {
			skew, known = step.skew, step.known
			tick <- time.Now()
			synctest.Wait()
			if errors := strings.Count(log.String(), "level=ERROR"); sweeps != step.sweeps || errors != step.errors {
				t.Errorf("%s: %d sweeps, %d errors, want %d, %d:\n%s", step.name, sweeps, errors, step.sweeps, step.errors, &log)
			}
		}
	})
}

// The clock that counts is the store's: this server's own may be wrong, and the database's right.
func TestTheSkewOfTheStoreIsThatOfItsClock(t *testing.T) {
	noon := time.Date(2030, 5, 4, 12, 0, 0, 0, time.UTC)
	own := func() time.Time { return noon.Add(time.Hour) }
	for _, test := range []struct{ store, want time.Duration }{{0, 0}, {-time.Minute, -time.Minute}, {time.Hour, time.Hour}} {
		store := func() time.Time { return noon.Add(test.store) }
		skew, known := storeSkew(func() (time.Duration, bool) { return time.Hour, true }, store, own)()
		if skew != test.want || !known {
			t.Errorf("with the store at %s the skew is %s, %t, want %s", test.store, skew, known, test.want)
		}
	}
	if _, known := storeSkew(func() (time.Duration, bool) { return 0, false }, own, own)(); known {
		t.Error("the skew is known before the API server has answered")
	}
}
