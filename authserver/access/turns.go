// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxReviews bounds the questions about tokens that are with the API server at a time, and maxReviewsOf those for one namespace.
	maxReviews   = 16
	maxReviewsOf = 2
	// refusedEvery is how often the API server may refuse tokens for a namespace in the long run, and refusedAtOnce how many in a row.
	refusedEvery  = time.Second
	refusedAtOnce = 30
)

// errNotAsked is of a question that did not get to the API server. It tells nothing of whether that answers.
var errNotAsked = errors.New("the API server was not asked")

// turns bounds the questions about tokens, so that a namespace whose clients are sent forged tokens waits for its own only.
// There are no more entries than namespaces whose clients list ServiceAccounts.
type turns struct {
	now func() time.Time
	all chan struct{}

	mu sync.Mutex
	of map[string]*turnsOf
}

// turnsOf is what is under way for one namespace.
type turnsOf struct {
	users   int // who has a turn, or waits for one
	slots   chan struct{}
	refused *rate.Limiter // what may be refused yet
}

func newTurns(now func() time.Time) *turns {
	return &turns{now: now, all: make(chan struct{}, maxReviews), of: map[string]*turnsOf{}}
}

// ask asks when it is the namespace's turn. It reports by ask whether the API server refused the token. Without a turn the error wraps
// errNotAsked.
func (q *turns) ask(ctx context.Context, namespace string, ask func() (refused bool, err error)) (err error) {
	refused, mine := false, q.enter(namespace)
	defer func() { q.leave(namespace, refused) }()
	for _, slots := range []chan struct{}{mine.slots, q.all} {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return fmt.Errorf("%w: wait for a turn: %w", errNotAsked, context.Cause(ctx))
		}
	}
	if mine.refused.TokensAt(q.now()) < 1 { // after the wait: those before may have been refused
		return fmt.Errorf("%w: it refused too many tokens for clients of namespace %s a moment ago", errNotAsked, namespace)
	}
	refused, err = ask()
	return err
}

func (q *turns) enter(namespace string) *turnsOf {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine := q.of[namespace]
	if mine == nil {
		mine = &turnsOf{slots: make(chan struct{}, maxReviewsOf), refused: rate.NewLimiter(rate.Every(refusedEvery), refusedAtOnce)}
		q.of[namespace] = mine
	}
	mine.users++
	return mine
}

// leave forgets a namespace of which nothing is under way and nothing was refused lately.
func (q *turns) leave(namespace string, refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	mine, now := q.of[namespace], q.now()
	if refused {
		mine.refused.AllowN(now, 1)
	}
	if mine.users--; mine.users == 0 && mine.refused.TokensAt(now) >= refusedAtOnce {
		delete(q.of, namespace)
	}
}
