// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// operatorRests is how many measurements long an operator rests before it is looked at. It gives memory back after
// half a minute.
const operatorRests = 10

// replayToOperator starts the operator beside clients that it has nothing to do about.
func (b *bench) replayToOperator(ctx context.Context, servers []*replayed) (table, error) {
	t := table{title: "The operator starts beside clients that are as they should be, with their Secrets; memory in MB.",
		head: []string{"clients", "all looked at after", "processor time until then", "looks", "resident at rest", "heap at rest", "most since the start", "writes about them"}}
	for _, r := range servers {
		cells, err := b.lookAtAll(ctx, r)
		if err != nil {
			return t, fmt.Errorf("the operator beside %d clients: %w", r.crowd.size, err)
		}
		t.rows = append(t.rows, cells)
	}
	return t, nil
}

func (b *bench) lookAtAll(ctx context.Context, r *replayed) (cells []string, err error) {
	say("the operator looks at %d clients", r.crowd.size)
	begin := time.Now()
	o, err := r.through.StartOperator(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.through.End(o.Process)) }()
	var looks float64
	err = b.Eventually(ctx, "the operator has looked at every client", func() (bool, error) {
		m, err := installation.OfProgram(ctx, o.Metrics)
		looks = m.Sum("controller_runtime_reconcile_total", "controller", "oauthclient")
		return m != nil && looks >= float64(r.crowd.size) && m.Sum("workqueue_depth", "name", "oauthclient") == 0 &&
			m.Sum("controller_runtime_active_workers", "controller", "oauthclient") == 0, err
	})
	if err != nil {
		return nil, err
	}
	took, cost := time.Since(begin), processorTime(o.PID())
	if err := pause(ctx, b.duration*operatorRests); err != nil {
		return nil, err
	}
	m, err := installation.OfProgram(ctx, o.Metrics)
	if err != nil {
		return nil, err
	}
	about := r.api.Writes()
	for what := range about {
		if strings.HasPrefix(what, "events ") { // who leads
			delete(about, what)
		}
	}
	if len(about) > 0 {
		return nil, errors.New("it wrote about clients that are as they should be: " + writes(about))
	}
	const mega = 1 << 20
	return []string{number(float64(r.crowd.size)), short(took), short(cost), number(looks),
		fmt.Sprintf("%.0f", m.Sum("process_resident_memory_bytes")/mega), fmt.Sprintf("%.0f", m.Sum("go_memstats_heap_inuse_bytes")/mega),
		fmt.Sprintf("%.0f", mostResident(o.PID())), "0"}, nil
}
