// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// large is what many clients cost.
type large struct {
	pair                     pair
	empty, afterMany, beside memory // of the operator: no client, all of them, and Secrets of others beside them
	serverEmpty, serverMany  memory // of the authserver
	resync                   float64
	resyncWrites             map[string]float64
}

// measureMany measures a large round, and then what a restart costs with all these clients.
func (b *bench) measureMany(ctx context.Context) (*large, error) {
	var l large
	var err error
	say("the programs without a client")
	if l.empty, _, _, err = b.restarts(ctx, 0); err != nil {
		return nil, err
	}
	if l.serverEmpty, err = b.server(ctx); err != nil {
		return nil, err
	}
	if l.pair, err = b.measurePair(ctx, "large", b.many, false); err != nil {
		return nil, err
	}
	say("restarts with %d clients", b.many)
	if l.afterMany, l.resync, l.resyncWrites, err = b.restarts(ctx, b.many); err != nil {
		return nil, err
	}
	if l.serverMany, err = b.server(ctx); err != nil {
		return nil, err
	}
	say("restarts beside %d Secrets of others", b.foreign)
	if err := b.writeForeign(ctx); err != nil {
		return nil, err
	}
	l.beside, _, _, err = b.restarts(ctx, b.many)
	return &l, err
}

// restarts starts the operator several times. It returns medians: the memory once it has
// looked at all n clients, and the seconds until then; and what was written at all of them.
func (b *bench) restarts(ctx context.Context, n int) (memory, float64, map[string]float64, error) {
	var seen []memory
	var seconds []float64
	before, err := b.ofAPIServer(ctx)
	if err != nil {
		return memory{}, 0, nil, err
	}
	for range b.starts {
		m, took, err := b.restart(ctx, n)
		if err != nil {
			return memory{}, 0, nil, err
		}
		seen, seconds = append(seen, m), append(seconds, took)
	}
	after, err := b.ofAPIServer(ctx)
	slices.Sort(seconds)
	return middle(seen), seconds[len(seconds)/2], since(writes(before), writes(after)), err
}

func (b *bench) restart(ctx context.Context, n int) (_ memory, seconds float64, err error) {
	begin := time.Now()
	o, err := b.startOperator(ctx)
	if err != nil {
		return memory{}, 0, err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	last, err := o.reconciled(ctx, n)
	return memoryOf(last), time.Since(begin).Seconds(), err
}

// server returns the memory of the authserver, the median of several starts.
func (b *bench) server(ctx context.Context) (memory, error) {
	var seen []memory
	for range b.starts {
		p, address, err := b.startAuthserver(ctx)
		if err != nil {
			return memory{}, err
		}
		m, err := ofProgram(ctx, address)
		if err := errors.Join(err, b.end(p)); err != nil {
			return memory{}, err
		}
		seen = append(seen, memoryOf(m))
	}
	return middle(seen), nil
}

// memoryOf returns the resident memory and the heap in use, in MB.
func memoryOf(m metrics) memory {
	const mega = 1 << 20
	return memory{resident: m.sum("process_resident_memory_bytes") / mega, heap: m.sum("go_memstats_heap_inuse_bytes") / mega}
}

// middle returns the median by resident memory.
func middle(seen []memory) memory {
	slices.SortFunc(seen, func(a, b memory) int { return int(a.resident - b.resident) })
	return seen[len(seen)/2]
}

// writeForeign writes Secrets of others.
func (b *bench) writeForeign(ctx context.Context) error {
	if err := b.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "others"}}); err != nil {
		return fmt.Errorf("make a namespace: %w", err)
	}
	return inParallel(b.foreign, func(n int) error {
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
