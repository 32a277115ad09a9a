// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"fmt"
	"net/http"
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
