// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// loadTimeout bounds how long the ledger may take to build: a second for a few thousand objects,
// and far longer where the API server is busy.
const loadTimeout = 15 * time.Minute

// sayEvery is after how many objects the log says how far the load is.
const sayEvery = 5000

// load builds the ledger once, from the API server. No decision is taken before. It is not bound
// to the time that one reconcile has: where building took longer, it would begin again for ever.
func (c *Claims) load(ctx context.Context) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	c.mu.Lock()
	built := c.ledger != nil
	c.mu.Unlock()
	if built {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	r, err := c.loadReleased(ctx)
	if err != nil {
		return err
	}
	l := newLedger(r)
	var waiting []subject
	seen := 0
	if err := c.eachObject(ctx, func(s subject) {
		if seen++; seen%sayEvery == 0 {
			ctrl.LoggerFrom(ctx).Info("reading who holds which claim", "objects", seen)
		}
		if l.enter(s) {
			waiting = append(waiting, s)
		}
	}); err != nil {
		return err
	}
	for _, s := range waiting {
		l.enterReserved(s, c.now())
	}
	c.mu.Lock()
	c.ledger = l
	c.mu.Unlock()
	return nil
}

// eachObject calls visit for each object of the class, as the API server has it now.
func (c *Claims) eachObject(ctx context.Context, visit func(subject)) error {
	clients := &v1alpha1.OAuthClientList{}
	for more := true; more; more = clients.Continue != "" {
		if err := c.Live.List(ctx, clients, client.Limit(listPage), client.Continue(clients.Continue)); err != nil {
			return fmt.Errorf("list the clients: %w", err)
		}
		for i := range clients.Items {
			if clients.Items[i].Spec.ClassName == c.Class {
				visit(clientSubject(&clients.Items[i]))
			}
		}
	}
	servers := &v1alpha1.ResourceServerList{}
	for more := true; more; more = servers.Continue != "" {
		if err := c.Live.List(ctx, servers, client.Limit(listPage), client.Continue(servers.Continue)); err != nil {
			return fmt.Errorf("list the resource servers: %w", err)
		}
		for i := range servers.Items {
			if servers.Items[i].Spec.ClassName == c.Class {
				visit(resourceServerSubject(&servers.Items[i]))
			}
		}
	}
	return nil
}

// enter adds what the status of an object records. It reports whether the object waits for
// something that another one held.
func (l *ledger) enter(s subject) (waits bool) {
	known := claimed{uid: s.uid()}
	for i := range s.status.Claims {
		recorded := &s.status.Claims[i]
		claim := claimOf(recorded)
		e := l.entries[claim]
		if e == nil {
			e = &entry{}
			l.entries[claim] = e
		}
		if recorded.Since == nil {
			e.wait(s.ref())
			waits = waits || recorded.HeldBy != ""
		} else if e.holdOf(s.uid()) < 0 {
			e.holds = append(e.holds, hold{ref: s.ref(), uid: s.uid(), since: recorded.Since.UTC(), copied: s.copied()})
		}
		known.claims = append(known.claims, claim)
	}
	if len(known.claims) > 0 {
		l.objects[s.ref()] = known
	}
	return waits
}

// enterReserved keeps a claim from those who waited for it, where its holder went while no
// operator ran: it may be about to come back.
func (l *ledger) enterReserved(s subject, now time.Time) {
	for i := range s.status.Claims {
		recorded := &s.status.Claims[i]
		claim := claimOf(recorded)
		if recorded.Since != nil || recorded.HeldBy == "" || len(l.entries[claim].holds) > 0 {
			continue
		}
		record, there := l.released.shards[shardOf(claim)][claim]
		if there && record.Namespace != "" {
			continue
		}
		if !there {
			record = releasedClaim{Kind: claim.Kind, Name: claim.Name, Holder: types.UID(recorded.HeldBy), ReleasedAt: now.UTC()}
			if recorded.HeldSince != nil {
				record.Since = recorded.HeldSince.UTC()
			}
		}
		if !slices.Contains(record.Except, s.namespace()) && len(record.Except) < exceptLimit {
			record.Except = append(slices.Clone(record.Except), s.namespace())
			l.released.add(record)
		}
	}
}

func (c *Claims) loadReleased(ctx context.Context) (*released, error) {
	r := newReleased()
	for i := range releasedShards {
		shard := &corev1.ConfigMap{}
		err := c.Live.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: releasedName(i)}, shard)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the released claims: %w", err)
		}
		if err := r.decode(shard.Data[releasedKey], c.now()); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "released claims are ignored", "configMap", shard.Name)
		}
	}
	return r, nil
}
