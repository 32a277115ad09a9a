// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// platform is what happens to the replicas and between them: news arrive, replicas die and start, the store fails,
// time passes.
type platform struct{ s *simulation }

// act goes on as long as anybody acts, and makes everything well at the end.
func (p platform) act() {
	for p.s.actors > 0 {
		p.s.pause("platform")
		r := p.s.replicas[p.s.rng.IntN(len(p.s.replicas))]
		switch n := p.s.rng.IntN(40); {
		case n < 2:
			p.leap()
		case n < 3:
			p.sweep()
		case n < 4:
			p.drift(r)
		case n < 12:
			p.deliver(r)
		case n < 16:
			p.recover(r)
		case n < 17 && p.s.harsh:
			p.crash(r)
		case n < 18 && p.s.harsh:
			p.s.storeDown = true
			p.s.coverage.count("store down")
			p.s.note("the store is down")
		}
	}
	p.repair()
	p.s.settle()
}

// deliver brings a replica the next news: a version of the registry, or a key.
func (p platform) deliver(r *replica) {
	switch {
	case r.server == nil:
	case r.version < len(p.s.versions)-1:
		r.version++
		p.s.note(r.name + " learns of a change of the clients")
	case r.keys < len(p.s.keySets)-1:
		p.learnKeys(r)
	}
}

func (p platform) learnKeys(r *replica) {
	if r.server != nil && r.keys < len(p.s.keySets)-1 {
		r.keys = len(p.s.keySets) - 1
		r.server.UseKeys(p.s.keySets[r.keys])
		p.s.note(r.name + " learns of a key")
	}
}

// crash kills a replica: its calls stop where they are, and nobody gets an answer.
func (p platform) crash(r *replica) {
	if r.server == nil {
		return
	}
	r.server = nil
	for _, t := range p.s.tasks {
		if t.replica == r {
			t.died = true
		}
	}
	p.s.coverage.count("replica died")
	p.s.note(r.name + " dies")
}

// recover brings back a store that is down, or starts a replica that is. At its start it asks the directory about
// everybody.
func (p platform) recover(r *replica) {
	if p.s.storeDown {
		p.s.storeDown = false
		p.s.note("the store is up")
	}
	if r.server != nil {
		return
	}
	r.skew = p.s.skew()
	p.s.boot(r)
	p.s.coverage.count("replica started")
	p.s.note(r.name + " starts")
	p.s.spawn("start of "+r.name, func() {
		_, _ = once(p.s, "confirm people", func(_ *call, e *authserver.Server) (bool, error) { return true, e.ConfirmPeople(p.s.ctx) })
	})
}

// drift sets a clock: to another error within what the design allows, or to any.
func (p platform) drift(r *replica) {
	r.skew = p.s.skew()
	p.s.coverage.count("clock set")
	p.s.note(fmt.Sprintf("the clock of %s is off by %s", r.name, r.skew))
}

// leap lets time pass: a few seconds at any moment, and more when no call is under way. It likes to end at a deadline.
func (p platform) leap() {
	if !p.s.one(3) {
		p.s.elapsed += time.Duration(1+p.s.rng.IntN(4000)) * time.Millisecond
		return
	}
	p.s.held = true
	p.s.block("wait until no call is under way", func() bool { return p.s.inFlight == 0 })
	by := []time.Duration{20 * time.Second, 40 * time.Second, 40 * time.Second, 2 * time.Minute, 6 * time.Minute, 2 * time.Hour}[p.s.rng.IntN(6)]
	to := p.s.elapsed + time.Duration(p.s.rng.Int64N(int64(by)))
	if n := len(p.s.ledger.deadlines); n > 0 && p.s.one(3) {
		if at := p.s.ledger.deadlines[p.s.rng.IntN(n)] + time.Duration(p.s.rng.IntN(800)-500)*time.Millisecond; at > p.s.elapsed {
			to = at
		}
	}
	if to-p.s.elapsed > 10*time.Minute { // news take longer than that in no installation that is watched
		for _, r := range p.s.replicas {
			p.learnKeys(r)
		}
	}
	p.s.note(fmt.Sprintf("%s pass", to-p.s.elapsed))
	p.s.elapsed = to
	p.s.coverage.count("time passes")
	p.s.held = false
	p.s.wake()
}

// sweep removes rows that mean nothing any more. With clocks that are hours off that is another promise.
func (p platform) sweep() {
	if p.s.wildClocks {
		return
	}
	p.s.spawn("sweep", func() {
		_, _ = once(p.s, "sweep", func(c *call, _ *authserver.Server) (int, error) {
			return p.s.store.Sweep(p.s.ctx, p.s.timeAt(c.replica), 1000)
		})
	})
}

// repair ends every fault.
func (p platform) repair() {
	p.s.storeDown, p.s.storeFaults, p.s.lostAnswers, p.s.sentTwice = false, outage{}, 0, 0
	p.s.access.away = false
	for _, r := range p.s.replicas {
		if r.server == nil {
			r.skew = p.s.skew()
			p.s.boot(r)
		}
		r.version = len(p.s.versions) - 1
		p.learnKeys(r)
	}
}

// settle asks at the end about everything that was ever given out.
func (s *simulation) settle() {
	s.ledger.checkCounts()
	for _, f := range s.ledger.families {
		if f.redeemed != 0 && f.client != photoBook && s.one(4) {
			_ = s.apps[f.client].exchange(delivery{code: f.code, verifier: f.verifier})
		}
	}
	for _, a := range s.ledger.tokens {
		_, _ = once(s, "introspect", func(c *call, e *authserver.Server) (bool, error) { return s.introspectAsStorage(c, e, a.token) })
	}
}
