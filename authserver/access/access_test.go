// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

var _ authserver.Entitlement = (*Entitlement)(nil)

var errGone = errors.New("connection refused")

// apiServer answers reviews as its test wants and remembers them.
type apiServer struct {
	mu     sync.Mutex
	asked  []authorizationv1.SubjectAccessReviewSpec
	now    int // questions it has now
	most   int // questions it had at a time
	answer func(ctx context.Context) (authorizationv1.SubjectAccessReviewStatus, error)
}

func (a *apiServer) Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, _ metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	a.mu.Lock()
	a.asked = append(a.asked, review.Spec)
	a.now++
	a.most = max(a.most, a.now)
	answer := a.answer
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.now--
	}()
	status, err := answer(ctx)
	return &authorizationv1.SubjectAccessReview{Status: status}, err
}

func (a *apiServer) says(allowed bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = func(context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
		return authorizationv1.SubjectAccessReviewStatus{Allowed: allowed}, err
	}
}

func (a *apiServer) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// setup returns an Entitlement, the API server behind it, which allows, and the clock.
func setup(t *testing.T) (*Entitlement, *apiServer, *clock) {
	t.Helper()
	api := &apiServer{}
	api.says(true, nil)
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return New(Config{Reviewer: api, Log: slog.New(slog.DiscardHandler), Prefix: DefaultPrefix, Now: c.Now}), api, c
}

var (
	bob        = authserver.Owner{Name: "bob", Groups: []string{"family", "photo club"}}
	photoprint = &authserver.Client{UID: "u-1", ID: "photos.photoprint", Namespace: "photos", Name: "photoprint"}
)

// want asks and fails the test when the answer is another one.
func want(t *testing.T, e *Entitlement, o authserver.Owner, c *authserver.Client, stale time.Duration, allowed bool) {
	t.Helper()
	got, err := e.Entitled(t.Context(), o, c, stale)
	if err != nil || got != allowed {
		t.Errorf("Entitled = %v, %v, want %v", got, err, allowed)
	}
}

func TestTheAPIServerIsAskedForTheVerbAuthorizeOnTheObject(t *testing.T) {
	e, api, _ := setup(t)
	want(t, e, bob, photoprint, 0, true)
	asked := []authorizationv1.SubjectAccessReviewSpec{{
		User: "gatehouse:bob", Groups: []string{"gatehouse:family", "gatehouse:photo club"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "authorize", Group: "gatehouse.dev",
			Resource: "oauthclients", Namespace: "photos", Name: "photoprint"},
	}}
	if diff := cmp.Diff(asked, api.asked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheAnswerIsWhatTheAPIServerSays(t *testing.T) {
	for _, row := range []struct {
		name   string
		status authorizationv1.SubjectAccessReviewStatus
		want   bool
	}{
		{name: "allowed", status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}, want: true},
		{name: "no opinion"},
		{name: "denied", status: authorizationv1.SubjectAccessReviewStatus{Denied: true}},
		{name: "both", status: authorizationv1.SubjectAccessReviewStatus{Allowed: true, Denied: true}},
		{name: "a role is gone", status: authorizationv1.SubjectAccessReviewStatus{EvaluationError: "role not found"}},
		{name: "another role is gone", status: authorizationv1.SubjectAccessReviewStatus{Allowed: true, EvaluationError: "role not found"}, want: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, api, _ := setup(t)
			api.answer = func(context.Context) (authorizationv1.SubjectAccessReviewStatus, error) { return row.status, nil }
			want(t, e, bob, photoprint, 0, row.want)
		})
	}
}

func TestNamesOfTheClusterAreRefusedWithoutAsking(t *testing.T) {
	for _, row := range []struct {
		name, prefix string
		owner        authserver.Owner
		asked        int
		want         bool
	}{
		{name: "no prefix and a user of the cluster", owner: authserver.Owner{Name: "system:admin"}},
		{name: "no prefix and a group of the cluster", owner: authserver.Owner{Name: "eve", Groups: []string{"a", "system:masters"}}},
		{name: "prefix and name together", prefix: "sys", owner: authserver.Owner{Name: "tem:admin"}},
		{name: "prefix and group together", prefix: "system", owner: authserver.Owner{Name: "eve", Groups: []string{":masters"}}},
		{name: "a prefix of the cluster", prefix: "system:", owner: authserver.Owner{Name: "eve"}},
		{name: "no name", prefix: "gatehouse:"},
		{name: "behind our prefix it is harmless", prefix: "gatehouse:", owner: authserver.Owner{Name: "system:admin"}, asked: 1, want: true},
		{name: "no prefix and a name of our own", owner: authserver.Owner{Name: "systems"}, asked: 1, want: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, api, _ := setup(t)
			e.prefix = row.prefix
			want(t, e, row.owner, photoprint, time.Hour, row.want)
			if got := api.count(); got != row.asked {
				t.Errorf("asked %d times, want %d", got, row.asked)
			}
		})
	}
}

