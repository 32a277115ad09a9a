// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

const issuer = "https://auth.example"

// party is a client that is told.
type party struct {
	t      *testing.T
	id     string
	server *httptest.Server
	tokens chan string // that came
}

// house is an engine with clients, and who tells them.
type house struct {
	*authtest.Env
	t        *testing.T
	sender   *Sender
	outcomes chan authserver.LogoutOutcome
	tick     chan time.Time
	log      *testio.Log
	synced   atomic.Bool
}

// patience is how long the machine of a test may take for what does not hang.
const patience = time.Minute

// newHouse has a sender that has not begun. It may go to the networks, and is patient.
func newHouse(t *testing.T, allowed ...string) *house {
	h := &house{Env: authtest.New(t), t: t, outcomes: make(chan authserver.LogoutOutcome, 1000), tick: make(chan time.Time), log: &testio.Log{}}
	anyServer := httptest.NewTLSServer(nil)
	defer anyServer.Close()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: anyServer.Certificate().Raw})
	if err := os.WriteFile(caFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	var networks []netip.Prefix
	for _, text := range allowed {
		networks = append(networks, netip.MustParsePrefix(text))
	}
	h.sender = New(Config{
		Engine: h.Auth, Issuer: issuer, AllowedNetworks: networks, CAFile: caFile, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Synced: h.synced.Load, Count: func(o authserver.LogoutOutcome) { h.outcomes <- o }, Now: h.Clock.Now,
	})
	h.sender.poster.timeout = patience
	h.synced.Store(true)
	return h
}

// loopback is where the clients of these tests are.
const loopback = "127.0.0.0/8"

func (h *house) run() *house {
	ctx, cancel := context.WithCancel(h.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.sender.Run(ctx, h.tick)
	}()
	h.t.Cleanup(func() { cancel(); <-over })
	return h
}

// party has a client told at a server of its own.
func (h *house) party(id string, serve func(w http.ResponseWriter, r *http.Request)) *party {
	p := &party{t: h.t, id: id, tokens: make(chan string, 1000)}
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.Path != "/told" {
			h.t.Errorf("a client is told with %s %s, %s", r.Method, r.URL, r.Header)
		}
		p.tokens <- r.PostFormValue("logout_token")
		if serve != nil {
			serve(w, r)
		}
	}))
	h.t.Cleanup(p.server.Close)
	h.Clients.Change(id, func(c *authserver.Client) {
		c.Scopes = append(c.Scopes, "openid")
		c.OpenID = authserver.OpenIDSettings{SigningAlgorithm: "RS256", IDTokenLifetime: time.Hour, BackChannelLogoutURI: p.server.URL + "/told"}
	})
	return p
}

