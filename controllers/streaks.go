// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"
	"time"
)

// streaks remember since when something goes wrong with an object each time. The zero value is ready.
type streaks struct {
	mu sync.Mutex
	of map[objectRef]streak
}

type streak struct{ since, last time.Time }

// goesOn notes that it went wrong now, and returns since how long it does. What comes later than anew after the last time is another
// streak; zero: it never is.
func (s *streaks) goesOn(of objectRef, now time.Time, anew time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, noted := s.of[of]
	if !noted || anew > 0 && now.Sub(was.last).Abs() > anew {
		was.since = now
	}
	if s.of == nil {
		s.of = map[objectRef]streak{}
	}
	was.last = now
	s.of[of] = was
	return now.Sub(was.since)
}

// lasted returns since how long it goes wrong.
func (s *streaks) lasted(of objectRef, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, noted := s.of[of]; noted {
		return now.Sub(was.since)
	}
	return 0
}

// over forgets it: all went well, or the object is gone.
func (s *streaks) over(of objectRef) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, of)
}
