// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// large is what many clients cost.
type large struct {
	pair                    pair
	empty, many, beside     restarts // of the operator: no client, all of them, and Secrets of others beside them
	serverEmpty, serverMany memory   // of the authserver
}

// restarts are medians of several starts of the operator, but for the writes, which are all.
type restarts struct {
	memory  memory
	seconds float64 // until it had looked at all clients
	writes  map[string]float64
}

// measureMany measures a large round, and then what a restart costs with all these clients.
func (b *bench) measureMany(ctx context.Context) (*large, error) {
	var l large
	var err error
	if l.empty, err = b.restarts(ctx, 0, "without a client"); err != nil {
		return nil, err
	}
	if l.serverEmpty, err = b.server(ctx, 0); err != nil {
		return nil, err
	}
	if l.pair, err = b.measurePair(ctx, "large", b.many, false); err != nil {
		return nil, err
	}
	if l.many, err = b.restarts(ctx, b.many, fmt.Sprintf("with %d clients", b.many)); err != nil {
		return nil, err
	}
	if l.serverMany, err = b.server(ctx, b.many); err != nil {
		return nil, err
	}
	if err := step(ctx, b.foreign, "writing Secrets of others", b.writeForeign); err != nil {
		return nil, err
	}
	l.beside, err = b.restarts(ctx, b.many, fmt.Sprintf("with %d clients, beside %d Secrets of others", b.many, b.foreign))
	return &l, err
}

// restarts starts the operator several times with n clients.
func (b *bench) restarts(ctx context.Context, n int, how string) (restarts, error) {
	var seen []memory
	var seconds []float64
	before, err := b.OfAPIServer(ctx)
	if err != nil {
		return restarts{}, err
	}
	for i := range b.starts {
		what := fmt.Sprintf("start %d of %d of the operator %s", i+1, b.starts, how)
		if err := step(ctx, n, what, func(ctx context.Context, so *progress) error {
			m, took, err := b.restart(ctx, n, so)
			seen, seconds = append(seen, m), append(seconds, took)
			return err
		}); err != nil {
			return restarts{}, err
		}
	}
	after, err := b.OfAPIServer(ctx)
	slices.Sort(seconds)
	return restarts{memory: middle(seen), seconds: seconds[len(seconds)/2], writes: since(installation.Writes(before), installation.Writes(after))}, err
}

func (b *bench) restart(ctx context.Context, n int, so *progress) (m memory, seconds float64, err error) {
	begin := time.Now()
	o, err := b.startOperator(ctx, so)
	if err != nil {
		return memory{}, 0, err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	if err := o.reconciled(ctx, n, so); err != nil {
		return memory{}, 0, err
	}
	seconds = time.Since(begin).Seconds()
	m, err = b.memoryAtRest(ctx, o.program, so)
	return m, seconds, err
}

// server returns the memory of the authserver with n clients, the median of several starts.
func (b *bench) server(ctx context.Context, n int) (memory, error) {
	var seen []memory
	for i := range b.starts {
		what := fmt.Sprintf("start %d of %d of the authserver with %d clients", i+1, b.starts, n)
		if err := step(ctx, n, what, func(ctx context.Context, so *progress) error {
			so.begin("until it is ready", 0)
			p, err := b.startAuthserver(ctx)
			if err != nil {
				return err
			}
			m, err := b.memoryAtRest(ctx, p, so)
			seen = append(seen, m)
			return errors.Join(err, b.End(p.Process))
		}); err != nil {
			return memory{}, err
		}
	}
	return middle(seen), nil
}

// memory is what a program has once it knows every object, in MB.
type memory struct{ resident, heap, most float64 }

// memoryAtRest lets the program rest and reads its memory then.
func (b *bench) memoryAtRest(ctx context.Context, p *installation.Program, so *progress) (m memory, err error) {
	so.begin(fmt.Sprintf("it rests for %s", b.rest), 0)
	select {
	case <-time.After(b.rest):
	case <-ctx.Done():
		return memory{}, context.Cause(ctx)
	}
	err = b.Eventually(ctx, "the program shows its metrics", func() (bool, error) {
		const mega = 1 << 20
		read, err := installation.OfProgram(ctx, p.Metrics)
		m = memory{
			resident: read.Sum("process_resident_memory_bytes") / mega, heap: read.Sum("go_memstats_heap_inuse_bytes") / mega,
			most: mostResident(p.PID()),
		}
		return read != nil, err
	})
	return m, err
}

// mostResident returns the most memory that a process has had, in MB; 0 where the system does
// not tell.
func mostResident(pid int) (most float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	_, _ = fmt.Sscan(after, &most) // in KB
	return most / 1024
}

// middle returns the median by resident memory.
func middle(seen []memory) memory {
	slices.SortFunc(seen, func(a, b memory) int { return cmp.Compare(a.resident, b.resident) })
	return seen[len(seen)/2]
}

// writeForeign writes Secrets of others.
func (b *bench) writeForeign(ctx context.Context, so *progress) error {
	so.begin("Secrets are written", b.foreign)
	if err := b.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "others"}}); err != nil {
		return fmt.Errorf("make a namespace: %w", err)
	}
	return inParallel(ctx, b.foreign, so, func(ctx context.Context, n int) error {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "others", Name: fmt.Sprintf("foreign-%d", n), Labels: map[string]string{"app": "other"}},
			Data:       map[string][]byte{"value": make([]byte, 1024)},
		}
		if err := b.api.Create(ctx, secret); err != nil {
			return fmt.Errorf("write a Secret of others: %w", err)
		}
		return nil
	})
}
