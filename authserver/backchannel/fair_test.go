// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// another puts a client beside PhotoPrint into its namespace, and returns its ID.
func (h *house) another(n int) string {
	h.t.Helper()
	print, ok := h.Clients.ByID(authtest.PhotoPrint)
	if !ok {
		h.t.Fatal("there is no PhotoPrint")
	}
	c := *print
	c.Name = fmt.Sprintf("copy%d", n)
	c.UID, c.ID = fmt.Sprintf("99999999-0000-4000-8000-%012d", n), c.Namespace+"."+c.Name
	h.Clients.Put(c)
	return c.ID
}

// N421: clients of one namespace that are slow, on however many hosts, hold up those of no other.
func TestN421TheSlowClientsOfANamespaceHoldNoOtherNamespaceUp(t *testing.T) {
	h := newHouse(t, loopback)
	release, came := make(chan struct{}), make(chan struct{}, 1000)
	const hosts = parallel/perHost + 2
	var slow []*party
	for n := range hosts {
		slow = append(slow, h.party(h.another(n), func(http.ResponseWriter, *http.Request) {
			came <- struct{}{}
			<-release
		}))
	}
	quick := h.party(authtest.BookShelf, nil)
	for range perHost {
		h.signOut(h.visit(slow...))
	}
	h.run()
	for range perNamespace {
		<-came
	}
	h.signOut(h.visit(quick))
	select {
	case got := <-h.outcomes:
		if got != authserver.LogoutDelivered {
			t.Errorf("the quick one: %s\n%s", got, h.log)
		}
	case <-time.After(patience):
		t.Error("the quick one is not told")
	}
	if more := len(came); more != 0 || len(quick.tokens) != 1 {
		t.Errorf("%d logout tokens are under way for one namespace beside %d, and the quick one has %d", more, perNamespace, len(quick.tokens))
	}
	close(release)
	for range hosts * perHost {
		h.wants(authserver.LogoutDelivered)
	}
}

// N421: however many of its clients are due, a namespace takes a part of the room alone, and what it has no room for waits.
func TestN421ANamespaceTakesAPartOfTheRoomAlone(t *testing.T) {
	h := newHouse(t)
	named := func(id string) *party {
		h.Clients.Change(id, func(c *authserver.Client) {
			c.Scopes = append(c.Scopes, "openid")
			c.OpenID = authserver.OpenIDSettings{SigningAlgorithm: "RS256", IDTokenLifetime: time.Hour, BackChannelLogoutURI: "https://" + c.Name + ".example/told"}
		})
		return &party{t: t, id: id}
	}
	const many = held + batch
	var photos []*party
	for n := range many {
		photos = append(photos, named(h.another(n)))
	}
	v := h.visit(photos...)
	h.signOut(v)
	h.signOut(h.visit(named(authtest.BookShelf)))
	waiting := func() (photos, books int) {
		for at, host := range h.sender.hosts {
			if at.namespace == "books" {
				books += len(host.queue)
			} else {
				photos += len(host.queue)
			}
		}
		return photos, books
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		h.sender.claim(ctx)
	}
	if photos, books := waiting(); photos != heldPerNamespace || books != 1 || h.sender.claimed != heldPerNamespace+1 {
		t.Errorf("%d are claimed for one namespace, %d for the other, %d in all", photos, books, h.sender.claimed)
	}
	cancel()
	h.sender.stop(ctx)
	total := 0
	for range many {
		h.Clock.Advance(restTime)
		ctx, cancel := context.WithCancel(t.Context())
		h.sender.claim(ctx)
		photos, books := waiting()
		if photos > heldPerNamespace {
			t.Fatalf("%d are claimed for one namespace", photos)
		}
		if total += photos + books; photos+books == 0 {
			cancel()
			break
		}
		for _, host := range h.sender.hosts {
			for _, l := range host.queue {
				if err := h.Auth.LogoutTold(ctx, l); err != nil {
					t.Fatal(err)
				}
				h.sender.release(host)
			}
			host.queue = nil
		}
		cancel()
	}
	if total != many+1 {
		t.Errorf("%d are claimed in the end, want %d", total, many+1)
	}
}

