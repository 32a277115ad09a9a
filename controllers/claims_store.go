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
	// Skew tells how far Now is ahead of the API server's clock, if that is known. Nil: it is not.
	Skew func() (skew time.Duration, known bool)
	// Wake enqueues an object that a change concerns. nil: nobody is told.
	Wake func(objectRef)

	loading sync.Mutex // held while the ledger is built
	storing sync.Mutex // held while ConfigMaps are written

	mu        sync.Mutex
	ledger    *ledger // nil: not built yet
	announced uint64  // dropped records that were told
}

// now returns the time that claims and reservations go by: that of the API server, where the two clocks disagree. Otherwise an operator
// whose clock is wrong would give what was released to another namespace before its day is over.
func (c *Claims) now() time.Time {
	skew, _, agree := compare(c.Skew)
	if agree {
		return c.Now()
	}
	return c.Now().Add(-skew)
}

// settle decides about the claims of an object and stores what was released by it.
func (c *Claims) settle(ctx context.Context, o claimant) ([]claimResult, error) {
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	before := c.ledger.released.added
	results, concerned := c.ledger.settle(o, c.now())
	released := c.ledger.released.added != before
	c.mu.Unlock()
	if err := c.store(ctx, released); err != nil {
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
	before := c.ledger.released.added
	concerned := c.ledger.forget(ref, c.now())
	released := c.ledger.released.added != before
	c.mu.Unlock()
	if err := c.store(ctx, released); err != nil {
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
	return c.ledger.released.count(c.now()), c.ledger.released.dropped
}

func (c *Claims) wake(refs []objectRef) {
	if c.Wake == nil {
		return
	}
	for _, ref := range refs {
		c.Wake(ref)
	}
}

// store writes the ConfigMaps that have changed. Whoever released something waits until it is
// written, also where another one writes it: many releases take one write. Whoever released
// nothing waits for nobody.
func (c *Claims) store(ctx context.Context, released bool) error {
	if !released && !c.isDirty() {
		return nil
	}
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

func (c *Claims) isDirty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.ledger.released.dirty[:], true)
}

func (c *Claims) takeDirty(i int) (text string, changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.ledger.released
	if !r.dirty[i] {
		return "", false, nil
	}
	r.prune(i, c.now())
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
