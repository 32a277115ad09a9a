// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// A phone that sleeps while it refreshes is back after a minute, or on the next day.
func TestN27AtTheEndpointAnAnswerIsRepeatedUntilItsSuccessorWasUsed(t *testing.T) {
	h := newHouse(t)
	app, first := h.client(t, authtest.PhotoPrint), h.tokens(t).text("refresh_token")
	lost := app.refresh(first).wants(http.StatusOK)
	for _, after := range []time.Duration{33 * time.Second, time.Hour, 24 * time.Hour} {
		h.Clock.Advance(after)
		again := app.refresh(first).wants(http.StatusOK)
		if again.text("refresh_token") != lost.text("refresh_token") || again.text("access_token") == lost.text("access_token") {
			t.Errorf("after %s: %s, want the refresh token of %s and a new access token", after, again.raw, lost.raw)
		}
		if !h.active(t, again.text("access_token")) {
			t.Errorf("after %s the access token is not active", after)
		}
	}
	app.refresh(lost.text("refresh_token")).wants(http.StatusOK)
	app.refresh(first).refused(http.StatusBadRequest, "invalid_grant")
	app.refresh(lost.text("refresh_token")).refused(http.StatusBadRequest, "invalid_grant") // the reuse has ended the grant
}

func TestN27AtTheEndpointAPublicClientHasFiveMinutes(t *testing.T) {
	for after, status := range map[time.Duration]int{5 * time.Minute: http.StatusOK, 5*time.Minute + time.Second: http.StatusBadRequest} {
		h := newHouse(t)
		h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Public = true })
		app := &app{h: h, t: t, id: authtest.PhotoPrint}
		send := func(form url.Values) *answer {
			form.Set("client_id", app.id)
			return app.post("/oauth2/token", form)
		}
		refresh := func(token string) *answer {
			return send(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
		}
		first := send(redemption(h.code(t), authtest.PhotoPrintCallback)).wants(http.StatusOK).text("refresh_token")
		lost := refresh(first).wants(http.StatusOK).text("refresh_token")
		h.Clock.Advance(after)
		again := refresh(first).wants(status)
		if status == http.StatusOK && again.text("refresh_token") != lost {
			t.Errorf("after %s: %s, want the refresh token %s", after, again.raw, lost)
		}
		refresh(lost).wants(status)
	}
}

func TestN27AtTheEndpointParallelRequestsGetTheSameSuccessor(t *testing.T) {
	for _, n := range []int{16, 50} {
		h := newHouse(t)
		app, first := h.client(t, authtest.PhotoPrint), h.tokens(t).text("refresh_token")
		answers := make([]*answer, n)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() { answers[i] = app.refresh(first) })
		}
		all.Wait()
		for _, got := range answers {
			if got.wants(http.StatusOK).text("refresh_token") != answers[0].text("refresh_token") {
				t.Fatalf("of %d: %s and %s", n, got.raw, answers[0].raw)
			}
		}
		app.refresh(answers[0].text("refresh_token")).wants(http.StatusOK)
	}
}

// A refresh that the API server kept from being answered is answered later, however long it took.
func TestN147AtTheEndpointAnOutageCostsNoGrant(t *testing.T) {
	h := newHouse(t)
	app, token := h.client(t, authtest.PhotoPrint), h.tokens(t).text("refresh_token")
	h.Entitlement.Down(time.Hour)
	for range 3 {
		app.refresh(token).refused(http.StatusServiceUnavailable, "temporarily_unavailable")
		h.Clock.Advance(time.Hour)
	}
	h.Entitlement.Up()
	next := app.refresh(token).wants(http.StatusOK).text("refresh_token")
	app.refresh(next).wants(http.StatusOK)
}

func TestOlderN148TheLimitOfRefreshesHoldsForRepeats(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		once := 1
		h.Clients.Change(o.client, func(c *authserver.Client) { c.RefreshLimit = &once })
		token := o.tokens(t, h).fields["refresh_token"]
		for range 2 {
			if got := h.ask(t, o.token, o.refresh(h, token)).ok(); got.fields["refresh_token"] != "" {
				t.Errorf("after the last refresh: %s", got.raw)
			}
		}
		h.Clock.Advance(5*time.Minute + time.Second)
		h.ask(t, o.token, o.refresh(h, token)).says(o.badRefresh)
		if n := len(h.Audit.Events(authserver.EventGrantRevoked)); n != 0 {
			t.Errorf("%d grants were revoked", n)
		}
	})
}