func TestAnAnswerIsUsedForTenSecondsAndNoLonger(t *testing.T) {
	for _, row := range []struct {
		name          string
		first, second bool
		after         time.Duration
		want          bool
		asked         int
	}{
		{name: "at once", first: true, want: true, asked: 1},
		{name: "just before", first: true, after: 10*time.Second - 1, want: true, asked: 1},
		{name: "revoked", first: true, after: 10 * time.Second, asked: 2},
		{name: "a refusal at once", second: true, asked: 1},
		{name: "granted", second: true, after: 10 * time.Second, want: true, asked: 2},
		{name: "a clock that went back", first: true, after: -time.Second, asked: 2},
	} {
		for _, stale := range []time.Duration{0, 5 * time.Minute} {
			t.Run(fmt.Sprintf("%s, stale %s", row.name, stale), func(t *testing.T) {
				e, api, c := setup(t)
				api.says(row.first, nil)
				want(t, e, bob, photoprint, stale, row.first)
				api.says(row.second, nil)
				c.advance(row.after)
				want(t, e, bob, photoprint, stale, row.want)
				if got := api.count(); got != row.asked {
					t.Errorf("asked %d times, want %d", got, row.asked)
				}
			})
		}
	}
}

func TestAnAnswerIsAsOldAsItsQuestion(t *testing.T) {
	e, api, c := setup(t)
	api.answer = func(context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
		c.advance(2 * time.Second)
		return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
	}
	want(t, e, bob, photoprint, 0, true)
	api.says(false, nil)
	c.advance(8 * time.Second)
	want(t, e, bob, photoprint, 0, false)
}

func TestWithoutTheAPIServerAnOldAnswerServesOnlyThoseWhoMayUseIt(t *testing.T) {
	for _, row := range []struct {
		name       string
		said       bool
		age, stale time.Duration
		want       bool
		err        error
	}{
		{name: "a new authorization", said: true, age: 10 * time.Second, err: authserver.ErrUnavailable},
		{name: "a refresh", said: true, age: 10 * time.Second, stale: 5 * time.Minute, want: true},
		{name: "a refresh at the last moment", said: true, age: 5 * time.Minute, stale: 5 * time.Minute, want: true},
		{name: "a refresh after that", said: true, age: 5*time.Minute + 1, stale: 5 * time.Minute, err: authserver.ErrUnavailable},
		{name: "an old no stays a no", age: time.Minute, stale: 5 * time.Minute},
		{name: "an answer of the future", said: true, age: -time.Second, stale: 5 * time.Minute, err: authserver.ErrUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, api, c := setup(t)
			api.says(row.said, nil)
			want(t, e, bob, photoprint, 0, row.said)
			api.says(false, errGone)
			c.advance(row.age)
			got, err := e.Entitled(t.Context(), bob, photoprint, row.stale)
			if got != row.want || !errors.Is(err, row.err) {
				t.Errorf("Entitled = %v, %v, want %v, %v", got, err, row.want, row.err)
			}
		})
	}
}

func TestWithoutAnyAnswerTheErrorSaysUnavailableAndWhy(t *testing.T) {
	e, api, _ := setup(t)
	api.says(true, errGone)
	got, err := e.Entitled(t.Context(), bob, photoprint, time.Hour)
	if got || !errors.Is(err, authserver.ErrUnavailable) || !errors.Is(err, errGone) {
		t.Errorf("Entitled = %v, %v", got, err)
	}
}

func TestANewAnswerWinsOverAnOldOneThatMayBeUsed(t *testing.T) {
	e, api, c := setup(t)
	want(t, e, bob, photoprint, time.Hour, true)
	api.says(false, nil)
	c.advance(11 * time.Second)
	want(t, e, bob, photoprint, time.Hour, false)
	api.says(false, errGone)
	c.advance(11 * time.Second)
	want(t, e, bob, photoprint, time.Hour, false)
}

func TestAnotherOwnerGroupOrClientIsAnotherQuestion(t *testing.T) {
	e, api, _ := setup(t)
	other := *photoprint
	other.UID = "u-2" // the same name, made again
	for i, row := range []struct {
		owner  authserver.Owner
		client *authserver.Client
	}{
		{bob, photoprint},
		{authserver.Owner{Name: "alice", Groups: bob.Groups}, photoprint},
		{authserver.Owner{Name: "bob"}, photoprint},
		{authserver.Owner{Name: "bob", Groups: []string{"family"}}, photoprint},
		{authserver.Owner{Name: "bob", Groups: []string{"familyphoto club"}}, photoprint},
		{bob, &other},
	} {
		want(t, e, row.owner, row.client, 0, true)
		if got := api.count(); got != i+1 {
			t.Errorf("row %d: asked %d times", i, got)
		}
	}
}

func TestManyWhoWantOneAnswerAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, _ := setup(t)
		hold := make(chan struct{})
		api.answer = func(context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
			<-hold
			return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { want(t, e, bob, photoprint, 0, true) })
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		if got := api.count(); got != 1 {
			t.Errorf("asked %d times", got)
		}
	})
}

func TestTheFirstWhoLeavesDoesNotTakeTheAnswerAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, _ := setup(t)
		hold := make(chan struct{})
		api.answer = func(ctx context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
			select {
			case <-hold:
				return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
			case <-ctx.Done():
				return authorizationv1.SubjectAccessReviewStatus{}, ctx.Err()
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		var first, second sync.WaitGroup
		first.Go(func() {
			if _, err := e.Entitled(ctx, bob, photoprint, 0); !errors.Is(err, context.Canceled) || !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		second.Go(func() { want(t, e, bob, photoprint, 0, true) })
		synctest.Wait()
		leave()
		first.Wait()
		close(hold)
		second.Wait()
		if got := api.count(); got != 1 {
			t.Errorf("asked %d times", got)
		}
	})
}

// hang makes the API server take questions and never answer.
func (a *apiServer) hang() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = func(ctx context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
		<-ctx.Done()
		return authorizationv1.SubjectAccessReviewStatus{}, ctx.Err()
	}
}

func TestASilentAPIServerIsNotWaitedForLongerThanThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, _ := setup(t)
		api.hang()
		begin := time.Now()
		var all sync.WaitGroup
		for i := range 3 * maxParallel { // some of them wait for their turn only
			all.Go(func() {
				owner := authserver.Owner{Name: fmt.Sprint(i)}
				if _, err := e.Entitled(t.Context(), owner, photoprint, time.Hour); !errors.Is(err, authserver.ErrUnavailable) {
					t.Errorf("error %v", err)
				}
			})
		}
		all.Wait()
		if took := time.Since(begin); took != askTimeout {
			t.Errorf("it took %s", took)
		}
		if api.most != maxParallel {
			t.Errorf("%d questions at a time", api.most)
		}
	})
}

// N102: during an outage the first caller waits for the API server, and nobody after it.
func TestN102WhileTheAPIServerHangsOnlyTheFirstCallerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, _ := setup(t)
		e.now = time.Now // the bubble's
		owners := make([]authserver.Owner, 20)
		for i := range owners {
			owners[i] = authserver.Owner{Name: fmt.Sprint(i)}
			want(t, e, owners[i], photoprint, 0, true)
		}
		pass(t, freshFor)
		api.hang()
		begin := time.Now()
		want(t, e, owners[0], photoprint, time.Hour, true) // finds out
		if took := time.Since(begin); took != askTimeout {
			t.Errorf("the first caller waited %s", took)
		}
		before := api.count()
		for range 30 {
			pass(t, probeEvery)
			begin := time.Now()
			for _, owner := range owners {
				want(t, e, owner, photoprint, time.Hour, true)
			}
			if took := time.Since(begin); took != 0 {
				t.Fatalf("20 answers took %s", took)
			}
		}
		// Each probe takes three seconds, and the next one begins when a second has passed.
		if probes := api.count() - before; probes < 5 || probes > 10 {
			t.Errorf("%d probes in 30 seconds", probes)
		}
		if _, err := e.Entitled(t.Context(), owners[0], photoprint, 0); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("a new authorization: %v", err)
		}
		api.says(false, nil)
		pass(t, askTimeout+probeEvery) // what still hangs has ended
		want(t, e, owners[0], photoprint, time.Hour, true)
		synctest.Wait() // the API server is back, and the probe has found out
		want(t, e, owners[0], photoprint, time.Hour, false)
		want(t, e, owners[1], photoprint, time.Hour, false)
	})
}

// N92: a failure makes no older answer good for longer, unless the API server still gives none.
func TestN92AFailureThatIsOverKeepsNobodyEntitled(t *testing.T) {
	for age, entitled := range map[time.Duration]bool{silentFor - time.Second: true, silentFor: false, 4 * time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			e, api, c := setup(t)
			want(t, e, bob, photoprint, 0, true)
			c.advance(freshFor)
			api.says(false, errGone)
			want(t, e, bob, photoprint, 5*time.Minute, true) // finds out
			api.says(false, nil)
			c.advance(age)
			want(t, e, bob, photoprint, 5*time.Minute, entitled)
			synctest.Wait()
		})
	}
}