// N436: addresses of keys that hang, however many one namespace has, hold up those of no other, also where both name the same address.
func TestN436TheHangingAddressesOfANamespaceHoldNoOtherNamespaceUp(t *testing.T) {
	sets, _ := newKeySets(t, loopback)
	sets.timeout = time.Hour // they end with the test
	a, good := newAddress(t), newAddress(t)
	good.says(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
	came, release := make(chan string, 1000), make(chan struct{})
	a.serve.Store(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		came <- r.URL.Path
		<-release
	}))
	t.Cleanup(func() { close(release) })
	for n := range keysAsked + 1 {
		sets.begin(t.Context(), "flood", fmt.Sprintf("%s/%d", a.URL, n))
	}
	sets.begin(t.Context(), "flood", good.URL) // it has no turn either
	for range keysAskedPerNamespace {
		<-came
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if keys, err := sets.Keys(ctx, "photos", good.URL, named("one")); err != nil || len(keys) != 1 {
		t.Errorf("another namespace gets %d keys, %v", len(keys), err)
	}
	if more := len(came); more > 0 {
		t.Errorf("%d addresses of one namespace are being asked beside %d", more, keysAskedPerNamespace)
	}
}

// N436: an address that a namespace had no turn to ask was not asked. So another namespace asks it at once.
func TestN436WhoHasNoTurnTakesNoneFromAnotherNamespace(t *testing.T) {
	sets, h := newKeySets(t, loopback)
	good := newAddress(t)
	good.says(authtest.JWKS(t, authtest.NewClientKey(t, "one")))
	for range keysAskedPerNamespace {
		leave, err := sets.turns.Take(t.Context(), "flood")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(leave)
	}
	sets.timeout = 50 * time.Millisecond
	if result := <-sets.begin(t.Context(), "flood", good.URL); result.Err == nil || good.asked.Load() != 0 {
		t.Fatalf("without a turn there were %d questions, %v", good.asked.Load(), result.Err)
	}
	sets.timeout = patience
	if keys, err := sets.Keys(t.Context(), "photos", good.URL, named("one")); err != nil || len(keys) != 1 {
		t.Errorf("another namespace gets %d keys, %v", len(keys), err)
	}
	// An answer that another namespace has had a moment ago counts for this one, too.
	if keys, err := sets.Keys(t.Context(), "flood", good.URL, named("one")); err != nil || len(keys) != 1 || good.asked.Load() != 1 {
		t.Errorf("the namespace gets %d keys after %d questions, %v", len(keys), good.asked.Load(), err)
	}
	if log := h.log.String(); strings.Contains(log, "could not be read") {
		t.Errorf("the log says of an address that was not asked: %s", log)
	}
}

// N436: who has waited for a turn has all of the time that a question may take: an address that answers is not taken for one that does not.
func TestN436AQuestionHasItsWholeTimeWhenItsTurnComes(t *testing.T) {
	sets, _ := newKeySets(t)
	sets.timeout = patience
	ends := make(chan time.Time, 1)
	sets.fetch = func(ctx context.Context, _ string) ([]byte, error) {
		end, _ := ctx.Deadline()
		ends <- end
		return []byte(authtest.JWKS(t, authtest.NewClientKey(t, "one"))), nil
	}
	var leave []func()
	for range keysAskedPerNamespace {
		one, err := sets.turns.Take(t.Context(), "photos")
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, one)
	}
	waits := sets.begin(t.Context(), "photos", "https://photos.example/keys")
	for began := time.Now(); sets.turns.Users("photos") <= keysAskedPerNamespace; runtime.Gosched() {
		if time.Since(began) > patience {
			t.Fatal("the question does not wait for its turn")
		}
	}
	its := time.Now()
	for _, one := range leave {
		one()
	}
	if result := <-waits; result.Err != nil {
		t.Fatal(result.Err)
	}
	if end := <-ends; end.Before(its.Add(patience)) {
		t.Errorf("the question has %s", end.Sub(its))
	}
}

// N436: of two namespaces that ask one address at the same time, the one that asked later knows better.
func TestN436AnAnswerThatWasOvertakenCountsForNobody(t *testing.T) {
	sets, h := newKeySets(t)
	now := h.Clock.Now()
	newer, older := keySet{at: now, asked: now}, keySet{at: now.Add(-time.Second), asked: now.Add(-time.Second)}
	sets.keep("https://photos.example/keys", newer)
	sets.keep("https://photos.example/keys", older)
	if got := sets.known("https://photos.example/keys"); !got.asked.Equal(now) {
		t.Errorf("the answer of %s counts", got.asked)
	}
	h.Clock.Advance(-time.Hour) // a clock that was ahead, and is right again
	sets.keep("https://photos.example/keys", keySet{asked: h.Clock.Now()})
	if got := sets.known("https://photos.example/keys"); !got.asked.Equal(h.Clock.Now()) {
		t.Errorf("after the clock was set back the answer of %s counts", got.asked)
	}
}
