// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/gatehouse-dev/gatehouse/internal/wallclock"
)

// dialTimeout is how long a connection to the API server may take.
const dialTimeout = 5 * time.Second

// patience is how long the API server may say nothing.
type patience struct {
	// answer is until a watch begins, or more of a list comes.
	answer time.Duration
	// silence ends a watch. The API server sends a bookmark about once a minute.
	silence time.Duration
	// warn is until a warning is logged; look is how often that is looked at.
	warn, look time.Duration
}

var usualPatience = patience{answer: 30 * time.Second, silence: 3 * time.Minute, warn: 90 * time.Second, look: 5 * time.Second}

var errHangs = errors.New("the API server takes the request and does not answer")

// contact knows when the API server was last heard of. A call that hangs says nothing by itself,
// so the calls are bounded in time, and a timer looks at how long it was silent.
type contact struct {
	patience
	resource string
	log      *slog.Logger
	now      func() time.Time

	at     atomic.Pointer[time.Time] // nil: never
	silent atomic.Bool               // a warning was logged
}

func (c *contact) init(resource string, p patience, log *slog.Logger) {
	c.resource, c.patience, c.log, c.now = resource, p, log, wallclock.Now
}

// last returns when the API server was last heard of, or the zero time.
func (c *contact) last() time.Time {
	if at := c.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// heard notes that the API server was heard of just now.
func (c *contact) heard() {
	now := c.now()
	c.at.Store(&now)
	if c.silent.Swap(false) {
		c.log.Info("the API server sends changes again", "resource", c.resource)
	}
}

// supervise logs a warning when the API server was silent for too long, until ctx ends.
func (c *contact) supervise(ctx context.Context) {
	tick := time.NewTicker(c.look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := c.last()
		if at.IsZero() { // the server was never ready, and logs what it waits for
			continue
		}
		if age := c.now().Sub(at); age >= c.warn && !c.silent.Swap(true) {
			c.log.WarnContext(ctx, "the API server sends no changes; what is known stays in use", "resource", c.resource, "seconds", int(age.Seconds()))
		}
	}
}

// list calls the API server for a list.
func (c *contact) list(ctx context.Context, call func(context.Context) (runtime.Object, error)) (runtime.Object, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, p := withProgress(ctx, c.answer, func() { cancel(errHangs) })
	defer p.stop()
	list, err := call(ctx)
	if err == nil {
		c.heard()
	}
	return list, explain(ctx, err)
}

// watch calls the API server for a stream, which ends when it is silent for too long. A stream that begins with
// everything there is counts as contact once all of that has come: until then what is known is as old as it was.
func (c *contact) watch(ctx context.Context, everything bool, call func(context.Context) (apiwatch.Interface, error)) (apiwatch.Interface, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.answer, func() { cancel(errHangs) })
	from, err := call(ctx)
	if err != nil {
		err = explain(ctx, err)
	} else if !timer.Stop() { // it is cancelled in this moment
		from.Stop()
		err = errHangs
	}
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	if !everything {
		c.heard()
	}
	s := &stream{from: from, reading: everything, events: make(chan apiwatch.Event), ended: make(chan struct{}), cancel: func() { cancel(nil) }}
	go s.run(c)
	return s, nil
}

// explain names the cause where the call was given up here.
func explain(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errHangs) {
		return errHangs
	}
	return err
}

// stream passes the events of a watch on, and notes each.
type stream struct {
	from    apiwatch.Interface
	reading bool // not everything there is has come yet
	events  chan apiwatch.Event
	ended   chan struct{} // closed by Stop
	once    sync.Once
	cancel  func()
}

// ResultChan is part of watch.Interface.
func (s *stream) ResultChan() <-chan apiwatch.Event { return s.events }

// Stop is part of watch.Interface.
func (s *stream) Stop() { s.once.Do(func() { close(s.ended) }) }

func (s *stream) run(c *contact) {
	defer s.cancel()
	defer close(s.events)
	defer s.from.Stop()
	silence := time.NewTimer(c.silence)
	defer silence.Stop()
	for {
		select {
		case <-s.ended:
			return
		case <-silence.C:
			c.log.Warn("a watch was silent for too long; it is opened again", "resource", c.resource, "seconds", int(c.silence.Seconds()))
			return
		case event, open := <-s.from.ResultChan():
			if !open {
				return
			}
			s.reading = s.reading && !isWhole(event)
			if event.Type != apiwatch.Error && !s.reading {
				c.heard()
			}
			silence.Reset(c.silence)
			select {
			case s.events <- event:
			case <-s.ended:
				return
			}
		}
	}
}

// isWhole reports whether an event says that everything there is has come.
func isWhole(event apiwatch.Event) bool {
	if event.Type != apiwatch.Bookmark {
		return false
	}
	o, err := meta.Accessor(event.Object)
	return err == nil && o.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}