// N102: a question that waited for its turn in vain was not asked. The API server may be well.
func TestN102WhoWaitsForATurnInVainBeginsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, _ := setup(t)
		e.now = time.Now // the bubble's
		want(t, e, bob, photoprint, 0, true)
		pass(t, freshFor)
		hold := make(chan struct{})
		api.answer = func(context.Context) (authorizationv1.SubjectAccessReviewStatus, error) {
			<-hold
			return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
		}
		var all sync.WaitGroup
		for i := range maxParallel {
			all.Go(func() { want(t, e, authserver.Owner{Name: fmt.Sprint(i)}, photoprint, 0, true) })
		}
		synctest.Wait()
		if _, err := e.Entitled(t.Context(), authserver.Owner{Name: "late"}, photoprint, 0); !errors.Is(err, authserver.ErrUnavailable) {
			t.Errorf("without a turn: %v", err)
		}
		api.says(false, nil)
		close(hold)
		all.Wait()
		want(t, e, bob, photoprint, time.Hour, false)
	})
}

// A probe that gets no turn leaves it to the next caller to find out that the outage is over.
func TestAProbeThatIsNotAskedStopsNoOther(t *testing.T) {
	o, now := &outage{}, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o.ended(errGone, now)
	now = now.Add(probeEvery)
	for n := range 2 {
		if down, probe := o.on(now); !down || !probe {
			t.Errorf("caller %d: down %t, probe %t", n, down, probe)
		}
		if changed := o.ended(fmt.Errorf("review: %w", errNotAsked), now); changed {
			t.Error("a question that was not asked changes something")
		}
	}
	if changed := o.ended(nil, now); !changed {
		t.Error("the outage does not end")
	}
}

func TestTheBoundsOfANamespaceAreForgotten(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	q := newTurns(c.Now)
	ask := func(refused bool) {
		t.Helper()
		if err := q.ask(t.Context(), "photos", func() (bool, error) { return refused, nil }); err != nil {
			t.Fatal(err)
		}
	}
	ask(false)
	if len(q.refused) != 0 {
		t.Error("a namespace with good tokens only is remembered")
	}
	ask(true)
	if len(q.refused) != 1 {
		t.Error("a refusal is forgotten")
	}
	c.advance(refusedEvery)
	ask(false)
	if len(q.refused) != 0 {
		t.Error("a refusal is remembered for ever")
	}
}

func TestAClockThatWasSetBackDoesNotStopTheProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, api, clock := setup(t)
		want(t, e, bob, photoprint, 0, true)
		clock.advance(freshFor)
		api.says(false, errGone)
		want(t, e, bob, photoprint, time.Hour, true) // finds out
		clock.advance(-freshFor / 2)                 // the answer is not from the future
		e.cache.put(keyOf(must(e.subject(bob)), photoprint.UID), answer{allowed: true, at: clock.Now().Add(-freshFor)})
		api.says(false, nil)
		want(t, e, bob, photoprint, time.Hour, true)
		synctest.Wait()
		want(t, e, bob, photoprint, time.Hour, false)
	})
}

func must(s subject, err error) subject {
	if err != nil {
		panic(err)
	}
	return s
}

// pass lets d of the bubble's time pass.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
}

func TestTheNumberOfAnswersIsBoundedAndTheLeastUsedGoes(t *testing.T) {
	c := newCache[answer](3)
	named := func(n byte) key { return key{n} }
	for n := range byte(3) {
		c.put(named(n), answer{allowed: true})
	}
	if _, ok := c.get(named(0)); !ok {
		t.Fatal("an answer is gone too early")
	}
	c.put(named(3), answer{allowed: true})
	c.put(named(3), answer{})
	var kept []byte
	for n := range byte(4) {
		if _, ok := c.get(named(n)); ok {
			kept = append(kept, n)
		}
	}
	if diff := cmp.Diff([]byte{0, 2, 3}, kept); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(c.byKey) != 3 || c.used.Len() != 3 {
		t.Errorf("%d keys, %d items", len(c.byKey), c.used.Len())
	}
	if got, _ := c.get(named(3)); got.allowed {
		t.Error("the older answer is kept")
	}
}

// watched is an Observer that keeps what it was told.
type watched []string

func (w *watched) Asked(took time.Duration, allowed bool, err error) {
	*w = append(*w, fmt.Sprint(took, " ", allowed, " ", err != nil))
}
func (w *watched) Stale() { *w = append(*w, "stale") }

func TestEachQuestionAndEachOlderAnswerIsObserved(t *testing.T) {
	api, c, got := &apiServer{}, &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}, watched{}
	api.says(true, nil)
	e := New(Config{Reviewer: api, Log: slog.New(slog.DiscardHandler), Observer: &got, Now: c.Now})
	want(t, e, bob, photoprint, 0, true)
	want(t, e, bob, photoprint, 0, true) // kept
	c.advance(time.Minute)
	api.says(false, errors.New("away"))
	want(t, e, bob, photoprint, 5*time.Minute, true)
	if strings.Join(got, ", ") != "0s true false, 0s false true, stale" {
		t.Errorf("observed: %v", got)
	}
}
