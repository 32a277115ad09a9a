// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/gatehouse-dev/gatehouse/internal/postgrestest"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// shareDatabase starts three servers on one PostgreSQL behind a balancer.
func (w *environment) shareDatabase(t *testing.T) (*replicas, []*replica) {
	t.Helper()
	dsn := postgrestest.DSN(t)
	r := &replicas{w: w, balancer: newBalancer(t), store: func(int) string { return dsn }}
	var running []*replica
	for range 3 {
		running = append(running, r.startReplica(t))
	}
	return r, running
}

// roaming is a person whose browser opens a connection for each request, so that each goes to another replica.
func (r *replicas) roaming(t *testing.T) *person {
	t.Helper()
	p := r.w.person(t, "https://"+r.balancer.address())
	p.Transport.(*http.Transport).DisableKeepAlives = true
	return p
}

// app is PhotoPrint, speaking to one address.
func (r *replicas) app(t *testing.T, address string) *app {
	t.Helper()
	a := r.w.photoPrint(t, "https://"+r.balancer.address())
	a.Endpoint.TokenURL = "https://" + address + "/oauth2/token"
	a.client.Transport.(*http.Transport).DisableKeepAlives = true
	return a
}

// grant has Bob allow PhotoPrint, each step on another replica, and returns the code and its verifier.
func (r *replicas) grant(t *testing.T, bob *person) (code, verifier string) {
	t.Helper()
	address, verifier := r.app(t, r.balancer.address()).request()
	code = bob.authorize(address, r.w.Bob.Name, r.w.Bob.Password).Get("code")
	if code == "" {
		t.Fatal("an interaction that went from replica to replica ends without a code")
	}
	return code, verifier
}

// active asks one replica about a token.
func (a *app) active(t *testing.T, token string) bool {
	t.Helper()
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.TrimSuffix(a.Endpoint.TokenURL, "token")+"introspect", form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	res, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct{ Active bool }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("introspection answers %d (%v)", res.StatusCode, err)
	}
	return answer.Active
}

func TestN195WhatOneReplicaAnswersHoldsOnAll(t *testing.T) {
	w := start(t)
	r, running := w.shareDatabase(t)
	var apps []*app
	for _, one := range running {
		apps = append(apps, r.app(t, one.main))
	}
	bob := r.roaming(t)

	t.Run("a code is taken once", func(t *testing.T) {
		code, verifier := r.grant(t, bob)
		var taken atomic.Int64
		var all sync.WaitGroup
		for n := range 12 {
			all.Go(func() {
				if _, err := apps[n%3].redeem(t, code, verifier); err == nil {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Errorf("N195: a code was taken %d times", taken.Load())
		}
	})

	code, verifier := r.grant(t, bob)
	first, err := apps[0].redeem(t, code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("a refresh is repeated by each", func(t *testing.T) {
		second, err := apps[1].refresh(t, first.RefreshToken)
		if err != nil {
			t.Fatal(err)
		}
		for n, app := range apps {
			again, err := app.refresh(t, first.RefreshToken)
			if err != nil || again.RefreshToken != second.RefreshToken {
				t.Errorf("N195: replica %d does not repeat the answer of another: %v", n, err)
			}
		}
	})
	t.Run("a revocation counts for the next request to each", func(t *testing.T) {
		for n := range apps {
			code, verifier := r.grant(t, bob)
			tokens, err := apps[n].redeem(t, code, verifier)
			if err != nil {
				t.Fatal(err)
			}
			for _, app := range apps {
				if !app.active(t, tokens.AccessToken) { // each has it in its memory now, if it keeps it
					t.Error("N195: a token of another replica is not active")
				}
			}
			if status := apps[n].revoke(t, tokens.RefreshToken); status != http.StatusOK {
				t.Fatalf("revocation answers %d", status)
			}
			for m, app := range apps {
				if app.active(t, tokens.AccessToken) {
					t.Errorf("N195: revoked on replica %d, and still active on replica %d", n, m)
				}
				if _, err := app.refresh(t, tokens.RefreshToken); err == nil {
					t.Errorf("N195: revoked on replica %d, and refreshed on replica %d", n, m)
				}
			}
		}
	})
	t.Run("wrong passwords cost at most as many guesses as there are replicas, times one replica's", func(t *testing.T) {
		const free = 5 // decision 0003: by account and address
		looked := 0
		for _, one := range running {
			client, err := w.Client()
			if err != nil {
				t.Fatal(err)
			}
			client.Jar, _ = cookiejar.New(nil)
			for range 2 * free {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+one.main+"/login",
					strings.NewReader(url.Values{"username": {w.Alice.Name}, "password": {"wrong"}}.Encode()))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				request.Header.Set("Origin", one.issuer)
				answer, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Body.Close()
				if answer.StatusCode == http.StatusTooManyRequests {
					break
				}
				looked++
			}
		}
		if most := len(running) * free; looked > most || looked == 0 {
			t.Errorf("N195: %d guesses were looked at, and the documents promise at most %d", looked, most)
		}
		t.Logf("%d replicas looked at %d guesses", len(running), looked)
	})
}

// chain refreshes one grant again and again, and tries a request whose answer it did not get once more with the same
// token, as clients do.
type chain struct {
	app    *app
	token  string
	count  atomic.Int64
	tries  atomic.Int64
	failed atomic.Pointer[string]
}

func (c *chain) run(t *testing.T, done <-chan struct{}) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		tokens, err := c.app.refresh(t, c.token)
		if err == nil {
			c.token = tokens.RefreshToken
			c.count.Add(1)
			continue
		}
		c.tries.Add(1)
		if e, ok := errors.AsType[*oauth2.RetrieveError](err); ok && e.Response.StatusCode != http.StatusServiceUnavailable {
			why := e.Error()
			c.failed.Store(&why)
			return
		}
	}
}

func TestN195RestartsAndKillsLoseNoRefresh(t *testing.T) {
	w := start(t)
	r, running := w.shareDatabase(t)
	bob, done := r.roaming(t), make(chan struct{})
	var chains []*chain
	var all sync.WaitGroup
	for range 4 {
		c := &chain{app: r.app(t, r.balancer.address())}
		code, verifier := r.grant(t, bob)
		tokens, err := c.app.redeem(t, code, verifier)
		if err != nil {
			t.Fatal(err)
		}
		c.token = tokens.RefreshToken
		chains = append(chains, c)
		all.Go(func() { c.run(t, done) })
	}
	ended := sync.OnceFunc(func() { close(done); all.Wait() })
	t.Cleanup(ended)
	served := func(what string) {
		t.Helper()
		for n, c := range chains {
			want := c.count.Load() + 10
			testenv.Eventually(t, time.Minute, what+": the chain goes on", func() bool { return c.count.Load() >= want || c.failed.Load() != nil })
			if why := c.failed.Load(); why != nil {
				t.Fatalf("N195: %s: a retry of chain %d failed: %s", what, n, *why)
			}
		}
	}
	served("at the beginning")
	for _, old := range running[:2] { // as a rolling update does
		r.startReplica(t)
		old.stop(t)
		served("after a restart")
	}
	for range 3 { // as a lost machine does
		next := r.startReplica(t)
		served("before a kill")
		if err := next.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-next.ended
		served("after a kill")
	}
	ended()
	total, tries := int64(0), int64(0)
	for _, c := range chains {
		total, tries = total+c.count.Load(), tries+c.tries.Load()
	}
	t.Logf("%d refreshes, %d of them tried again, none lost", total, tries)
}
