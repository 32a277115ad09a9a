// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

const (
	memoryAim  = 60.0 // MB: idle, and what ten thousand clients may add
	namespaces = 20   // that the clients are in
	people     = 8    // who apply them at the same time
	// declaredClients are those of declared.
	declaredClients = 2
	restTimes       = 5 // how many measurements long a server rests before it is looked at
)

// memory measures what a server holds that does nothing: with no client but those that are always there, and with
// more and more that the operator has accepted.
func (b *bench) memory(ctx context.Context) ([]table, error) {
	store, err := b.newStore(ctx, sqlite)
	if err != nil {
		return nil, err
	}
	t := table{title: fmt.Sprintf("Memory of an authorization server that does nothing, in MB; at rest is %s after it is ready.", b.duration*restTimes),
		head: []string{"clients", "ready after", "resident when ready", "at rest", "heap at rest", "more than without", "aim", "reached"}}
	var idle float64
	made := 0
	for n, clients := range append([]int{0}, b.clients...) {
		if err := b.makeClients(ctx, made, clients); err != nil {
			return nil, err
		}
		made = clients
		m, err := b.memoryOn(ctx, store)
		if err != nil {
			return nil, err
		}
		more, aim, value := "", fmt.Sprintf("below %.0f", memoryAim), m.rest
		if n == 0 {
			idle = m.rest
		} else {
			more, aim, value = fmt.Sprintf("%.1f", m.rest-idle), fmt.Sprintf("%.0f more at 10,000", memoryAim), m.rest-idle
		}
		t.rows = append(t.rows, []string{number(float64(clients)), short(m.ready), fmt.Sprintf("%.1f", m.first), fmt.Sprintf("%.1f", m.rest),
			fmt.Sprintf("%.1f", m.heap), more, aim, yes(value < memoryAim)})
	}
	return []table{t}, nil
}

// occupied is what a server took.
type occupied struct {
	ready             time.Duration
	first, rest, heap float64 // MB
}

func (b *bench) memoryOn(ctx context.Context, store string) (m occupied, err error) {
	begin := time.Now()
	s := &site{kind: sqlite, store: store}
	if err := b.startSite(ctx, s); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, b.End(s.Process)) }()
	m.ready = time.Since(begin)
	if m.first, err = resident(ctx, s.Metrics); err != nil {
		return m, err
	}
	if err := pause(ctx, b.duration*restTimes); err != nil {
		return m, err
	}
	found, err := installation.OfProgram(ctx, s.Metrics)
	m.rest, m.heap = found.Sum("process_resident_memory_bytes")/(1<<20), found.Sum("go_memstats_heap_inuse_bytes")/(1<<20)
	return m, err
}

// makeClients has people apply the clients from one number to another, and the operator accept them.
func (b *bench) makeClients(ctx context.Context, from, to int) (err error) {
	if from == to {
		return nil
	}
	say("the operator accepts %d clients", to-from)
	o, err := b.StartOperator(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.End(o.Process)) }()
	for n := range namespaces {
		if from > 0 {
			break
		}
		if err := b.API.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team(n)}}); err != nil {
			return fmt.Errorf("make a namespace: %w", err)
		}
	}
	applying, inGroup := errgroup.WithContext(ctx)
	applying.SetLimit(people)
	for n := from; n < to; n++ {
		applying.Go(func() error { return b.API.Create(inGroup, draft(n)) })
	}
	if err := applying.Wait(); err != nil {
		return fmt.Errorf("apply a client: %w", err)
	}
	return b.Eventually(ctx, fmt.Sprintf("all %d clients are Ready", to), func() (bool, error) {
		m, err := installation.OfProgram(ctx, o.Metrics)
		return m.Sum("gatehouse_oauthclients", "ready", "True") >= float64(to+declaredClients), err
	})
}

func team(n int) string { return fmt.Sprintf("team-%d", n%namespaces) }

func draft(n int) *v1alpha1.OAuthClient {
	name := fmt.Sprintf("photoprint-%d", n)
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: team(n), Name: name},
		Spec: v1alpha1.OAuthClientSpec{
			DisplayName:  "PhotoPrint",
			CallbackURLs: []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + name + ".apps.bench.example/callback")},
		},
	}
}

// pause lets some time go by.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
