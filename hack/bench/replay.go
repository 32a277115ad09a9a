// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/hack/bench/replay"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// replayLimits let both programs hold what 100,000 clients take. The Deployments allow less; see docs/scale.md.
var replayLimits = installation.Limits{Operator: 1536 << 20, Authserver: 1536 << 20}

// replayed is a server that knows many clients.
type replayed struct {
	*site

	crowd   *crowd
	api     *replay.Server
	clients *replay.Collection
	through *installation.Installation

	start     started
	busy      []*issued
	changes   changes
	mostAgain float64 // MB, once everything was read a second time
	byList    started // where the API server streams no lists
}

// started is what a start showed.
type started struct {
	ready, cost             time.Duration
	first, rest, heap, most float64 // MB
}

// issued is a load of client credentials, of so many clients.
type issued struct {
	of      int
	load    *load
	results []result
}

// replay measures both programs beside more clients than a real API server is given in reasonable time: a server
// before the real one replays them. The authorization servers of all sizes take turns.
func (b *bench) replay(ctx context.Context) (_ []table, err error) {
	p, err := b.learn(ctx, b.replays[len(b.replays)-1])
	if err != nil {
		return nil, err
	}
	var servers []*replayed
	defer func() {
		for _, r := range servers {
			err = errors.Join(err, r.through.Stop(), r.api.Close())
		}
	}()
	for _, size := range b.replays {
		r, err := b.newReplayed(ctx, p, size)
		if err != nil {
			return nil, err
		}
		servers = append(servers, r)
		if err := b.startReplayed(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := b.issueInTurns(ctx, servers); err != nil {
		return nil, err
	}
	for _, r := range servers {
		if err := b.change(ctx, r); err != nil {
			return nil, fmt.Errorf("%d clients: %w", r.crowd.size, err)
		}
		if err := r.through.End(r.Process); err != nil { // what follows has the cores for itself
			return nil, err
		}
		if err := b.startByList(ctx, r); err != nil {
			return nil, fmt.Errorf("%d clients by a list: %w", r.crowd.size, err)
		}
	}
	tables := []table{startTable(servers), issuedTable(servers), changeTable(servers)}
	operators, err := b.replayToOperator(ctx, servers)
	return append(tables, operators), err
}

// newReplayed makes so many clients and a server that replays them.
func (b *bench) newReplayed(ctx context.Context, p *pattern, size int) (*replayed, error) {
	say("making %d clients", size)
	r := &replayed{crowd: &crowd{pattern: p, size: size}}
	clients, secrets, err := r.crowd.collections(ctx, b)
	if err != nil {
		return nil, err
	}
	if r.api, err = replay.New(b.Config(), clients, secrets); err != nil {
		return nil, err
	}
	if err := r.api.Start(ctx, b.certificate("tls.crt"), b.certificate("tls.key")); err != nil {
		return nil, err
	}
	r.clients = clients
	r.through, err = b.Before(r.api.URL(), b.certificate("ca.crt"), filepath.Join(b.Dir, fmt.Sprintf("replay-%d", size)), replayLimits)
	if err != nil {
		return nil, errors.Join(err, r.api.Close())
	}
	return r, nil
}

// startReplayed starts the authorization server and looks at it.
func (b *bench) startReplayed(ctx context.Context, r *replayed) error {
	store, err := b.newStore(ctx, sqlite)
	if err != nil {
		return err
	}
	r.site = &site{kind: sqlite, store: store}
	begin := time.Now()
	if err := b.startSiteOf(ctx, r.through, r.site); err != nil {
		return err
	}
	r.start.ready, r.start.cost = time.Since(begin), processorTime(r.PID())
	if r.start.first, err = resident(ctx, r.Metrics); err != nil {
		return err
	}
	if err := pause(ctx, b.duration*restTimes); err != nil {
		return err
	}
	found, err := installation.OfProgram(ctx, r.Metrics)
	r.start.rest, r.start.heap = found.Sum("process_resident_memory_bytes")/(1<<20), found.Sum("go_memstats_heap_inuse_bytes")/(1<<20)
	r.start.most = mostResident(r.PID())
	return err
}

// startByList starts a server once more, beside an API server that streams no lists.
func (b *bench) startByList(ctx context.Context, r *replayed) error {
	store, err := b.newStore(ctx, sqlite)
	if err != nil {
		return err
	}
	r.clients.StreamLists(false)
	defer r.clients.StreamLists(true)
	begin := time.Now()
	s := &site{kind: sqlite, store: store}
	if err := b.startSiteOf(ctx, r.through, s); err != nil {
		return err
	}
	r.byList = started{ready: time.Since(begin), cost: processorTime(s.PID()), most: mostResident(s.PID())}
	return r.through.End(s.Process)
}

// issueInTurns has some clients of each server get tokens, as many as the smallest one has, and then all that
// there are.
func (b *bench) issueInTurns(ctx context.Context, servers []*replayed) error {
	for _, r := range servers {
		for _, of := range slices.Compact([]int{servers[0].crowd.size, r.crowd.size}) {
			l := &issued{of: of, load: r.crowd.issuing(r.target, b.connections, of)}
			if _, err := l.load.run(ctx, min(b.duration, time.Second)); err != nil { // warm
				return err
			}
			r.busy = append(r.busy, l)
		}
	}
	for round := range b.rounds {
		say("round %d of %d", round+1, b.rounds)
		for _, r := range servers {
			for _, l := range r.busy {
				got, err := l.load.run(ctx, b.duration)
				if err != nil {
					return err
				}
				l.results = append(l.results, got)
			}
		}
	}
	return nil
}

func startTable(servers []*replayed) table {
	t := table{title: "The start of an authorization server, and its memory in MB. Read again: the API server has forgotten what was watched. By a list: " +
		"where the API server streams no lists.",
		head: []string{"clients", "ready after", "processor time until then", "resident when ready", "at rest", "heap at rest", "most since the start", "most once all was read again",
			"by a list ready after", "processor time until then", "most"}}
	for _, r := range servers {
		cells := []string{number(float64(r.crowd.size)), short(r.start.ready), short(r.start.cost)}
		for _, mega := range []float64{r.start.first, r.start.rest, r.start.heap, r.start.most, r.mostAgain} {
			cells = append(cells, fmt.Sprintf("%.0f", mega))
		}
		t.rows = append(t.rows, append(cells, short(r.byList.ready), short(r.byList.cost), fmt.Sprintf("%.0f", r.byList.most)))
	}
	return t
}

func issuedTable(servers []*replayed) table {
	t := table{title: "Client credentials, each request of another client than the one before it.",
		head: []string{"clients", "in use", "a second", "lowest to highest", "p50", "p99", "CPU each", "ratio to the first row"}}
	first := median(each(servers[0].busy[0].results, perSecond))
	for _, r := range servers {
		for _, l := range r.busy {
			cells := append([]string{number(float64(r.crowd.size)), number(float64(l.of))}, figures(l.results)...)
			t.rows = append(t.rows, append(cells, short(median(each(l.results, p50))), short(median(each(l.results, p99))), price(l.results),
				fmt.Sprintf("%.2f", median(each(l.results, perSecond))/first)))
		}
	}
	return t
}

// mostResident is the most memory that a process has had, in MB; 0 where the system does not tell.
func mostResident(pid int) (most float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	_, _ = fmt.Sscan(after, &most) // in KB
	return most / 1024
}
