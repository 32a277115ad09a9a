// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// people is how many apply clients at the same time.
const people = 8

// handover is two operators, of which the first leads, and what was asked of them.
type handover struct {
	*installation
	ledger        *ledger
	leader        *operator
	standby       *operator
	via           *proxy // of the leader
	contested     int    // addresses that two namespaces want
	leases        *leases
	leaderID      string
	reached       chan struct{} // closed when the leader is in the middle
	statusWritten int           // by the leader, so far
}

// newHandover starts two operators and waits until one leads and both are ready.
func newHandover(t *testing.T) *handover {
	t.Helper()
	i := install(t)
	h := &handover{installation: i, ledger: i.watchAll(), leases: i.watchLeases(), reached: make(chan struct{}), contested: 5}
	random := seeded(t)
	h.via = i.newProxy("first", random)
	h.leader = i.startOperator("first", h.via)
	t.Cleanup(h.leader.kill)
	i.eventually("the first operator leads", func() bool { return i.leader() != "" })
	h.leaderID = i.leader()
	h.standby = i.startOperator("second", i.newProxy("second", random))
	t.Cleanup(func() { i.stop(h.standby) })
	for _, o := range []*operator{h.leader, h.standby} {
		i.eventually("the leader and the standby are ready", func() bool { return i.answers("http://"+o.probes+"/readyz") == http.StatusOK })
	}
	return h
}

// create applies n clients at once. In the middle, act is called from the request with which
// the leader writes a status; the request is forwarded when it returns.
func (h *handover) create(n int, act func()) {
	h.t.Helper()
	middle := sync.OnceFunc(func() {
		act()
		close(h.reached)
	})
	h.via.mu.Lock()
	h.via.before = func(r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/status") {
			return
		}
		h.via.mu.Lock()
		h.statusWritten++
		now := h.statusWritten == n/3
		h.via.mu.Unlock()
		if now {
			middle()
		}
	}
	h.via.mu.Unlock()
	drafts := make(chan *v1alpha1.OAuthClient, n+2*h.contested)
	for k := range n {
		drafts <- h.draft(k%len(h.teams), fmt.Sprintf("photoprint-%d", k))
	}
	for k := range h.contested {
		for team := range h.teams {
			oc := h.draft(team, fmt.Sprintf("contested-%d", k))
			oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(fmt.Sprintf("https://%s.example/contested-%d", h.system, k))}
			drafts <- oc
		}
	}
	close(drafts)
	h.inParallel(drafts)
}

