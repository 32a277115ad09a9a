// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// restFor is how long nobody is confirmed after the source did not answer: one that hangs would hold up the confirmations of
// everybody else. Logins are tried all the same.
const restFor = 10 * time.Second

// state is whether the source answers.
type state struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	down   error
	until  time.Time
	logged time.Time // when somebody was told of who is not confirmed
}

// logPause is how long the log says nothing after a line about somebody who is not confirmed: what is wrong with one may be wrong with all.
const logPause = time.Minute

// unconfirmed says that a source which answers does not confirm a person, and why.
func (s *state) unconfirmed(ctx context.Context, name string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); s.logged.IsZero() || now.Sub(s.logged) >= logPause {
		s.logged = now
		s.log.WarnContext(ctx, "a source of people does not confirm a person; others may not be named here for a minute", "name", name, "err", bounded(err))
	}
}

func (s *state) failed(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil {
		s.log.ErrorContext(ctx, "a source of people does not answer: its people cannot log in", "err", bounded(err))
	}
	s.down, s.until = err, s.now().Add(restFor)
}

func (s *state) answered(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		s.log.InfoContext(ctx, "a source of people answers again")
	}
	s.down = nil
}

func (s *state) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down != nil
}

// rests returns an error while nobody is to be confirmed.
func (s *state) rests() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && s.now().Before(s.until) {
		return fmt.Errorf("the source did not answer a moment ago: %w", authserver.ErrUnavailable)
	}
	return nil
}
