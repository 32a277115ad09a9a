// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"
	"sync"
	"time"
)

// holdoffs remember what the API server stored otherwise than it was sent, a Secret or a ConfigMap, as an admission
// webhook makes it do, and until when it is not sent again. Each write has the object looked
// at again at once: where a webhook stores another value each time, that would go on without a pause. The zero
// value is ready.
type holdoffs struct {
	mu sync.Mutex
	of map[objectRef]holdoff
}

// holdoff is the last Secret, or ConfigMap, of an object that was stored otherwise.
type holdoff struct {
	content  string // its name and digest: another one that is wanted now is sent at once
	accepted bool   // what was stored lets an application in all the same
	wait     time.Duration
	until    time.Time
}

const firstHoldoff = time.Second

func (c secretContent) held() string { return c.name + "/" + c.digest }

// stored notes what became of the content that was sent now.
func (h *holdoffs) stored(of objectRef, sent string, asSent, accepted bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if asSent && accepted {
		delete(h.of, of)
		return
	}
	last, wait := h.of[of], firstHoldoff
	if last.content == sent && now.Sub(last.until) < longestRetry {
		wait = min(2*last.wait, longestRetry)
	}
	if h.of == nil {
		h.of = map[objectRef]holdoff{}
	}
	h.of[of] = holdoff{content: sent, accepted: accepted, wait: wait, until: now.Add(wait)}
}

// left returns how long the content is not sent again; zero: it may be sent.
func (h *holdoffs) left(of objectRef, want string, now time.Time) (wait time.Duration, accepted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, noted := h.of[of]
	if !noted || last.content != want || !now.Before(last.until) {
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
// as if it had been sent. The ConfigMap does not wait for a Secret that lets applications in.
func (i *Issuance) holdBack(ctx context.Context, s subject, d decision) (decision, error) {
	for _, next := range d.steps {
		want := next.written()
		if want == nil {
			continue
		}
		wait, accepted := i.held.left(s.ref(), want.held(), i.Now())
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
		d.steps = slices.DeleteFunc(slices.Clone(d.steps), func(s step) bool { return s.status == nil && !s.isOfMap() })
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
