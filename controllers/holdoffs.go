// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// holdoffs remember what the API server stored last of an object, a Secret or a ConfigMap, and until when the same content is not
// sent again. One that it stored otherwise than it was sent, as an admission webhook makes it do, waits at once. One that it stored as sent
// waits where it had to be sent again and again: somebody else keeps changing or deleting it. Each write has the object looked
// at again at once, so both would go on without a pause. The zero value is ready.
type holdoffs struct {
	mu    sync.Mutex
	of    map[objectRef]holdoff
	swept time.Time
}

// holdoff is the last Secret, or ConfigMap, of an object.
type holdoff struct {
	content  string // its name and digest: another one that is wanted now is sent at once
	asSent   bool   // it was stored as it was sent
	accepted bool   // what was stored lets an application in
	quick    int    // how many times more it is sent without a wait, where it is stored as sent
	wait     time.Duration
	until    time.Time
}

const (
	firstHoldoff = time.Second
	// quickWrites is how often a content is sent without a wait, as long as no longestRetry passes in between.
	quickWrites = 10
)

// errRewritten: what the API server stored as it was sent was changed or deleted again and again.
var errRewritten = errors.New("somebody else keeps changing or deleting it")

func (c secretContent) held() string { return c.name + "/" + c.digest }

// stored notes what became of the content that was sent now.
func (h *holdoffs) stored(of objectRef, sent string, asSent, accepted bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep(now)
	next := holdoff{content: sent, asSent: asSent && accepted, accepted: accepted, quick: quickWrites, until: now}
	var before time.Duration
	if last := h.of[of]; last.content == sent && now.Sub(last.until) < longestRetry {
		next.quick, before = last.quick, last.wait
	}
	if next.asSent && next.quick > 0 {
		next.quick--
	} else {
		next.wait = min(max(2*before, firstHoldoff), longestRetry)
		next.until = now.Add(next.wait)
	}
	if h.of == nil {
		h.of = map[objectRef]holdoff{}
	}
	h.of[of] = next
}

// sweep forgets what counts no more.
func (h *holdoffs) sweep(now time.Time) {
	if now.Sub(h.swept).Abs() < longestRetry {
		return
	}
	h.swept = now
	maps.DeleteFunc(h.of, func(_ objectRef, last holdoff) bool { return now.Sub(last.until) >= longestRetry })
}

// left returns how long the content is not sent again, and what became of it last; zero: it may be sent.
func (h *holdoffs) left(of objectRef, want string, now time.Time) (last holdoff, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, noted := h.of[of]
	if !noted || last.content != want || !now.Before(last.until) {
		return holdoff{}, 0
	}
	return last, min(last.until.Sub(now), last.wait)
}

func (h *holdoffs) forget(of objectRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.of, of)
}

// holdBack takes out of the decision what writes a Secret that is not sent again yet. What the status says is
// as if it had been sent. The ConfigMap does not wait for a Secret that lets applications in.
func (i *Issuance) holdBack(ctx context.Context, s subject, d decision) (decision, error) {
	for _, next := range d.steps {
		want := next.written()
		if want == nil {
			continue
		}
		last, wait := i.held.left(s.ref(), want.held(), i.Now())
		if wait <= 0 {
			return d, nil
		}
		if d.after == 0 || wait < d.after || d.rotatesNext { // it follows no write that is not made
			d.after = wait
		}
		cause, err := i.heldBecause(ctx, s, want, last)
		if err != nil {
			return d, err
		}
		if cause != nil {
			d.steps = nil
			return d, i.sayRefused(ctx, s, next, cause)
		}
		d.steps = slices.DeleteFunc(slices.Clone(d.steps), func(s step) bool { return s.status == nil && !s.isOfMap() })
		return d, nil
	}
	return d, nil
}

// heldBecause returns why what the cluster holds in place of the Secret that waits lets no application in. Nil: it does.
func (i *Issuance) heldBecause(ctx context.Context, s subject, want *secretContent, last holdoff) (cause, err error) {
	if !last.asSent {
		if last.accepted {
			return nil, nil
		}
		return errNotAccepted, nil
	}
	secret, err := i.liveSecret(ctx, client.ObjectKey{Namespace: s.namespace(), Name: want.name})
	if err != nil {
		return nil, err
	}
	if secret != nil && want.accepted(secret.Data) {
		return nil, nil
	}
	return errRewritten, nil
}

// rewrittenMessage says what to do about a writer that changes the object of the kind whenever the operator has written it.
func rewrittenMessage(kind, name string) string {
	return fmt.Sprintf("Somebody else keeps changing or deleting the %s %q whenever the operator has written it. Look who it is in its metadata.managedFields "+
		"and in the audit log of the API server, and have them leave out %ss with the label %s, or choose another name. It is written again within two minutes.",
		kind, name, kind, v1alpha1.LabelOwnerUID)
}

// written returns the Secret that the step has the API server store; nil: none.
func (s step) written() *secretContent {
	switch {
	case s.dryRun:
		return nil
	case s.apply != nil:
		return &s.apply.content
	default:
		return s.create
	}
}
