// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

func newContact(log *testio.Log) *contact {
	c := &contact{}
	c.init("oauthclients", usualPatience, slog.New(slog.NewTextHandler(log, nil)))
	return c
}

// pass lets d of the bubble's time pass.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func TestN107ACallThatHangsIsGivenUp(t *testing.T) {
	for name, call := range map[string]func(context.Context, *contact) error{
		"list": func(ctx context.Context, c *contact) error {
			_, err := c.list(ctx, func(ctx context.Context) (runtime.Object, error) { <-ctx.Done(); return nil, ctx.Err() })
			return err
		},
		"watch": func(ctx context.Context, c *contact) error {
			_, err := c.watch(ctx, false, func(ctx context.Context) (apiwatch.Interface, error) { <-ctx.Done(); return nil, ctx.Err() })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, begin := newContact(&testio.Log{}), time.Now()
				if err := call(t.Context(), c); !errors.Is(err, errHangs) {
					t.Errorf("error %v, want one that says that the API server hangs", err)
				}
				if took := time.Since(begin); took != c.answer || !c.last().IsZero() {
					t.Errorf("it took %s; last contact %s", took, c.last())
				}
				ended, end := context.WithCancel(t.Context())
				end()
				if err := call(ended, c); !errors.Is(err, context.Canceled) || errors.Is(err, errHangs) {
					t.Errorf("a caller who leaves: %v", err)
				}
			})
		})
	}
}

func TestN107AWatchThatIsSilentForTooLongEndsAndABookmarkKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &testio.Log{}
		c, from := newContact(log), apiwatch.NewFake()
		stream, err := c.watch(t.Context(), false, func(context.Context) (apiwatch.Interface, error) { return from, nil })
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			pass(t, c.silence-time.Second)
			from.Action(apiwatch.Bookmark, &oauthClient{})
			if e, open := <-stream.ResultChan(); !open || e.Type != apiwatch.Bookmark {
				t.Fatalf("the stream is open: %v, event %v", open, e.Type)
			}
			if age := time.Since(c.last()); age != 0 {
				t.Fatalf("the last contact is %s old", age)
			}
		}
		begin := time.Now()
		if _, open := <-stream.ResultChan(); open {
			t.Fatal("an event came from nowhere")
		}
		if took := time.Since(begin); took != c.silence || !from.IsStopped() || !strings.Contains(log.String(), "opened again") {
			t.Errorf("it took %s; stopped: %v; log: %s", took, from.IsStopped(), log)
		}
	})
}

func TestN213WhatIsKnownIsOldUntilEverythingHasComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &testio.Log{}
		c, from := newContact(log), apiwatch.NewFake()
		c.heard()
		before := c.last()
		go c.supervise(t.Context())
		stream, err := c.watch(t.Context(), true, func(context.Context) (apiwatch.Interface, error) { return from, nil })
		if err != nil {
			t.Fatal(err)
		}
		send := func(kind apiwatch.EventType, annotations map[string]string) {
			pass(t, c.look)
			o := &oauthClient{}
			o.Annotations = annotations
			from.Action(kind, o)
			if e := <-stream.ResultChan(); e.Type != kind {
				t.Fatalf("the event %v came", e.Type)
			}
		}
		for range 100 {
			send(apiwatch.Added, nil)
			send(apiwatch.Bookmark, nil)
		}
		if !c.last().Equal(before) || !strings.Contains(log.String(), "sends no changes") {
			t.Errorf("while everything is read again the last contact is %s old; log: %s", time.Since(c.last()), log)
		}
		send(apiwatch.Bookmark, map[string]string{metav1.InitialEventsAnnotationKey: "true"})
		if age := time.Since(c.last()); age != 0 {
			t.Errorf("everything has come; the last contact is %s old", age)
		}
		send(apiwatch.Modified, nil)
		if age := time.Since(c.last()); age != 0 {
			t.Errorf("after a change the last contact is %s old", age)
		}
		stream.Stop()
	})
}

func TestAWatchThatIsStoppedLeavesNothingRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble fails if a goroutine is left
		from := apiwatch.NewFakeWithChanSize(2, false)
		c := newContact(&testio.Log{})
		stream, err := c.watch(t.Context(), false, func(context.Context) (apiwatch.Interface, error) { return from, nil })
		if err != nil {
			t.Fatal(err)
		}
		from.Add(&oauthClient{}) // and nobody reads it
		synctest.Wait()
		stream.Stop()
		stream.Stop()
		synctest.Wait()
		if !from.IsStopped() {
			t.Error("the watch goes on")
		}
	})
}

func TestN107ATimerWarnsOfAnAPIServerThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &testio.Log{}
		c := newContact(log)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.supervise(ctx)
		const warning = `level=WARN msg="the API server sends no changes`
		for _, step := range []struct {
			name     string
			heard    bool
			after    time.Duration
			warnings int
			again    int
		}{
			{"never heard of", false, time.Hour, 0, 0},
			{"heard of", true, c.warn - c.look, 0, 0},
			{"silent for too long", false, c.look, 1, 0},
			{"still silent", false, time.Hour, 1, 0},
			{"back", true, time.Minute, 1, 1},
			{"silent anew", false, time.Minute, 2, 1},
		} {
			if step.heard {
				c.heard()
			}
			pass(t, step.after)
			if got, again := strings.Count(log.String(), warning), strings.Count(log.String(), "sends changes again"); got != step.warnings || again != step.again {
				t.Errorf("%s: %d warnings, %d times back:\n%s", step.name, got, again, log)
			}
		}
	})
}

// N107, with a real API server that takes connections and answers nothing (SIGSTOP).
func TestN107AnAPIServerThatHangsIsNoticedWarnedOfAndReconnected(t *testing.T) {
	// The connection is asked for a sign of life sooner than every 30 seconds.
	t.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1")
	t.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "1")
	env := testenv.Start(t)
	namespace, log := env.Namespace(t), &testio.Log{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the registry logged:\n%s", log)
		}
	})
	r, err := New(env.Config, "", View{}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.watches {
		w.contact.patience = patience{answer: 10 * time.Second, silence: time.Hour, warn: 2 * time.Second, look: 100 * time.Millisecond}
	}
	run(t, r)
	if err := r.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.LastContact().IsZero() {
		t.Error("nobody was heard of, and the registry is synced")
	}
	resume := env.Pause(t)
	testenv.Eventually(t, time.Minute, "the timer warns", func() bool {
		return strings.Contains(log.String(), "the API server sends no changes")
	})
	testenv.Eventually(t, time.Minute, "a call is given up", func() bool {
		return strings.Contains(log.String(), "the API server cannot be reached")
	})
	paused := r.LastContact()
	if !r.Synced() {
		t.Error("what was known is forgotten")
	}
	resume()
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "photoprint"}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + namespace + ".example/callback")}
	testenv.Eventually(t, time.Minute, "the API server takes an object", func() bool {
		err := env.Client.Create(t.Context(), oc)
		return err == nil || apierrors.IsAlreadyExists(err) // it took it before, and the pause took the answer
	})
	testenv.Eventually(t, time.Minute, "the registry follows again", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.clients.all[namespace+"/photoprint"] != nil
	})
	// The last contact is that of the watch which was heard of longest ago: all of them come back. A watch that outlived the
	// pause is heard of by a bookmark, and the API server sends those about once a minute.
	testenv.Eventually(t, 3*time.Minute, "every watch was heard of again", func() bool { return r.LastContact().After(paused) })
	if !strings.Contains(log.String(), "sends changes again") {
		t.Errorf("nothing tells that it is over:\n%s", log)
	}
}
