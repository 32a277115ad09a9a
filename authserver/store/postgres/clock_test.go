// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"
)

// fakeClocks are the three clocks that there are: what this machine counts, what it shows, and the database's.
type fakeClocks struct {
	passed   time.Duration
	wall     time.Time
	database time.Time
}

// pass lets time pass on all of them.
func (f *fakeClocks) pass(d time.Duration) {
	f.passed, f.wall, f.database = f.passed+d, f.wall.Add(d), f.database.Add(d)
}

func (f *fakeClocks) clock() *clock {
	return &clock{passed: func() time.Duration { return f.passed }, wall: func() time.Time { return f.wall }}
}

// asking answers with the database's time in the middle of round trips of these lengths.
func (f *fakeClocks) asking(trips ...time.Duration) func(context.Context) (time.Time, error) {
	return func(context.Context) (time.Time, error) {
		trip := trips[0]
		if len(trips) > 1 {
			trips = trips[1:]
		}
		f.pass(trip / 2)
		told := f.database
		f.pass(trip - trip/2)
		return told, nil
	}
}

func (f *fakeClocks) take(t *testing.T, c *clock, trips ...time.Duration) {
	t.Helper()
	if err := c.take(t.Context(), f.asking(trips...)); err != nil {
		t.Fatal(err)
	}
}

// off checks how far the clock is from the database's.
func (f *fakeClocks) off(t *testing.T, when string, c *clock, most time.Duration) {
	t.Helper()
	if off := c.Now().Sub(f.database).Abs(); off > most {
		t.Errorf("%s: %s off, want %s at most", when, off, most)
	}
}

// N164: a server whose clock is wrong must take no retry for a theft, and no expired proof for a good one.
func TestN164TheClockOfThisMachineChangesNothing(t *testing.T) {
	f := &fakeClocks{wall: noon.Add(-17 * time.Minute), database: noon}
	c := f.clock()
	if !c.Now().Equal(f.wall) {
		t.Errorf("before the first sample it is %s", c.Now())
	}
	f.take(t, c, 2*time.Millisecond)
	f.off(t, "after the first sample", c, time.Millisecond)
	for _, jump := range []time.Duration{time.Hour, -48 * time.Hour, 365 * 24 * time.Hour} {
		f.wall = f.wall.Add(jump)
		f.off(t, "after a jump by "+jump.String(), c, time.Millisecond)
		before := c.Now()
		f.pass(3 * time.Second)
		if got := c.Now().Sub(before); got != 3*time.Second {
			t.Errorf("3 s are %s after a jump by %s", got, jump)
		}
		f.take(t, c, 2*time.Millisecond)
		f.off(t, "after a sample", c, time.Millisecond)
	}
}

func TestTheBestSampleCounts(t *testing.T) {
	f := &fakeClocks{wall: noon, database: noon.Add(time.Hour)}
	c := f.clock()
	f.take(t, c, 400*time.Millisecond, 2*time.Millisecond, 900*time.Millisecond)
	f.off(t, "the best of three", c, 0)
	if c.sample.bound != time.Millisecond {
		t.Errorf("the bound is %s", c.sample.bound)
	}
	f.pass(time.Second)
	f.take(t, c, 400*time.Millisecond)
	if c.sample.bound != time.Millisecond {
		t.Error("a worse sample replaced a better one")
	}
	f.pass(time.Hour) // the first one has grown to 720 ms by now
	f.take(t, c, 400*time.Millisecond)
	if c.sample.bound != 200*time.Millisecond {
		t.Error("an old sample was kept beside a better one")
	}
}

func TestTheClockGoesBackByNoMoreThanItsCorrection(t *testing.T) {
	f := &fakeClocks{wall: noon, database: noon}
	c := f.clock()
	// The answer was late on its way back: the sample is behind by as much.
	late := func(context.Context) (time.Time, error) {
		told := f.database
		f.pass(100 * time.Millisecond)
		return told, nil
	}
	if err := c.take(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	f.off(t, "a lopsided sample", c, 50*time.Millisecond)
	for range 100 {
		before := c.Now()
		f.take(t, c, time.Millisecond, 80*time.Millisecond)
		if back := before.Sub(c.Now()); back > 50*time.Millisecond {
			t.Errorf("the clock went back by %s", back)
		}
		f.pass(time.Second)
	}
	f.off(t, "in the end", c, 0)
}

func TestAClockOfTheDatabaseThatWasSetIsFollowed(t *testing.T) {
	f := &fakeClocks{wall: noon, database: noon}
	c := f.clock()
	f.take(t, c, time.Millisecond)
	for _, jump := range []time.Duration{-time.Hour, 2 * time.Minute} {
		f.database = f.database.Add(jump)
		f.pass(sampleEvery)
		f.take(t, c, 300*time.Millisecond)
		f.off(t, "set by "+jump.String(), c, 150*time.Millisecond)
	}
}

func TestAClockWithoutADatabaseGoesOn(t *testing.T) {
	f := &fakeClocks{wall: noon, database: noon.Add(time.Minute)}
	c := f.clock()
	f.take(t, c, time.Millisecond)
	gone := errors.New("gone")
	if err := c.take(t.Context(), func(context.Context) (time.Time, error) { return time.Time{}, gone }); !errors.Is(err, gone) {
		t.Errorf("take() = %v", err)
	}
	f.pass(time.Hour)
	f.off(t, "an hour later", c, time.Millisecond)
}
