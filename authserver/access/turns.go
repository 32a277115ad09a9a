// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	shared "github.com/gatehouse-dev/gatehouse/internal/turns"
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
	all *shared.Turns

	mu      sync.Mutex
	refused map[string]*rate.Limiter // what may be refused yet, of namespaces for which tokens were refused lately
}

func newTurns(now func() time.Time) *turns {
	return &turns{now: now, all: shared.New(maxReviews, maxReviewsOf), refused: map[string]*rate.Limiter{}}
}

// ask asks when it is the namespace's turn. It reports by ask whether the API server refused the token. Without a turn the error wraps
// errNotAsked.
func (q *turns) ask(ctx context.Context, namespace string, ask func() (refused bool, err error)) error {
	leave, err := q.all.Take(ctx, namespace)
	if err != nil {
		return fmt.Errorf("%w: wait for a turn: %w", errNotAsked, err)
	}
	defer leave()
	if !q.mayAsk(namespace) { // after the wait: those before may have been refused
		return fmt.Errorf("%w: it refused too many tokens for clients of namespace %s a moment ago", errNotAsked, namespace)
	}
	refused, err := ask()
	q.answered(namespace, refused)
	return err
}

func (q *turns) mayAsk(namespace string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	limit := q.refused[namespace]
	return limit == nil || limit.TokensAt(q.now()) >= 1
}

// answered counts a refusal, and forgets a namespace for which nothing was refused lately.
func (q *turns) answered(namespace string, refused bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	limit, now := q.refused[namespace], q.now()
	switch {
	case refused:
		if limit == nil {
			limit = rate.NewLimiter(rate.Every(refusedEvery), refusedAtOnce)
			q.refused[namespace] = limit
		}
		limit.AllowN(now, 1)
	case limit != nil && limit.TokensAt(now) >= refusedAtOnce:
		delete(q.refused, namespace)
	}
}
