// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"sync"
	"time"
)

// holdoffs remember the Secrets that the API server stored otherwise than they were sent, as an admission
// webhook makes it do, and until when they are not sent again. Each write of a Secret has its object looked
// at again at once: where a webhook stores another value each time, that would go on without a pause. The zero
// value is ready.
type holdoffs struct {
	mu sync.Mutex
	of map[objectRef]holdoff
}

// holdoff is the last Secret of an object that was stored otherwise.
type holdoff struct {
	content  string // its name and digest: a Secret that is wanted now is sent at once
	accepted bool   // what was stored lets an application in all the same
	wait     time.Duration
	until    time.Time
}

const firstHoldoff = time.Second

func heldContent(c secretContent) string { return c.name + "/" + c.digest }

// stored notes what became of the Secret that was sent now.
func (h *holdoffs) stored(of objectRef, sent secretContent, asSent, accepted bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if asSent && accepted {
		delete(h.of, of)
		return
	}
	last, wait := h.of[of], firstHoldoff
	if last.content == heldContent(sent) && now.Sub(last.until) < longestRetry {
		wait = min(2*last.wait, longestRetry)
	}
	if h.of == nil {
		h.of = map[objectRef]holdoff{}
	}
	h.of[of] = holdoff{content: heldContent(sent), accepted: accepted, wait: wait, until: now.Add(wait)}
}

// left returns how long the Secret is not sent again; zero: it may be sent.
func (h *holdoffs) left(of objectRef, want secretContent, now time.Time) (wait time.Duration, accepted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, noted := h.of[of]
	if !noted || last.content != heldContent(want) || !now.Before(last.until) {
		return 0, false
	}
	return min(last.until.Sub(now), last.wait), last.accepted
}

func (h *holdoffs) forget(of objectRef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.of, of)
}

// holdBack takes out of the decision what writes a Secret that is not sent again yet. What the status says is
// as if it had been sent.
func (i *Issuance) holdBack(ctx context.Context, s subject, d decision) (decision, error) {
	for _, next := range d.steps {
		want := next.written()
		if want == nil {
			continue
		}
		wait, accepted := i.held.left(s.ref(), *want, i.Now())
		if wait <= 0 {
			return d, nil
		}
		if d.after == 0 || wait < d.after {
			d.after = wait
		}
		if !accepted {
			d.steps = nil
			return d, i.sayRefused(ctx, s, next, errNotAccepted)
		}
		d.steps = slices.DeleteFunc(slices.Clone(d.steps), func(s step) bool { return s.status == nil })
		return d, nil
	}
	return d, nil
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