func (h *handover) inParallel(drafts <-chan *v1alpha1.OAuthClient) {
	h.t.Helper()
	var group sync.WaitGroup
	for range people {
		group.Go(func() {
			for oc := range drafts {
				if err := h.Client.Create(h.t.Context(), oc); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// settled waits until every client is ready, but one of each two that want one address.
func (h *handover) settled(n int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	want, decided := n+h.contested, n+2*h.contested
	err := h.ledger.await(ctx, "every client is ready", func(l *ledger) bool {
		return l.countIssued() == want && l.countDecided() == decided
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// countDecided returns of how many clients the status says whether they are accepted.
func (l *ledger) countDecided() (n int) {
	for _, oc := range l.clients {
		if meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionAccepted)) != nil {
			n++
		}
	}
	return n
}

// right checks the end: nothing minted twice, and of two that want an address one has it.
func (h *handover) right(n int) {
	h.t.Helper()
	h.ledger.check(h.t, h.sharedKey(), func(types.UID) int { return 1 })
	h.ledger.mu.Lock()
	defer h.ledger.mu.Unlock()
	for k := range h.contested {
		holders := 0
		for _, team := range h.teams {
			oc := h.ledger.clients[client.ObjectKey{Namespace: team, Name: fmt.Sprintf("contested-%d", k)}]
			if meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionAccepted)) {
				holders++
			}
		}
		if holders != 1 {
			h.t.Errorf("%d clients hold the address contested-%d, want 1", holders, k)
		}
	}
	if got := len(h.ledger.ownedSecrets()); got != n+2*h.contested {
		h.t.Errorf("%d Secrets, want %d", got, n+2*h.contested)
	}
}

// leases remembers who held the lease, one after the other.
type leases struct {
	mu      sync.Mutex
	holders []string
}

func (i *installation) watchLeases() *leases {
	i.t.Helper()
	api, err := client.NewWithWatch(i.Config, client.Options{Scheme: i.Scheme})
	i.must(err)
	w, err := api.Watch(i.t.Context(), &coordinationv1.LeaseList{}, client.InNamespace(i.system))
	i.must(err)
	i.t.Cleanup(w.Stop)
	l := &leases{}
	go func() {
		for event := range w.ResultChan() {
			if held, ok := event.Object.(*coordinationv1.Lease); ok && event.Type != watch.Deleted {
				l.see(holderOf(held))
			}
		}
	}()
	return l
}

// holderOf returns who holds the lease; empty for nobody.
func holderOf(held *coordinationv1.Lease) string {
	if held.Spec.HolderIdentity == nil {
		return ""
	}
	return *held.Spec.HolderIdentity
}

func (l *leases) see(holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.holders); n == 0 || l.holders[n-1] != holder {
		l.holders = append(l.holders, holder)
	}
}

func (l *leases) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.holders)
}

// inShort is how many clients the forms in make test create.
const inShort = 150

// N181: the lease changes hands in the middle of creations, because the leader was killed.
func TestN181AnOperatorTakesOverFromOneThatWasKilled(t *testing.T) {
	t.Parallel()
	handOverByKill(t, inShort)
}

func handOverByKill(t *testing.T, n int) {
	t.Helper()
	h := newHandover(t)
	h.create(n, h.leader.kill)
	<-h.reached
	h.settled(n)
	h.right(n)
	if now := h.installation.leader(); now == h.leaderID {
		t.Error("the lease is still that of the operator that was killed")
	}
}

// N181: the lease changes hands in the middle of creations, because the leader was asked to
// end. It gives the lease away, so the other one does not wait until it expires.
func TestN181AnOperatorTakesOverFromOneThatEnds(t *testing.T) {
	t.Parallel()
	handOverByEnd(t, inShort)
}

func handOverByEnd(t *testing.T, n int) {
	t.Helper()
	h := newHandover(t)
	h.create(n, func() { h.leader.signal(syscall.SIGTERM) })
	<-h.reached
	<-h.leader.Done()
	if err := h.leader.Wait(t.Context(), grace); err != nil {
		t.Errorf("the operator that was asked to end: %v", err)
	}
	h.settled(n)
	h.right(n)
	got := h.leases.all()
	if len(got) != 3 || got[0] != h.leaderID || got[1] != "" || got[2] == "" {
		t.Errorf("the lease was held by %q, want the first operator, nobody, the second one", got)
	}
}

// N182: an operator that was paused until another one led writes nothing that is wrong when it
// goes on: neither what it had sent and the API server had not got yet, nor anything new.
func TestN182APausedOperatorWritesNothingWrong(t *testing.T) {
	t.Parallel()
	pauseLeader(t, inShort)
}

// heldUp is how many writes of the leader are on their way when it is paused.
const heldUp = 4

func pauseLeader(t *testing.T, n int) {
	t.Helper()
	h := newHandover(t)
	late := &lateWrites{goOn: make(chan struct{}), enough: make(chan struct{})}
	h.create(n, func() {
		h.via.mu.Lock()
		defer h.via.mu.Unlock()
		h.via.before, h.via.after = late.hold, late.answered
	})
	<-late.enough
	h.leader.signal(syscall.SIGSTOP)
	h.settled(n)
	close(late.goOn)
	late.group.Wait() // the API server has answered what was on its way
	h.leader.signal(syscall.SIGCONT)
	<-h.leader.Done()
	if err := h.leader.Wait(t.Context(), grace); exitCode(err) != 1 {
		t.Errorf("the operator that lost the lease ended with %v, want status 1", err)
	}
	late.group.Wait()
	if taken := late.taken(); len(taken) > 0 {
		t.Errorf("the API server took writes of the operator that had lost the lease: %q", taken)
	}
	h.settled(n)
	h.right(n)
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return 0
}

// lateWrites are what the leader had sent when it was paused, and what it sends after that.
type lateWrites struct {
	goOn   chan struct{} // closed when the API server gets them
	enough chan struct{} // closed when some are held up
	group  sync.WaitGroup

	mu      sync.Mutex
	held    int
	answers []lateWrite
}

type lateWrite struct {
	request string
	status  int
}

func (l *lateWrites) hold(*http.Request) {
	l.group.Add(1)
	l.mu.Lock()
	l.held++
	if l.held == heldUp {
		close(l.enough)
	}
	l.mu.Unlock()
	<-l.goOn
}

func (l *lateWrites) answered(r *http.Request, status int) {
	l.mu.Lock()
	l.answers = append(l.answers, lateWrite{r.Method + " " + r.URL.Path, status})
	l.mu.Unlock()
	l.group.Done()
}

// taken returns the writes that changed an object. An Event changes none.
func (l *lateWrites) taken() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.answers {
		if w.status >= http.StatusOK && w.status < http.StatusMultipleChoices && !strings.Contains(w.request, "/events") {
			out = append(out, w.request)
		}
	}
	return out
}
