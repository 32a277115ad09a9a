// SPDX-License-Identifier: Apache-2.0

// Package simulation runs replicas of the grant engine on models of everything that they depend on: a store, a registry
// that lags, a directory, an API server, clocks. One goroutine runs at a time, and a seed decides at each call of a
// dependency which one. So a seed replays exactly. A ledger checks each answer. See docs/simulation.md.
package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// Options say what is run.
type Options struct {
	Seed  uint64
	Trace bool
	// Plant names a fault that is put into a dependency, so that the ledger can show that it finds it.
	Plant string
}

// Result is what became of a run.
type Result struct {
	Seed  uint64
	Steps int
	Calls int
	// Violation is which promise was broken; empty: none.
	Violation string
	Trace     string
	Coverage  Coverage
}

// violation is a broken promise. It ends the run.
type violation struct{ what string }

// simulation is one run.
type simulation struct {
	*scheduler
	ctx      context.Context
	model    *model
	store    *faults
	ledger   *ledger
	coverage Coverage
	plant    *plant

	versions  []*version // of the registry, the newest last
	keys      []credential.SetKey
	keySets   []*authserver.Keys
	nextKey   time.Duration // when the newest key becomes the active one
	replicas  []*replica
	directory *directory
	access    *access
	// wildClocks is set where clocks differ by hours. Promises that rest on times are not checked then.
	wildClocks bool

	// harsh is set where replicas die and the store goes away.
	harsh       bool
	storeDown   bool
	storeFaults outage
	lostAnswers int // once in so many times an answer does not reach the caller; 0: never
	sentTwice   int // once in so many times a request is sent twice
	inFlight    int // calls
	held        bool
	names       int
	apps        map[string]*app
	stolen      []theft
	actors      int // that still act
	owners      int // of them
	filled      int // grants that Bob had at the beginning
	callCount   int
}

// replica is one engine.
type replica struct {
	name    string
	server  *authserver.Server // nil: it is down
	version int                // of the registry
	keys    int
	skew    time.Duration
}

// skewBound is how far a clock that follows the store's may be off.
const skewBound = 200 * time.Millisecond

// Run runs one seed.
func Run(ctx context.Context, o Options) (result Result) {
	s := &simulation{scheduler: newScheduler(o.Seed, o.Trace), ctx: ctx, model: newModel(), coverage: Coverage{}, apps: map[string]*app{}}
	s.plant = newPlant(s, o.Plant)
	s.ledger = newLedger(s)
	s.store = &faults{Store: s.plant.store(s.model), s: s}
	s.directory = &directory{s: s, gone: map[string]bool{}, passwords: map[string]int{}}
	s.access = &access{s: s, withdrawn: map[[2]string]bool{}}
	s.keys = firstSet.Keys
	s.versions, s.keySets = []*version{firstVersion}, []*authserver.Keys{firstKeys}
	defer func() {
		result = Result{Seed: o.Seed, Steps: s.steps, Calls: s.callCount, Coverage: s.coverage}
		if r := recover(); r != nil {
			broken, ok := r.(violation)
			if !ok {
				panic(fmt.Sprintf("seed %d, step %d: %v", o.Seed, s.steps, r))
			}
			result.Violation = broken.what
			s.note("VIOLATION " + broken.what)
		}
		if s.trace != nil {
			result.Trace = s.trace.String()
		}
	}()
	s.prepare()
	s.run()
	return result
}

// prepare draws what the seed says of the whole run.
func (s *simulation) prepare() {
	s.wildClocks = s.one(8)
	s.harsh = s.one(2)
	if s.one(3) {
		s.storeFaults = outage{refused: s.choose(0, 60, 200), lost: s.choose(0, 15, 60), doubled: s.choose(0, 0, 40)}
	}
	s.lostAnswers, s.sentTwice = s.choose(0, 0, 8, 30), s.choose(0, 0, 10, 40)
	replicas := s.choose(1, 3, 3, 3) // one is a process with a file of its own
	for n := range replicas {
		r := &replica{name: fmt.Sprintf("replica %d", n+1), skew: s.skew()}
		s.replicas = append(s.replicas, r)
		s.boot(r)
	}
	if s.one(20) {
		s.fill()
	}
	s.cast()
}

// choose returns one of the values.
func (s *simulation) choose(values ...int) int { return values[s.rng.IntN(len(values))] }

// skew draws how far a clock is off.
func (s *simulation) skew() time.Duration {
	if s.wildClocks {
		return time.Duration(s.rng.IntN(240)-120) * time.Minute
	}
	return time.Duration(s.rng.IntN(2*int(skewBound/time.Millisecond))-int(skewBound/time.Millisecond)) * time.Millisecond
}

// boot starts a replica: it reads the registry and the keys as they are now.
func (s *simulation) boot(r *replica) {
	r.version, r.keys = len(s.versions)-1, len(s.keySets)-1
	server, err := authserver.New(authserver.Config{
		Clients: registry{s, r}, Directory: s.directory, Entitlement: s.access, Store: s.store, Auditor: auditor{s},
		Now: func() time.Time {
			s.pause("Now")
			return s.timeAt(r)
		},
		NewID: func() string {
			s.pause("NewID")
			s.names++
			return fmt.Sprintf("NAME%022d", s.names)
		},
	})
	if err != nil {
		panic(err)
	}
	server.UseKeys(s.keySets[r.keys])
	r.server = server
}

// timeAt is what the clock of a replica shows.
func (s *simulation) timeAt(r *replica) time.Time { return start.Add(s.elapsed + r.skew) }

func (s *simulation) fail(format string, args ...any) {
	panic(violation{fmt.Sprintf(format, args...)})
}
