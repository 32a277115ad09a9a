// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// kind is a hot operation: one statement answers many calls of it.
type kind struct {
	name string // what an error says that was being done
	sql  string
	// arguments returns the statement's arguments for the calls.
	arguments func([]*call) []any
	// read hands the answers of the rows to their calls.
	read func(pgx.Rows, answers) error
	// missing is the answer to a call that no row answers.
	missing error
	// write is set where the statement changes rows. Then a batch has one call for each key, and goes to the
	// pipeline of that key.
	write bool
}

// call is one operation on its way from its caller to a pipeline and back.
type call struct {
	caller   context.Context // only asked whether it has ended
	kind     *kind
	key      string // of the row
	question any
	answer   any // as the kind makes it; belongs to the pipeline until done has a value
	answered bool
	err      error
	done     chan error // takes one value without a receiver
}

// answers are the calls of one statement by their keys.
type answers map[string][]*call

// give hands an answer to each who asked for the key. It is made for each anew: they share no list.
func give[A any](a answers, key []byte, answer func() (A, error)) error {
	for _, c := range a[string(key)] {
		made, err := answer()
		if err != nil {
			return err
		}
		c.answer, c.answered = made, true
	}
	return nil
}

// given is an answer that holds no list.
func given[A any](answer A) func() (A, error) { return func() (A, error) { return answer, nil } }

// gatherer takes the calls of the hot path and spreads them over pipelines. A call is run by a statement that
// is sent after the call came, so what it reads is fresh.
//
// Reads wait in one queue, from which every pipeline for reads takes what is there. Writes wait in a queue
// for each pipeline, chosen by their key, so that two pipelines never wait for each other's row.
type gatherer struct {
	reads  chan *call
	writes []chan *call
	all    sync.WaitGroup // of the pipelines

	waiting atomic.Int64 // calls in the queues
	mu      sync.RWMutex // no send after the queues are closed
	closed  bool
}

// newGatherer starts the pipelines, which end when the gatherer is closed.
func newGatherer(ctx context.Context, a address, h *health, away *absence) *gatherer {
	g := &gatherer{reads: make(chan *call, maxQueue)}
	start := func(queue chan *call, writes bool) {
		p := &pipeline{link: newLink(a, h, away), health: h, writes: writes, waiting: &g.waiting}
		g.all.Go(func() { p.run(context.WithoutCancel(ctx), queue) })
	}
	for range readPipelines {
		start(g.reads, false)
	}
	for range writePipelines {
		queue := make(chan *call, maxQueue/writePipelines)
		g.writes = append(g.writes, queue)
		start(queue, true)
	}
	return g
}

// ask runs one call and returns its answer.
func ask[A any](ctx context.Context, s *Store, k *kind, key []byte, question any) (A, error) {
	var none A
	if err := s.usable(ctx, k.name); err != nil {
		return none, err
	}
	c := &call{caller: ctx, kind: k, key: string(key), question: question, done: make(chan error, 1)}
	if err := s.gatherer.enqueue(c); err != nil {
		return none, err
	}
	select {
	case err := <-c.done:
		if err != nil {
			return none, err
		}
		answer, ok := c.answer.(A)
		if !ok {
			return none, unavailable(k.name, errors.New("the database's answer is of another kind"))
		}
		return answer, nil
	case <-ctx.Done(): // the answer belongs to the pipeline
		return none, unavailable(k.name, context.Cause(ctx))
	}
}

func (g *gatherer) enqueue(c *call) error {
	queue := g.reads
	if c.kind.write {
		queue = g.writes[int(c.key[0])%len(g.writes)]
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return errClosed
	}
	g.waiting.Add(1)
	select {
	case queue <- c:
		return nil
	default:
		g.waiting.Add(-1)
		return errFull
	}
}

// close takes no more calls and waits until those in the queues are answered.
func (g *gatherer) close() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.reads)
		for _, queue := range g.writes {
			close(queue)
		}
	}
	g.mu.Unlock()
	g.all.Wait()
}

// batch is what a pipeline sends in one round trip, in the order of its arrival.
type batch struct {
	calls []*call
	// taken are the keys that it writes; nil: it only reads.
	taken map[rowKey]bool
}

type rowKey struct {
	kind *kind
	key  string
}

// add reports whether the call may come along: of two that write one row, the second waits for the next
// batch.
func (b *batch) add(c *call) bool {
	if b.taken != nil {
		row := rowKey{c.kind, c.key}
		if b.taken[row] {
			return false
		}
		b.taken[row] = true
	}
	b.calls = append(b.calls, c)
	return true
}

// collect takes first and what waits beside it, and what waited for another call of its row before that. It
// returns what must wait for the next batch.
func (b *batch) collect(first *call, held []*call, queue <-chan *call) (wait []*call) {
	clear(b.calls)
	clear(b.taken)
	b.calls = b.calls[:0]
	take := func(c *call) {
		if !b.add(c) {
			wait = append(wait, c)
		}
	}
	for _, c := range held {
		take(c)
	}
	if first != nil {
		take(first)
	}
	runtime.Gosched() // those who were answered just now may ask again
	for len(b.calls)+len(wait) < maxBatch {
		select {
		case c, ok := <-queue:
			if !ok {
				return wait
			}
			take(c)
		default:
			return wait
		}
	}
	return wait
}
