// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// scheduler runs tasks, one at a time. A task runs until it pauses; then the seed says which one goes on. So a seed
// says everything about a run.
type scheduler struct {
	rng      *rand.Rand
	strategy strategy
	tasks    []*task // that have not ended
	runnable []*task
	blocked  []*task
	current  *task
	next     *task
	ambient  *task // what happens around the others: it goes on now and then

	steps   int
	clock   int // counts what the ledger compares: beginnings and ends of calls
	elapsed time.Duration
	changes []int // the steps at which priorities change
	lowest  int
	trace   *strings.Builder // nil: nobody reads it
}

// strategy is how the next task is chosen.
type strategy int

const (
	// uniform takes any task, each time.
	uniform strategy = iota
	// sticky mostly goes on with the same task, so that whole calls are made between two steps of another.
	sticky
	// priorities always takes the task with the highest priority, and lowers that of the running one at a few steps
	// (probabilistic concurrency testing: a fault that needs d orders is found with a bounded probability).
	priorities
	strategies
)

// stepTime is how much time passes with each step.
const stepTime = time.Millisecond

// mostSteps ends a run that does not end by itself.
const mostSteps = 50_000

// task is something that runs beside others: an actor, or a request that somebody sent twice.
type task struct {
	name     string
	resume   func() (struct{}, bool)
	stop     func()
	suspend  func(struct{}) bool
	until    func() bool // it is blocked until this is true
	priority int
	call     *call // that it is in; nil: none
	replica  *replica
	died     bool // the replica died in the middle of the call
}

// endOfRun unwinds the tasks that are left when a run ends.
type endOfRun struct{}

func newScheduler(seed uint64, trace bool) *scheduler {
	s := &scheduler{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	s.strategy = strategy(s.rng.IntN(int(strategies)))
	for range 1 + s.rng.IntN(6) {
		s.changes = append(s.changes, s.rng.IntN(1200))
	}
	if trace {
		s.trace = &strings.Builder{}
	}
	return s
}

// one reports true once in n times.
func (s *scheduler) one(n int) bool { return s.rng.IntN(n) == 0 }

// tick returns a number that is greater than each before.
func (s *scheduler) tick() int {
	s.clock++
	return s.clock
}

// spawn adds a task.
func (s *scheduler) spawn(name string, run func()) *task {
	t := &task{name: name, priority: 1 + s.rng.IntN(1<<20)}
	t.resume, t.stop = iter.Pull(func(suspend func(struct{}) bool) {
		t.suspend = suspend
		defer func() {
			if r := recover(); r != nil {
				if _, ended := r.(endOfRun); !ended {
					panic(r)
				}
			}
		}()
		growStack(len(s.tasks))
		run()
	})
	s.tasks, s.runnable = append(s.tasks, t), append(s.runnable, t)
	return t
}

// growStack makes the stack of a task as large as most calls need, at once and not in steps.
//
//go:noinline
func growStack(n int) byte {
	var frame [8 << 10]byte
	frame[n] = 1
	return frame[n/2]
}

// pause is where another task may go on. What names the step in the trace.
func (s *scheduler) pause(what string) {
	s.steps++
	s.elapsed += stepTime
	t := s.current
	if s.trace != nil {
		s.note(what)
	}
	if s.steps > mostSteps {
		panic(violation{"the run does not end"})
	}
	if next := s.pick(); next != t {
		s.leave(next)
	}
	if t.died {
		t.died = false
		panic(replicaDied{})
	}
}

// leave suspends the running task and lets another go on.
func (s *scheduler) leave(next *task) {
	t := s.current
	s.next = next
	if !t.suspend(struct{}{}) {
		panic(endOfRun{})
	}
}

// block suspends the running task until something is true.
func (s *scheduler) block(what string, until func() bool) {
	if until() {
		return
	}
	t := s.current
	if s.trace != nil {
		s.note(what)
	}
	t.until = until
	s.runnable = remove(s.runnable, t)
	s.blocked = append(s.blocked, t)
	s.leave(s.pick())
}

// wake lets those go on whose time has come. It is to be called when something changed that somebody waits for.
func (s *scheduler) wake() {
	for n := 0; n < len(s.blocked); {
		t := s.blocked[n]
		if !t.until() {
			n++
			continue
		}
		t.until = nil
		s.blocked = slices.Delete(s.blocked, n, n+1)
		s.runnable = append(s.runnable, t)
	}
}

// pick returns the task that goes on; nil: there is none.
func (s *scheduler) pick() *task {
	if len(s.runnable) == 0 {
		return nil
	}
	switch s.strategy {
	case sticky:
		if s.current != nil && s.current.until == nil && !s.one(12) && slices.Contains(s.runnable, s.current) {
			return s.current
		}
	case uniform:
	case priorities:
		if s.one(12) && slices.Contains(s.runnable, s.ambient) {
			return s.ambient
		}
		return s.first()
	}
	return s.runnable[s.rng.IntN(len(s.runnable))]
}

// first returns the task with the highest priority. The ambient task is no part of the order.
func (s *scheduler) first() *task {
	if s.current != nil && slices.Contains(s.changes, s.steps) {
		s.lowest--
		s.current.priority = s.lowest
	}
	first := s.runnable[0]
	for _, t := range s.runnable[1:] {
		if first == s.ambient || t != s.ambient && t.priority > first.priority {
			first = t
		}
	}
	return first
}

// run runs all tasks to their end.
func (s *scheduler) run() {
	defer s.stop()
	for s.next = s.pick(); s.next != nil; {
		s.current, s.next = s.next, nil
		if _, alive := s.current.resume(); alive {
			if s.next == nil {
				panic(violation{"every task waits for another: " + s.names(s.blocked)})
			}
			continue
		}
		s.tasks, s.runnable = remove(s.tasks, s.current), remove(s.runnable, s.current)
		s.current = nil
		s.wake()
		s.next = s.pick()
	}
	if len(s.tasks) > 0 {
		panic(violation{"every task waits for another: " + s.names(s.tasks)})
	}
}

// stop ends the tasks that are left.
func (s *scheduler) stop() {
	for _, t := range slices.Clone(s.tasks) {
		s.current = t
		t.stop()
	}
}

func (s *scheduler) names(tasks []*task) string {
	names := make([]string, len(tasks))
	for n, t := range tasks {
		names[n] = t.name
	}
	return strings.Join(names, ", ")
}

// note writes a line of the trace: the step, the time since the start, who, in which replica, and what.
func (s *scheduler) note(what string) {
	if s.trace == nil {
		return
	}
	who, where := "-", ""
	if t := s.current; t != nil {
		who = t.name
		if t.replica != nil {
			where = " at " + t.replica.name
		}
	}
	fmt.Fprintf(s.trace, "%5d %12s  %s%s: %s\n", s.steps, s.elapsed, who, where, what)
}

func remove(tasks []*task, t *task) []*task {
	if n := slices.Index(tasks, t); n >= 0 {
		return slices.Delete(tasks, n, n+1)
	}
	return tasks
}
