// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const (
	// releasedPrefix begins the names of the ConfigMaps of released claims.
	releasedPrefix = "gatehouse-released-claims-"
	releasedKey    = "claims.json"

	reasonClaimsDropped = "ReleasedClaimsDropped"
)

// Claims is the one place that decides who holds a claim. It must be one for all reconcilers
// of an operator, and one operator at a time may have it: the leader.
type Claims struct {
	// Client writes the ConfigMaps of released claims.
	Client client.Client
	// Live reads from the API server: what the ledger is built from must not be stale.
	Live client.Reader
	// Namespace is where the ConfigMaps are.
	Namespace string
	// Class is the class of the objects that this installation serves.
	Class v1alpha1.ClassName
	// Events tells people.
	Events EventRecorder
	// Now is the clock.
	Now func() time.Time
	// Wake enqueues an object that a change concerns. nil: nobody is told.
	Wake func(objectRef)

	loading sync.Mutex // held while the ledger is built
	storing sync.Mutex // held while ConfigMaps are written

	mu        sync.Mutex
	ledger    *ledger // nil: not built yet
	announced uint64  // dropped records that were told
}

// settle decides about the claims of an object and stores what was released by it.
func (c *Claims) settle(ctx context.Context, o claimant) ([]claimResult, error) {
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	results, concerned := c.ledger.settle(o, c.Now())
	c.mu.Unlock()
	if err := c.store(ctx); err != nil {
		return nil, err
	}
	c.wake(concerned)
	return results, nil
}

// forget releases what an object had that is gone.
func (c *Claims) forget(ctx context.Context, ref objectRef) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	concerned := c.ledger.forget(ref, c.Now())
	c.mu.Unlock()
	if err := c.store(ctx); err != nil {
		return err
	}
	c.wake(concerned)
	return nil
}

// counts returns how many released claims are kept, and how many had to go early.
func (c *Claims) counts() (kept int, dropped uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ledger == nil {
		return 0, 0
	}
	return c.ledger.released.count(), c.ledger.released.dropped
}

func (c *Claims) wake(refs []objectRef) {
	if c.Wake == nil {
		return
	}
	for _, ref := range refs {
		c.Wake(ref)
	}
}

// load builds the ledger once, from the API server. No decision is taken before.
func (c *Claims) load(ctx context.Context) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	c.mu.Lock()
	built := c.ledger != nil
	c.mu.Unlock()
	if built {
		return nil
	}
	r, err := c.loadReleased(ctx)
	if err != nil {
		return err
	}
	l := newLedger(r)
	var waiting []subject
	if err := c.eachObject(ctx, func(s subject) {
		if l.enter(s) {
			waiting = append(waiting, s)
		}
	}); err != nil {
		return err
	}
	for _, s := range waiting {
		l.enterReserved(s, c.Now())
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
		} else {
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
		if err := r.decode(shard.Data[releasedKey], c.Now()); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "released claims are ignored", "configMap", shard.Name)
		}
	}
	return r, nil
}

// store writes the ConfigMaps that have changed. Whoever comes while another one writes finds
// its own change written, so many releases take one write.
func (c *Claims) store(ctx context.Context) error {
	c.storing.Lock()
	defer c.storing.Unlock()
	for i := range releasedShards {
		text, changed, err := c.takeDirty(i)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if err := c.writeShard(ctx, i, text); err != nil {
			c.mu.Lock()
			c.ledger.released.dirty[i] = true
			c.mu.Unlock()
			return err
		}
	}
	c.announceDropped()
	return nil
}

func (c *Claims) takeDirty(i int) (text string, changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.ledger.released
	if !r.dirty[i] {
		return "", false, nil
	}
	r.prune(i, c.Now())
	text, err = encodeReleased(r.shards[i])
	if err != nil {
		return "", false, err
	}
	r.dirty[i] = false
	return text, true, nil
}

func (c *Claims) writeShard(ctx context.Context, i int, text string) error {
	shard := &corev1.ConfigMap{}
	err := c.Live.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: releasedName(i)}, shard)
	switch {
	case apierrors.IsNotFound(err):
		shard.ObjectMeta = metav1.ObjectMeta{
			Namespace: c.Namespace, Name: releasedName(i), Labels: map[string]string{"app.kubernetes.io/managed-by": fieldManager},
		}
		shard.Data = map[string]string{releasedKey: text}
		err = c.Client.Create(ctx, shard, client.FieldOwner(fieldManager))
	case err == nil:
		shard.Data = map[string]string{releasedKey: text}
		err = c.Client.Update(ctx, shard, client.FieldOwner(fieldManager))
	}
	if err != nil {
		return fmt.Errorf("store the released claims: %w", err)
	}
	return nil
}

// announceDropped tells people that released claims had to go before their time.
func (c *Claims) announceDropped() {
	c.mu.Lock()
	dropped := c.ledger.released.dropped
	news := dropped > c.announced
	c.announced = dropped
	c.mu.Unlock()
	if !news {
		return
	}
	about := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: releasedName(0)}}
	c.Events.Eventf(about, nil, corev1.EventTypeWarning, reasonClaimsDropped, "ReleaseClaims",
		"More claims were released in 24 hours than can be kept for their namespaces. The oldest ones of the namespace with the most of them were dropped; another namespace can take these now.")
}

func releasedName(i int) string { return releasedPrefix + strconv.Itoa(i) }