// visit logs Bob in to the clients, in a session of its own.
func (h *house) visit(parties ...*party) *authserver.Visitor {
	h.t.Helper()
	v := h.Visit(h.t, authtest.Bob, authtest.BobPassword)
	for _, p := range parties {
		client, ok := h.Clients.ByID(p.id)
		if !ok {
			h.t.Fatalf("there is no client %s", p.id)
		}
		var random [48]byte
		_, _ = rand.Read(random[:])
		now := h.Clock.Now()
		err := h.Store.Approve(h.t.Context(), authserver.Grant{
			ID: authserver.GrantID(random[:16]), ClientUID: client.UID, Owner: v.Owner.Subject, Profile: client.Profile, ApprovedAt: now, EndsAt: now.Add(time.Hour),
			Proof: authserver.Proof{Hash: authserver.Hash(random[16:]), ExpiresAt: now.Add(time.Minute)}, EndOf: &v.Session,
		}, nil)
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return v
}

func (h *house) signOut(v *authserver.Visitor) {
	h.t.Helper()
	if err := h.Auth.SignOut(h.t.Context(), v); err != nil {
		h.t.Fatal(err)
	}
}

// wants waits for the outcomes of as many attempts.
func (h *house) wants(want ...authserver.LogoutOutcome) {
	h.t.Helper()
	for n, o := range want {
		if got := <-h.outcomes; got != o {
			h.t.Fatalf("attempt %d: %s, want %s\n%s", n, got, o, h.log)
		}
	}
}

// told is what a logout token says.
type told struct {
	Issuer    string                     `json:"iss"`
	Subject   string                     `json:"sub"`
	Audience  string                     `json:"aud"`
	IssuedAt  int64                      `json:"iat"`
	ExpiresAt int64                      `json:"exp"`
	ID        string                     `json:"jti"`
	SessionID string                     `json:"sid"`
	Events    map[string]json.RawMessage `json:"events"`
}

// verify verifies a logout token as a relying party does (OpenID Connect Back-Channel Logout 1.0 §2.6).
func (h *house) verify(token, clientID, algorithm string) told {
	h.t.Helper()
	published, err := h.Auth.PublishedKeys()
	if err != nil {
		h.t.Fatal(err)
	}
	var keys []crypto.PublicKey
	for _, k := range published {
		keys = append(keys, k.Public())
	}
	verifier := oidc.NewVerifier(issuer, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{ClientID: clientID, SupportedSigningAlgs: []string{algorithm}, Now: h.Clock.Now})
	verified, err := verifier.Verify(h.t.Context(), token)
	if err != nil {
		h.t.Fatalf("the logout token is refused: %v", err)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil || signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType] != "logout+jwt" {
		h.t.Errorf("the header is %+v, %v", signed.Signatures[0].Protected, err)
	}
	var l told
	var all map[string]json.RawMessage
	if err := verified.Claims(&l); err != nil {
		h.t.Fatal(err)
	}
	if err := verified.Claims(&all); err != nil {
		h.t.Fatal(err)
	}
	event, there := l.Events["http://schemas.openid.net/event/backchannel-logout"]
	if !there || string(event) != "{}" || len(l.Events) != 1 || l.ID == "" || l.IssuedAt != h.Clock.Now().Unix() || l.ExpiresAt-l.IssuedAt != 120 || len(all) != 8 {
		h.t.Errorf("the claims are %s", token)
	}
	return l
}

// One sign-out reaches each client that a person logged in to in the session, in words that a relying party accepts.
func TestEachRelyingPartyLearnsOfASignOut(t *testing.T) {
	h := newHouse(t, loopback).run()
	print, shelf := h.party(authtest.PhotoPrint, nil), h.party(authtest.BookShelf, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h.Clients.Change(authtest.BookShelf, func(c *authserver.Client) { c.OpenID.SigningAlgorithm = "ES256" })
	v, stays := h.visit(print, shelf), h.visit(print)
	h.signOut(v)
	h.wants(authserver.LogoutDelivered, authserver.LogoutDelivered)
	first, second := h.verify(<-print.tokens, authtest.PhotoPrint, "RS256"), h.verify(<-shelf.tokens, authtest.BookShelf, "ES256")
	if first.Subject != v.Owner.Subject || second.Subject != v.Owner.Subject {
		t.Errorf("the logout tokens are about %q and %q", first.Subject, second.Subject)
	}
	// N236: each client is told its own name of the session, and of no session that lasts.
	if first.SessionID == second.SessionID || first.SessionID == "" || len(print.tokens) != 0 {
		t.Errorf("the sessions are %q and %q, and %d more came", first.SessionID, second.SessionID, len(print.tokens))
	}
	if sent := h.Audit.Events(authserver.EventLogoutSent); len(sent) != 2 || sent[0].Owner != authtest.Bob || sent[0].ClientID == sent[1].ClientID {
		t.Errorf("the audit log has %v", sent)
	}
	h.signOut(stays)
	h.wants(authserver.LogoutDelivered)
	if third := h.verify(<-print.tokens, authtest.PhotoPrint, "RS256"); third.SessionID == first.SessionID {
		t.Error("two sessions have one name")
	}
}

// N237: each attempt has a jti of its own. After the last one a client is given up, and somebody is told.
func TestN237EachAttemptIsANewLogoutToken(t *testing.T) {
	h := newHouse(t, loopback)
	p := h.party(authtest.PhotoPrint, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	h.signOut(h.visit(p))
	h.run()
	seen := map[string]bool{}
	for n := range authserver.MaxLogoutAttempts {
		want := authserver.LogoutFailed
		if n == authserver.MaxLogoutAttempts-1 {
			want = authserver.LogoutGivenUp
		}
		h.wants(want)
		l := h.verify(<-p.tokens, p.id, "RS256")
		if seen[l.ID] {
			t.Errorf("attempt %d has a jti for the second time", n)
		}
		seen[l.ID] = true
		h.Clock.Advance(3 * time.Hour)
		h.tick <- h.Clock.Now()
	}
	h.Clock.Advance(3 * time.Hour)
	h.tick <- h.Clock.Now()
	h.tick <- h.Clock.Now() // it has claimed after the one before
	if len(p.tokens) != 0 || len(h.outcomes) != 0 {
		t.Error("a logout that was given up is tried again")
	}
	if given := h.Audit.Events(authserver.EventLogoutGivenUp); len(given) != 1 || given[0].ClientID != p.id || given[0].Reason != "the answer has status 400" {
		t.Errorf("the audit log has %v", given)
	}
	if !strings.Contains(h.log.String(), "it is not tried again") {
		t.Errorf("the log says\n%s", h.log)
	}
}

// A client that was away for a while is told when it is back.
func TestAClientThatIsBackIsTold(t *testing.T) {
	h := newHouse(t, loopback)
	var back atomic.Bool
	p := h.party(authtest.PhotoPrint, func(w http.ResponseWriter, _ *http.Request) {
		if !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	h.signOut(h.visit(p))
	h.run()
	h.wants(authserver.LogoutFailed)
	back.Store(true)
	h.tick <- h.Clock.Now()
	h.Clock.Advance(15 * time.Second)
	h.tick <- h.Clock.Now()
	h.wants(authserver.LogoutDelivered)
	if len(p.tokens) != 2 {
		t.Errorf("%d logout tokens came", len(p.tokens))
	}
}

// N241: addresses inside the cluster or its network are reached neither by address, nor by name, nor by a redirect, and the log does not
// tell which they are.
func TestN241NoAddressInsideIsReached(t *testing.T) {
	h := newHouse(t)
	inside := h.party(authtest.PhotoPrint, nil)
	h.signOut(h.visit(inside))
	h.run()
	h.wants(authserver.LogoutFailed)
	h.Clients.Change(inside.id, func(c *authserver.Client) {
		c.OpenID.BackChannelLogoutURI = strings.Replace(c.OpenID.BackChannelLogoutURI, "127.0.0.1", "localhost", 1)
	})
	h.Clock.Advance(time.Hour)
	h.tick <- h.Clock.Now()
	h.wants(authserver.LogoutFailed)
	if len(inside.tokens) != 0 {
		t.Error("a client inside is told")
	}
	if log := h.log.String(); strings.Count(log, errInside.Error()) != 2 || strings.Contains(log, "127.0.0.1") || strings.Contains(log, "::1") {
		t.Errorf("the log says\n%s", log)
	}
}

// N241: the address counts that a connection goes to, not one that the name had a moment ago.
func TestN241ANameThatLeadsElsewhereTheNextTimeReachesNobodyInside(t *testing.T) {
	h := newHouse(t)
	inside := h.party(authtest.PhotoPrint, nil)
	_, port, err := net.SplitHostPort(inside.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	const name = "rebinding.example"
	to := "https://" + net.JoinHostPort(name, port) + "/told"
	for _, row := range []struct {
		addresses []string // of one answer after the other
		want      error
	}{
		{[]string{"127.0.0.1"}, errInside}, {[]string{"10.0.0.1", "127.0.0.1"}, errInside}, {[]string{"8.8.8.8", "127.0.0.1"}, errInside},
	} {
		var asked atomic.Int32
		h.sender.poster.client, h.sender.poster.lookup = nil, resolver(t, func() string {
			return row.addresses[min(int(asked.Add(1)), len(row.addresses))-1]
		})
		if row.addresses[0] == "8.8.8.8" { // what a check before the connection would see
			if got, err := h.sender.poster.lookup.LookupNetIP(t.Context(), "ip4", name); err != nil || !mayGo(got[0], nil) {
				t.Fatalf("the first answer is %v, %v", got, err)
			}
		}
		if err := h.sender.poster.post(t.Context(), to, "token"); !errors.Is(err, row.want) {
			t.Errorf("%v: %v", row.addresses, err)
		}
		if asked.Load() == 0 {
			t.Errorf("%v: the name is not looked up", row.addresses)
		}
	}
	if len(inside.tokens) != 0 {
		t.Error("a client inside is told")
	}
}

// resolver asks a name server that answers each question for an IPv4 address with the next one.
func resolver(t *testing.T, next func() string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for packet := make([]byte, 1500); ; {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(packet[:n]); err != nil || len(m.Questions) != 1 {
				t.Errorf("the name server is asked %v, %v", m, err)
				return
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(next()).As4()},
				}}
			}
			answer, err := m.Pack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = server.WriteTo(answer, from)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-over })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// N241: a redirect is an answer that was not taken, wherever it leads.
func TestN241NoRedirectIsFollowed(t *testing.T) {
	h := newHouse(t, loopback)
	reached := make(chan string, 10)
	metadata := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	defer metadata.Close()
	for _, status := range []int{http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		p := h.party(authtest.PhotoPrint, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, metadata.URL+"/latest", status) })
		if err := h.sender.poster.post(t.Context(), p.server.URL+"/told", "token"); err == nil || err.Error() != fmt.Sprintf("the answer has status %d", status) {
			t.Errorf("status %d: %v", status, err)
		}
	}
	if len(reached) != 0 {
		t.Errorf("a redirect was followed to %s", <-reached)
	}
}

// N242: a client that hangs, or answers without end, has its time and its bytes, and no more.
func TestN242AnAnswerIsBounded(t *testing.T) {
	endless := make(chan struct{})
	defer close(endless)
	const late, broken = "the host did not answer in time", "the host could not be reached, or broke off"
	for _, row := range []struct {
		name    string
		timeout time.Duration
		serve   http.HandlerFunc
		want    string // the error; empty: the answer is taken
	}{
		{"hangs", 200 * time.Millisecond, func(http.ResponseWriter, *http.Request) { <-endless }, late},
		{"header without end", patience, func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, err = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
			for err == nil {
				_, err = c.Write([]byte("X-More: " + strings.Repeat("x", 1000) + "\r\n"))
			}
		}, broken},
		{"informational answers without end", patience, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				w.WriteHeader(http.StatusEarlyHints)
			}
		}, broken},
		{"a body without end, of which nothing is read", patience, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, ""},
	} {
		h := newHouse(t, loopback)
		h.sender.poster.timeout = row.timeout
		p := h.party(authtest.PhotoPrint, row.serve)
		got := ""
		if err := h.sender.poster.post(t.Context(), p.server.URL+"/told", "token"); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// N244: a client that is slow holds up no other one, and gets a few logout tokens at a time.
func TestN244ASlowClientHoldsNobodyUp(t *testing.T) {
	h := newHouse(t, loopback)
	release := make(chan struct{})
	slow := h.party(authtest.PhotoPrint, func(http.ResponseWriter, *http.Request) { <-release })
	quick := h.party(authtest.BookShelf, nil)
	const many = 2*batch + 5
	for range many {
		h.signOut(h.visit(slow))
	}
	h.run()
	for range perHost {
		<-slow.tokens
	}
	h.signOut(h.visit(quick))
	h.wants(authserver.LogoutDelivered)
	<-quick.tokens
	if len(slow.tokens) != 0 {
		t.Errorf("the slow client has more than %d at a time", perHost)
	}
	close(release)
	for range many {
		h.wants(authserver.LogoutDelivered)
	}
}

// N244: what cannot be said of a client does not count as its failure: there is no key, or the server stops.
func TestN244WhatIsNotTriedIsNoAttempt(t *testing.T) {
	h := newHouse(t, loopback)
	p := h.party(authtest.PhotoPrint, nil)
	h.signOut(h.visit(p))
	h.LoseSigningKeys(t)
	for range authserver.MaxLogoutAttempts {
		ctx, cancel := context.WithCancel(t.Context())
		h.sender.claim(ctx)
		h.sender.begin(ctx)
		cancel()
		h.sender.stop(ctx)
		h.Clock.Advance(time.Hour)
	}
	h.FindSigningKeys(t)
	h.run()
	h.wants(authserver.LogoutDelivered)
}

// N244: a file of authorities that cannot be read is no client's failure.
func TestN244AnUnreadableCAFileIsNoAttempt(t *testing.T) {
	h := newHouse(t, loopback)
	p := h.party(authtest.PhotoPrint, nil)
	h.signOut(h.visit(p))
	file := h.sender.poster.caFile
	h.sender.poster.caFile = filepath.Join(t.TempDir(), "none")
	due, err := h.Auth.ClaimLogouts(t.Context(), nil, 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("%v, %v", due, err)
	}
	h.sender.tell(t.Context(), due[0])
	if log := h.log.String(); len(h.outcomes) != 0 || !strings.Contains(log, "caFile") {
		t.Errorf("the log says\n%s", log)
	}
	h.sender.poster.caFile = file
	h.Clock.Advance(restTime)
	h.run()
	h.wants(authserver.LogoutDelivered)
}

// A client that is gone, suspended or without an address is not told, and that ends. Somebody is told of that.
func TestWhoIsNotServedIsNotTold(t *testing.T) {
	for name, row := range map[string]struct {
		leave func(*house, *party)
		named string
	}{
		"suspended": {func(h *house, p *party) {
			h.Clients.Change(p.id, func(c *authserver.Client) { c.Suspended = true })
		}, authtest.PhotoPrint},
		"without an address": {func(h *house, p *party) {
			h.Clients.Change(p.id, func(c *authserver.Client) { c.OpenID.BackChannelLogoutURI = "" })
		}, authtest.PhotoPrint},
		"gone": {func(h *house, p *party) { h.Clients.Delete(p.id) }, "UID "},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, loopback)
			p := h.party(authtest.PhotoPrint, nil)
			h.signOut(h.visit(p))
			row.leave(h, p)
			h.run()
			for n := range authserver.MaxLogoutAttempts {
				if n > 0 {
					h.wants(authserver.LogoutFailed)
				}
				h.Clock.Advance(3 * time.Hour)
				h.tick <- h.Clock.Now()
			}
			h.wants(authserver.LogoutGivenUp)
			h.Clock.Advance(3 * time.Hour)
			h.tick <- h.Clock.Now()
			h.tick <- h.Clock.Now() // it has claimed after the one before
			if len(p.tokens) != 0 || len(h.outcomes) != 0 {
				t.Error("a logout that was given up is tried again")
			}
			if given := h.Audit.Events(authserver.EventLogoutGivenUp); len(given) != 1 || given[0].Reason != errUnserved.Error() {
				t.Errorf("the audit log has %v", given)
			}
			if log := h.log.String(); !strings.Contains(log, "it is not tried again") || !strings.Contains(log, row.named) {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

// N244: clients that are not served hold nobody up, however many of their logouts are due before.
func TestN244WhoIsNotServedHoldsNobodyUp(t *testing.T) {
	h := newHouse(t, loopback)
	gone, there := h.party(authtest.PhotoPrint, nil), h.party(authtest.BookShelf, nil)
	const many = held + 2*batch + 5 // more than are taken in one look
	for range many {
		h.signOut(h.visit(gone))
		h.Clock.Advance(10 * time.Second) // logins without end have to wait
	}
	h.Clients.Change(gone.id, func(c *authserver.Client) { c.Suspended = true })
	h.signOut(h.visit(there))
	<-h.Auth.LogoutsDue()
	h.run() // without a tick
	got := map[authserver.LogoutOutcome]int{}
	for range many + 1 {
		got[<-h.outcomes]++
	}
	if got[authserver.LogoutFailed] != many || got[authserver.LogoutDelivered] != 1 || len(gone.tokens) != 0 || len(there.tokens) != 1 {
		t.Errorf("the outcomes are %v; the client that is suspended got %d logout tokens", got, len(gone.tokens))
	}
	h.Clock.Advance(time.Hour)
	h.tick <- h.Clock.Now() // one tick is enough for all of them, though nothing else wakes the sender
	for range many {
		h.wants(authserver.LogoutFailed)
	}
}

// N244: a server that has not read the clients yet knows none. That is no client's failure.
func TestN244NobodyIsGivenUpBeforeTheClientsAreRead(t *testing.T) {
	h := newHouse(t, loopback)
	p := h.party(authtest.PhotoPrint, nil)
	h.signOut(h.visit(p))
	read, _ := h.Clients.ByID(p.id)
	h.Clients.Delete(p.id)
	h.synced.Store(false)
	h.run()
	for range authserver.MaxLogoutAttempts {
		h.Clock.Advance(3 * time.Hour)
		h.tick <- h.Clock.Now()
	}
	h.tick <- h.Clock.Now() // it has looked after the one before
	if len(h.outcomes) != 0 || len(h.Audit.Events(authserver.EventLogoutGivenUp)) != 0 {
		t.Errorf("the log says\n%s", h.log)
	}
	h.Clients.Put(*read)
	h.synced.Store(true)
	h.tick <- h.Clock.Now()
	h.wants(authserver.LogoutDelivered)
}
