// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// remembered returns what the house remembers of the request that was answered with p.
func (h *house) remembered(p *page) authserver.RefusedRequest {
	p.t.Helper()
	id := p.Header.Get("X-Request-Id")
	found := h.refusals.List(h.Clock.Now(), func(r *authserver.RefusedRequest) bool { return r.RequestID == id })
	if len(found) != 1 {
		p.t.Fatalf("%d entries for request %q", len(found), id)
	}
	return found[0]
}

func TestARefusedRequestIsRememberedByItsID(t *testing.T) {
	h := newHouse(t)
	client, _ := h.Clients.ByID(authtest.PhotoPrint)
	for name, row := range map[string]struct {
		set, to string
		is      authserver.Mismatch
	}{
		"callback":  {"redirect_uri", "https://other.example/cb?access_token=a-secret", authserver.CallbackDiffers},
		"challenge": {"code_challenge", "", authserver.ChallengeMissing},
		"scope":     {"scope", "photos.burn", authserver.ScopeNotAllowed},
	} {
		for who, b := range map[string]*browser{"nobody": h.browser(t), "Bob": h.bob(t)} {
			changes := url.Values{row.set: {row.to}}
			if row.is == authserver.ChallengeMissing {
				changes.Set("code_challenge_method", "")
			}
			got := h.remembered(b.get(request(changes)))
			if got.Mismatch.Is != row.is || got.ClientUID != client.UID || got.Code == "" || strings.Contains(fmt.Sprint(got), "a-secret") {
				t.Errorf("%s by %s: %+v", name, who, got)
			}
		}
	}
	// A page without a refusal leaves nothing behind.
	before := len(h.refusals.List(h.Clock.Now(), func(*authserver.RefusedRequest) bool { return true }))
	h.bob(t).get("/account")
	if after := len(h.refusals.List(h.Clock.Now(), func(*authserver.RefusedRequest) bool { return true })); after != before {
		t.Error("a page that was shown is remembered as refused")
	}
}

// N372: neither secrets, codes, tokens nor passwords are remembered, whichever way they come.
func TestN372NoSecretIsRemembered(t *testing.T) {
	h := newHouse(t)
	b, secret := h.browser(t), h.Secret(authtest.PhotoPrint)
	form := url.Values{
		"client_id": {authtest.PhotoPrint}, "client_secret": {secret}, "grant_type": {"authorization_code"}, "code": {"a-code"},
		"code_verifier": {"a-verifier"}, "redirect_uri": {"https://other.example/?x=a-word"}, "password": {"a-password"},
	}
	got := h.remembered(b.post("/oauth2/token", form))
	if client, _ := h.Clients.ByID(authtest.PhotoPrint); got.Code != authserver.InvalidGrant || got.ClientUID != client.UID {
		t.Errorf("%+v", got)
	}
	form.Set("client_id", secret) // in the wrong field
	h.remembered(b.post("/oauth2/token", form))
	form.Set("scope", secret)
	b.get("/oauth2/authorize?" + form.Encode())
	b.post("/oauth2/revoke", url.Values{"token": {"ghr_a-token"}, "client_id": {authtest.PhotoPrint}, "client_secret": {"a-wrong-one"}})
	told := fmt.Sprint(h.refusals.List(h.Clock.Now(), func(*authserver.RefusedRequest) bool { return true }))
	for _, s := range []string{secret, "a-code", "a-verifier", "a-word", "a-password", "a-token", "a-wrong-one"} {
		if strings.Contains(told, s) {
			t.Errorf("%q is remembered", s)
		}
	}
}

// Beside what the outside is told, the cause from the audit log is remembered, and whom it was about.
func TestTheCauseAndThePersonAreRememberedFromTheAuditLog(t *testing.T) {
	h := newHouse(t)
	var audited bytes.Buffer
	auditor := web.NewAuditor(&audited, slog.New(slog.DiscardHandler), web.NewMetrics(), h.Clock.Now)
	refusals := authserver.NewRefusals()
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: h.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Refusals: refusals, Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := site.Observe(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		auditor.Record(r.Context(), authserver.Event{Name: authserver.EventEntitlementRefused, ClientID: authtest.PhotoPrint, Owner: "mallory", Reason: "RBAC does not allow it"})
	}))
	served.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	found := refusals.List(h.Clock.Now(), func(*authserver.RefusedRequest) bool { return true })
	client, _ := h.Clients.ByID(authtest.PhotoPrint)
	if !slices.ContainsFunc(found, func(r authserver.RefusedRequest) bool {
		return r.Owner == "mallory" && r.Reason == "RBAC does not allow it" && r.ClientUID == client.UID
	}) {
		t.Errorf("%+v", found)
	}
}
