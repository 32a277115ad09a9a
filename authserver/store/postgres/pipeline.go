// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pipeline is one connection of the hot path and the goroutine that uses it.
type pipeline struct {
	link    *link
	health  *health
	writes  bool
	waiting *atomic.Int64
}

// run answers what comes in the queue until that is closed and empty.
func (p *pipeline) run(ctx context.Context, queue <-chan *call) {
	defer p.link.close(ctx)
	var b batch
	if p.writes {
		b.taken = map[rowKey]bool{}
	}
	var held []*call
	for {
		var first *call
		if len(held) == 0 {
			var ok bool
			if first, ok = <-queue; !ok {
				return
			}
		}
		held = b.collect(first, held, queue)
		p.waiting.Add(-int64(len(b.calls)))
		p.answer(ctx, b.calls)
	}
}

// answer runs the calls whose callers still wait, and answers all.
func (p *pipeline) answer(ctx context.Context, calls []*call) {
	wanted := make([]*call, 0, len(calls))
	for _, c := range calls {
		if c.caller.Err() != nil {
			c.done <- unavailable(c.kind.name, context.Cause(c.caller))
			continue
		}
		wanted = append(wanted, c)
	}
	if len(wanted) == 0 {
		return
	}
	begin := p.health.now()
	err := p.together(ctx, wanted)
	if p.writes {
		p.health.ended(len(wanted), begin, err)
	}
	for _, c := range wanted {
		c.done <- c.err
	}
}

// together runs the calls in one round trip and leaves each one's error in it. It returns what kept all of
// them from being answered.
func (p *pipeline) together(ctx context.Context, calls []*call) error {
	err := p.repeat(ctx, calls)
	switch {
	case err == nil:
		for _, c := range calls {
			if c.err = nil; !c.answered {
				c.err = c.kind.missing
			}
		}
		return nil
	case ownFault(err) && len(calls) > 1:
		// The server undid the batch for what one of them holds. Which one shows when each runs alone.
		for _, c := range calls {
			if p.together(ctx, []*call{c}) == nil {
				err = nil
			}
		}
		return err
	}
	for _, c := range calls {
		if c.err = unavailable(c.kind.name, err); ownFault(err) {
			c.err = fmt.Errorf("%s: %w", c.kind.name, err)
		}
	}
	if ownFault(err) {
		return nil // the database is well
	}
	return err
}

// repeat sends the calls until the database does not undo them and ask for them again.
func (p *pipeline) repeat(ctx context.Context, calls []*call) error {
	again := false
	for tries := 1; ; tries++ {
		err := p.send(ctx, calls)
		if err == nil {
			return nil
		}
		p.link.broken(ctx, err)
		switch {
		case tryAgain(err) && tries < maxTries:
			pause(ctx, tries)
		case !again && p.mayResend(err):
			again = true
		default:
			return err
		}
	}
}

// mayResend reports whether calls that failed with err may be sent on another connection. Of writes that were
// lost with their connection nobody knows whether they happened: only those go again that the server has not
// got, or has refused because it is no primary any more.
func (p *pipeline) mayResend(err error) bool {
	if p.link.current != nil || errors.Is(err, errAway) || pgconn.Timeout(err) {
		return false
	}
	return !p.writes || pgconn.SafeToRetry(err) || sqlState(err) == stateReadOnly
}

// send runs the calls in one round trip, which is one transaction. It returns nil once that is committed.
func (p *pipeline) send(ctx context.Context, calls []*call) error {
	connection, err := p.link.connection(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var b pgx.Batch
	for _, of := range byKind(calls) {
		asked := make(answers, len(of))
		for _, c := range of {
			c.answer, c.answered = nil, false
			asked[c.key] = append(asked[c.key], c)
		}
		k := of[0].kind
		b.Queue(k.sql, k.arguments(of)...).Query(func(rows pgx.Rows) error { return k.read(rows, asked) })
	}
	return connection.SendBatch(ctx, &b).Close()
}

// byKind returns the calls of each kind. Kinds and keys are in one order in every batch of every replica:
// so those that write the same rows rarely wait for each other in a circle (which ends with 40P01).
func byKind(calls []*call) [][]*call {
	sorted := slices.Clone(calls)
	slices.SortStableFunc(sorted, func(a, b *call) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind.name, b.kind.name)
		}
		return strings.Compare(a.key, b.key)
	})
	var kinds [][]*call
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to].kind == sorted[from].kind {
			to++
		}
		kinds = append(kinds, sorted[from:to])
		from = to
	}
	return kinds
}
