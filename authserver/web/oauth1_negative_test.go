// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// eachSigned runs a test in a house of its own for each profile of OAuth 1.0a.
func eachSigned(t *testing.T, check func(*testing.T, *house, *signer)) {
	t.Helper()
	for name, client := range map[string]func(*house, *testing.T) *signer{
		"OAuth1": (*house).photoBook, "ConnectionsCloudOAuth1": (*house).scrapbook,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			check(t, h, client(h, t))
		})
	}
}

// twin adds a second client of the profile.
func (c *signer) twin() *signer {
	client, _ := c.h.Clients.ByID(c.id)
	other := *client
	other.ID, other.UID, other.Credentials = "twin", "11111111-0000-4000-8000-00000000000c", nil
	c.h.AddClient(other)
	twin := *c
	twin.id, twin.secret = other.ID, c.h.Secret(other.ID)
	return &twin
}

// replica returns one more server of the same issuer, over the same store.
func (h *house) replica(t *testing.T) *house {
	t.Helper()
	env := *h.Env
	env.Auth = h.Replica(t)
	site, err := web.New(web.Config{
		Auth: env.Auth, Issuer: h.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard,
		Ready: func(*http.Request) error { return nil }, Now: env.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	other := &house{Env: &env, server: httptest.NewTLSServer(site.Handler()), issuer: h.issuer}
	t.Cleanup(other.server.Close)
	return other
}

func TestSignedN04ClientsThatCannotBeUsedGetOneAnswerAndOnePage(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob, request := h.bob(t), app.requestToken()
		var answers, shown []string
		for _, change := range []func(){
			func() { h.Clients.Change(app.id, func(c *authserver.Client) { c.Accepted = false }) },
			func() { h.Clients.Change(app.id, func(c *authserver.Client) { c.Suspended = true }) },
			func() { h.Clients.Delete(app.id) },
		} {
			change()
			got := app.refused(app.request(app.callback), "signature_invalid")
			answers = append(answers, got.raw+got.Header.Get("WWW-Authenticate"))
			p := bob.get(app.link(bob, request.token)).says("This application cannot be used")
			shown = append(shown, strconv.Itoa(p.StatusCode)+p.sameForAll(p.text()))
		}
		if answers[0] != answers[1] || answers[0] != answers[2] || shown[0] != shown[1] || shown[0] != shown[2] {
			t.Errorf("the answers are %q, the pages %q", answers, shown)
		}
	})
}

func TestSignedN08AnInteractionThatWasChangedIsRefused(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		b := h.bob(t)
		path, other := app.link(b, app.requestToken().token), app.link(b, app.requestToken().token)
		cookie := func(path string) string { return "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/") }
		ticket, sealed := b.get(path).field("ticket"), b.cookies()[cookie(path)]
		for name, value := range map[string]string{
			"another request token's": b.cookies()[cookie(other)], "changed": flip(sealed[0]) + sealed[1:], "cut": sealed[:len(sealed)-2],
		} {
			b.keep(cookie(path), value)
			b.get(path).wants(http.StatusGone, "")
			b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(http.StatusForbidden, "")
			if h.issued() != 0 {
				t.Errorf("%s: something was issued", name)
			}
		}
	})
}

func TestSignedN08WhatTheClientLostMeanwhileIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*authserver.Client)
		says   string
	}{
		"the callback": {func(c *authserver.Client) { c.CallbackURLs = []string{"https://new.example/"} }, "The way back is not known"},
		"suspended":    {func(c *authserver.Client) { c.Suspended = true }, "This application cannot be used"},
		"expired":      {func(c *authserver.Client) { c.ExpiresAt = authtest.Start }, "This application cannot be used"},
		"not ready":    {func(c *authserver.Client) { c.Accepted = false }, "This application cannot be used"},
		"re-created":   {func(c *authserver.Client) { c.UID = "another" }, "This application cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			eachSigned(t, func(t *testing.T, h *house, app *signer) {
				b := h.bob(t)
				path := app.link(b, app.requestToken().token)
				ticket := b.get(path).field("ticket")
				h.Clients.Change(app.id, tc.change)
				for _, p := range []*page{b.get(path), b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}})} {
					if p.says(tc.says); p.StatusCode/100 != 4 || p.Header.Get("Location") != "" {
						t.Errorf("%d %s", p.StatusCode, p.Header.Get("Location"))
					}
				}
				if h.issued() != 0 {
					t.Error("something was issued")
				}
			})
		})
	}
}

func TestSignedN09OnlyTheOwnersOwnFormDecidesAndOnce(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		b, elsewhere := h.bob(t), h.bob(t)
		h.Entitlement.Allow(authtest.Alice, app.id)
		alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		request := app.requestToken()
		path := app.link(b, request.token)
		form := url.Values{"decision": {"allow"}, "ticket": {b.get(path).field("ticket")}}
		elsewhere.post(path+"/consent", form).wants(http.StatusForbidden, "")
		// The ticket of Bob's page does not fit another interaction with the same request token.
		for _, other := range []*browser{elsewhere, alice} {
			other.post(app.link(other, request.token)+"/consent", form).wants(http.StatusForbidden, "")
		}
		b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
		b.post(path+"/consent", form).wants(http.StatusForbidden, "")
		b.header = http.Header{}
		b.post(path+"/consent", url.Values{"decision": {"allow"}}).wants(http.StatusForbidden, "")
		if h.issued() != 0 {
			t.Fatal("something was issued")
		}
		first := b.post(path+"/consent", form).wants(http.StatusSeeOther, "").Header.Get("Location")
		if !strings.HasPrefix(first, app.callback) {
			t.Errorf("the browser is sent to %s", first)
		}
		b.post(path+"/consent", form).wants(http.StatusSeeOther, first)
		if h.issued() != 1 {
			t.Errorf("%d grants", h.issued())
		}
	})
}

func TestSignedN16WhoMayNotSeesWhomToAsk(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		p := alice.get(app.link(alice, app.requestToken().token)).says("Ask the administrator", "Signed in as Alice")
		if want := map[string]int{authtest.PhotoBook: http.StatusForbidden, authtest.Scrapbook: http.StatusUnauthorized}[app.id]; p.StatusCode != want {
			t.Errorf("the status is %d, want %d", p.StatusCode, want)
		}
		if strings.Contains(p.body, "oauth_consumer_missing_subscription") != (app.id == authtest.Scrapbook) {
			t.Errorf("the page says %s", p.text())
		}
		for _, other := range []string{"PhotoPrint", "BookShelf", "PhotoStorage", "Album"} {
			if strings.Contains(p.body, other) {
				t.Errorf("the page tells about %s", other)
			}
		}
		if h.issued() != 0 {
			t.Error("something was issued")
		}
	})
}

func TestSignedN16EntitlementThatIsLostBeforeTheExchangeGivesNothing(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		request := app.requestToken()
		verifier := app.allowedBy(h.bob(t), request)
		h.Entitlement.Withdraw(authtest.Bob, app.id)
		app.refused(app.exchange(request, verifier), "permission_denied")
		h.Entitlement.Allow(authtest.Bob, app.id)
		app.exchange(request, verifier).credentials()
	})
}

func TestTheOrderOfChecksIsLoginThenTokenThenEntitlement(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		expired, used := app.requestToken(), app.requestToken()
		app.allowedBy(h.bob(t), used)
		alice, other := h.signedIn(t, authtest.Alice, authtest.AlicePassword), h.browser(t)
		h.Clock.Advance(10*time.Minute - time.Second)
		alice.get(app.link(alice, expired.token)).says("Ask the administrator")
		for _, token := range []string{expired.token, used.token, "nonsense"} {
			p := other.get(app.link(other, token)).wants(http.StatusOK, "").says("Sign in to go on")
			if strings.Contains(p.body, "PhotoBook") || strings.Contains(p.body, "Scrapbook") || strings.Contains(p.body, "Cancel") {
				t.Errorf("an anonymous browser learns whose token it is: %s", p.text())
			}
		}
		h.Clock.Advance(time.Second)
		asked := h.Entitlement.Asked()
		for token, words := range map[string]string{
			expired.token: "This link has expired", used.token: "This link has expired", "nonsense": "This link is not known",
		} {
			p := alice.get(app.link(alice, token)).says(words)
			if app.id == authtest.Scrapbook {
				p.wants(http.StatusUnauthorized, "").says("oauth_token_expired")
			}
		}
		if h.Entitlement.Asked() != asked {
			t.Error("the entitlement was asked although the request token is not good")
		}
		other.get(app.link(other, expired.token)).wants(http.StatusOK, "").says("Sign in")
	})
}

func TestARequestTokenIsGoodForOneDecision(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		request, bob := app.requestToken(), h.bob(t)
		verifier := app.allowedBy(bob, request)
		if again := bob.get(app.link(bob, request.token)).Header.Get("Location"); !strings.Contains(again, "oauth_verifier="+verifier) {
			t.Errorf("the link opened again leads to %q, want the same verifier", again)
		}
		alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		alice.get(app.link(alice, request.token)).says("This link was used before")
		if h.issued() != 1 {
			t.Errorf("%d grants", h.issued())
		}
	})
}

func TestSignedN17AScopeThatTheClientGotLaterIsNotInTheToken(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		token := app.tokens()
		h.Clients.Change(app.id, func(c *authserver.Client) { c.Scopes = []string{"photos.read", "photos.write"} })
		if got := app.verified(token, nil).text("scope"); got != "photos.read" {
			t.Errorf("the token's scope is %q", got)
		}
		h.Clients.Change(app.id, func(c *authserver.Client) { c.Scopes = []string{"photos.write"} })
		if app.works(token) {
			t.Error("a token keeps a scope that its client has lost")
		}
	})
}

func TestSignedN21AVerifierUsedTwiceEndsWhatItGave(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		request := app.requestToken()
		verifier := app.allowedBy(h.bob(t), request)
		token := app.exchange(request, verifier).credentials()
		if !app.works(token) {
			t.Fatal("the token does not work before")
		}
		app.refused(app.exchange(request, verifier), "token_used")
		if app.works(token) {
			t.Error("what the first use gave is alive")
		}
	})
}

func TestSignedN22OfFiftyParallelExchangesOneGetsAToken(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		request := app.requestToken()
		verifier := app.allowedBy(h.bob(t), request)
		servers := []*house{h, h.replica(t)}
		var mu sync.Mutex
		count := map[int]int{}
		var wg sync.WaitGroup
		for n := range 50 {
			header := app.authorization("POST", h.issuer+app.accessPath, request, params{"oauth_verifier": verifier})
			wg.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, servers[n%2].server.URL+app.accessPath, nil)
				if err != nil {
					return
				}
				r.Header.Set("Authorization", header)
				response, err := servers[n%2].server.Client().Do(r)
				if err != nil {
					return
				}
				_ = response.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				count[response.StatusCode]++
			})
		}
		wg.Wait()
		if count[http.StatusOK] != 1 || count[http.StatusUnauthorized] != 49 {
			t.Errorf("the answers are %v", count)
		}
	})
}

func TestSignedN23AnotherClientGetsNothingAndBurnsNothing(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		twin, request := app.twin(), app.requestToken()
		verifier := app.allowedBy(h.bob(t), request)
		own := twin.requestToken()
		for _, with := range []pair{request, own} { // the other's token and secret, and its own
			if got := twin.exchange(with, verifier); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("the twin gets %d %s", got.StatusCode, got.raw)
			}
		}
		token := app.exchange(request, verifier).credentials()
		if twin.works(token) {
			t.Error("another client's signature opens photos")
		}
		if !app.works(token) {
			t.Error("the token does not work")
		}
	})
}

// reset is what the operator does to a client whose credentials are reset: what was given before
// is over.
func (c *signer) reset() {
	c.h.Clients.Change(c.id, func(client *authserver.Client) { client.NotBefore = c.h.Clock.Now().Add(time.Second) })
}

func TestSignedN24AVerifierEndsWithItsTimeItsOwnersWillAndItsClient(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*testing.T, *house, *signer)
		word string
	}{
		"its time": {func(_ *testing.T, h *house, _ *signer) { h.Clock.Advance(10 * time.Minute) }, "token_expired"},
		"the owner's will": {func(t *testing.T, h *house, app *signer) {
			h.bob(t).post("/account/revoke", url.Values{"clientID": {app.id}}).wants(http.StatusSeeOther, "/account")
		}, "token_expired"},
		"suspended": {func(_ *testing.T, h *house, app *signer) {
			h.Clients.Change(app.id, func(c *authserver.Client) { c.Suspended = true })
		}, "signature_invalid"},
		"N342 expired": {func(_ *testing.T, h *house, app *signer) {
			h.Clients.Change(app.id, func(c *authserver.Client) { c.ExpiresAt = h.Clock.Now() })
		}, "signature_invalid"},
		"deleted":        {func(_ *testing.T, h *house, app *signer) { h.Clients.Delete(app.id) }, "signature_invalid"},
		"the owner left": {func(_ *testing.T, h *house, _ *signer) { h.Directory.Remove(authtest.Bob) }, "permission_denied"},
		"reset":          {func(_ *testing.T, _ *house, app *signer) { app.reset() }, "token_expired"},
	} {
		t.Run(name, func(t *testing.T) {
			eachSigned(t, func(t *testing.T, h *house, app *signer) {
				request := app.requestToken()
				verifier := app.allowedBy(h.bob(t), request)
				tc.end(t, h, app)
				app.refused(app.exchange(request, verifier), tc.word)
			})
		})
	}
}

func TestATokenEndsWithItsTimeItsOwnersWillAndItsClient(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *house, *signer){
		"its time": func(_ *testing.T, h *house, _ *signer) { h.Clock.Advance(10 * time.Hour) },
		"suspended": func(_ *testing.T, h *house, app *signer) {
			h.Clients.Change(app.id, func(c *authserver.Client) { c.Suspended = true })
		},
		"N342 expired": func(_ *testing.T, h *house, app *signer) {
			h.Clients.Change(app.id, func(c *authserver.Client) { c.ExpiresAt = h.Clock.Now() })
		},
		"deleted": func(_ *testing.T, h *house, app *signer) { h.Clients.Delete(app.id) },
		"N59 the owner's will": func(t *testing.T, h *house, app *signer) {
			h.bob(t).post("/account/revoke", url.Values{"clientID": {app.id}}).wants(http.StatusSeeOther, "/account")
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachSigned(t, func(t *testing.T, h *house, app *signer) {
				token := app.tokens()
				h.Clock.Advance(10*time.Hour - time.Second)
				if !app.works(token) {
					t.Fatal("the token does not work before")
				}
				end(t, h, app)
				if app.works(token) {
					t.Error("the token works")
				}
			})
		})
	}
}

func TestSignedN30NoTokenStandsInForAnother(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		request, token, bearer := app.requestToken(), app.tokens(), h.tokens(t)
		verifier := app.allowedBy(h.bob(t), request)
		access, refresh := bearer.text("access_token"), bearer.text("refresh_token")
		for name, wrong := range map[string]pair{
			"an access token": token, "a bearer token": {access, ""}, "a refresh token": {refresh, ""}, "a verifier": {verifier, ""},
			"another token's secret": {request.token, token.secret},
		} {
			app.refused(app.exchange(wrong, verifier), "signature_invalid")
			if h.issued() != 3 {
				t.Fatalf("%s: %d grants", name, h.issued())
			}
		}
		for name, wrong := range map[string]pair{ // N54
			"a request token": request, "a bearer token": {access, ""}, "a refresh token": {refresh, ""},
			"another token's secret": {token.token, request.secret}, "no secret": {token.token, ""}, "the token as its secret": {token.token, token.token},
		} {
			if app.works(wrong) {
				t.Errorf("%s opens photos", name)
			}
		}
		app.refused(app.post(app.requestPath, token, params{"oauth_callback": app.callback}), "signature_invalid")
		print := h.client(t, authtest.PhotoPrint)
		for _, wrong := range []string{token.token, token.secret, request.token, verifier} {
			if h.active(t, wrong) {
				t.Errorf("%.5s passes for a bearer token", wrong)
			}
			print.refresh(wrong).refused(http.StatusBadRequest, "invalid_grant")
			print.redeem(wrong, authtest.PhotoPrintCallback).refused(http.StatusBadRequest, "invalid_grant")
			print.post("/oauth2/revoke", url.Values{"token": {wrong}}).wants(http.StatusOK)
		}
		bob := h.bob(t)
		for _, wrong := range []string{token.token, access, refresh, verifier} {
			bob.get(app.link(bob, wrong)).says("This link is not known")
		}
		app.exchange(request, verifier).credentials()
		if !app.works(token) {
			t.Error("the token has not survived")
		}
	})
}

func TestN51ANonceIsGoodForOneRequest(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	once := params{"oauth_callback": app.callback, "oauth_nonce": "once"}
	header := app.authorization("POST", h.issuer+app.requestPath, pair{}, once)
	app.send("POST", app.requestPath, header, nil).credentials()
	app.send("POST", app.requestPath, header, nil).problem(http.StatusUnauthorized, "nonce_used")
	app.post(app.requestPath, pair{}, once).problem(http.StatusUnauthorized, "nonce_used")
	restarted := *app
	restarted.h = h.replica(t)
	restarted.post(app.requestPath, pair{}, once).problem(http.StatusUnauthorized, "nonce_used")
	h.Clock.Advance(time.Second)
	app.post(app.requestPath, pair{}, once).credentials() // another timestamp makes another request

	// At a resource a request is good once too.
	token := app.tokens()
	question := url.Values{"method": {"GET"}, "url": {photos}, "authorization": {app.authorization("GET", photos, token, nil)}}
	if first, second := h.verify(t, question), h.verify(t, question); first.body["active"] != true || second.body["active"] != false {
		t.Errorf("the first time %s, the second %s", first.raw, second.raw)
	}
}

func TestN51OfTwentyRequestsWithOneNonceOnePasses(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	servers := []*house{h, h.replica(t)}
	header := app.authorization("POST", h.issuer+app.requestPath, pair{}, params{"oauth_callback": app.callback})
	statuses := make([]int, 20)
	var wg sync.WaitGroup
	for n := range statuses {
		wg.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, servers[n%2].server.URL+app.requestPath, nil)
			if err != nil {
				return
			}
			r.Header.Set("Authorization", header)
			if response, err := servers[n%2].server.Client().Do(r); err == nil {
				statuses[n] = response.StatusCode
				_ = response.Body.Close()
			}
		})
	}
	wg.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusUnauthorized] != 19 {
		t.Errorf("the answers are %v", count)
	}
}

func TestN51ATimestampOutsideTheWindowIsRefused(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	now := h.Clock.Now().Unix()
	at := func(timestamp string) *told {
		return app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_timestamp": timestamp})
	}
	for _, shift := range []int64{-300, 0, 300} {
		at(strconv.FormatInt(now+shift, 10)).credentials()
	}
	for _, shift := range []int64{-301, 301, -1e9, 1e9} {
		got := at(strconv.FormatInt(now+shift, 10)).problem(http.StatusUnauthorized, "timestamp_refused")
		if want := fmt.Sprintf("%d-%d", now-300, now+300); got.form.Get("oauth_acceptable_timestamps") != want {
			t.Errorf("acceptable are %s, want %s", got.form.Get("oauth_acceptable_timestamps"), want)
		}
	}
	for _, bad := range []string{"-1", "0", "1.5", "x", "9999999999999999999999", "0" + strconv.FormatInt(now, 10), "+" + strconv.FormatInt(now, 10)} {
		at(bad).problem(http.StatusBadRequest, "parameter_rejected")
	}
}

func TestN51NoUnknownClientWritesANonce(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		writes := h.Store.Writes()
		wrong := *app
		wrong.secret = "wrong"
		app.refused(wrong.request(app.callback), "signature_invalid")
		app.refused(wrong.exchange(pair{"ght_x", "y"}, "z"), "signature_invalid")
		wrong.id = "photos.nobody"
		app.refused(wrong.request(app.callback), "signature_invalid")
		b := h.browser(t)
		b.get(app.link(b, "nonsense"))
		if h.Store.Writes() != writes {
			t.Errorf("anonymous requests made %d writes", h.Store.Writes()-writes)
		}
	})
}

func TestN52ACallbackMustBeRegistered(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		hostile := hostileCallbacks(app.callback)
		delete(hostile, "query")
		hostile["more query"], hostile["small OOB"], hostile["blank"] = app.callback+"&x=1", "Oob", app.callback+"%20"
		for name, callback := range hostile {
			got := app.request(callback).wants(http.StatusBadRequest)
			if !strings.Contains(got.raw, "oauth_callback") {
				t.Errorf("%s: %s", name, got.raw)
			}
		}
		got := app.request("").wants(http.StatusBadRequest)
		if !strings.Contains(got.raw, "absent") || !strings.Contains(got.raw, "oauth_callback") {
			t.Errorf("without a callback: %s", got.raw)
		}
		app.request("oob").credentials()
		h.Clients.Change(app.id, func(c *authserver.Client) { c.OutOfBand = false })
		app.request("oob").wants(http.StatusBadRequest)
	})
}

func TestN53TheVerifierTiesTheOwnerToTheExchange(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		mine, others := app.requestToken(), app.requestToken()
		app.refused(app.exchange(mine, "guessed"), "token_rejected") // before anybody decided
		verifier := app.allowedBy(h.bob(t), mine)
		got := app.exchange(mine, "").wants(http.StatusBadRequest)
		if !strings.Contains(got.raw, "absent") || !strings.Contains(got.raw, "oauth_verifier") {
			t.Errorf("without a verifier: %s", got.raw)
		}
		app.refused(app.exchange(mine, "wrong"), "token_rejected")
		app.refused(app.exchange(others, verifier), "token_rejected") // session fixation
		app.exchange(mine, verifier).credentials()
		app.refused(app.exchange(mine, verifier), "token_used")
	})
}

func TestN53ADenialGivesNothingToExchange(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		b, request := h.bob(t), app.requestToken()
		callback, _, _ := strings.Cut(app.callback, "?")
		got := b.consentTo(app.link(b, request.token), "deny").back(callback)
		if got.Get("oauth_token") != request.token || got.Get("oauth_verifier") != "" || h.issued() != 0 {
			t.Errorf("the callback gets %v", got)
		}
		if got.Get("oauth_problem") != "user_refused" && got.Get("oauth_error") != "oauth_denied" {
			t.Errorf("the callback gets %v", got)
		}
		app.exchange(request, got.Get("oauth_verifier")).wants(http.StatusBadRequest)
	})
}

func TestN55PlaintextIsForThoseWhoMayAndOverTLSOnly(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	app.method = oauth1.Plaintext
	app.request(app.callback).problem(http.StatusBadRequest, "signature_method_rejected")
	h.Clients.Change(app.id, func(c *authserver.Client) { c.SignatureMethods = []string{"PLAINTEXT"} })
	app.request(app.callback).credentials()
	app.method = oauth1.HMACSHA1
	app.request(app.callback).problem(http.StatusBadRequest, "signature_method_rejected")
	app.method = "RSA-SHA1"
	app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_signature": "c2lnbmVk"}).problem(http.StatusBadRequest, "signature_method_rejected")
	wrong := *app
	wrong.method, wrong.secret = oauth1.HMACSHA1, "wrong" // who is nobody learns no client's methods
	wrong.request(app.callback).problem(http.StatusUnauthorized, "signature_invalid")
}

func TestN55AProxyTellsWhatCameWithoutTLS(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		h.Clients.Change(app.id, func(c *authserver.Client) { c.SignatureMethods = append(c.SignatureMethods, "PLAINTEXT") })
		ask := func(method oauth1.SignatureMethod, peer string, protocols ...string) int {
			app.method = method
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+app.requestPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", app.authorization("POST", h.issuer+app.requestPath, pair{}, params{"oauth_callback": app.callback}))
			r.Header.Set(headerPeer, peer)
			r.Header["X-Forwarded-Proto"] = protocols
			return app.do(r).StatusCode
		}
		const proxy, other = "10.0.0.1:80", "203.0.113.7:80"
		for _, tc := range []struct {
			name      string
			peer      string
			protocols []string
			want      int
		}{
			{"a proxy says https", proxy, []string{"https"}, http.StatusOK},
			{"a proxy says HTTPS, twice", proxy, []string{"HTTPS, https"}, http.StatusOK},
			{"a proxy says nothing", proxy, nil, http.StatusOK},
			{"a proxy says http", proxy, []string{"http"}, http.StatusBadRequest},
			{"one of two proxies says http", proxy, []string{"https, http"}, http.StatusBadRequest},
			{"what an untrusted peer says", other, []string{"http"}, http.StatusOK},
		} {
			if got := ask(oauth1.Plaintext, tc.peer, tc.protocols...); got != tc.want {
				t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
			}
		}
		if app.id == authtest.PhotoBook {
			if got := ask(oauth1.HMACSHA1, proxy, "http"); got != http.StatusOK {
				t.Errorf("a signature without secrets in it, without TLS: %d", got)
			}
		}
	})
}

func TestN56TheBaseStringIsRFC5849s(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	token := app.tokens()
	const signedURL = "https://photostorage.example/photos?b=2&a=1&a=x%20y&c="
	ask := func(question url.Values) bool {
		question.Set("authorization", app.authorization("GET", signedURL, token, nil))
		return h.verify(t, question).wants(http.StatusOK).body["active"] == true
	}
	for name, tc := range map[string]struct {
		method, url string
		want        bool
	}{
		"as it was signed":      {"GET", signedURL, true},
		"a method in small":     {"get", signedURL, true},
		"the default port":      {"GET", "https://photostorage.example:443/photos?b=2&a=1&a=x%20y&c=", true},
		"a host in upper case":  {"GET", "HTTPS://PhotoStorage.EXAMPLE/photos?b=2&a=1&a=x%20y&c=", true},
		"unsorted, + for %20":   {"GET", "https://photostorage.example/photos?c&a=x+y&b=2&a=1", true},
		"another port":          {"GET", "https://photostorage.example:80/photos?b=2&a=1&a=x%20y&c=", false},
		"another scheme":        {"GET", "http://photostorage.example/photos?b=2&a=1&a=x%20y&c=", false},
		"another path":          {"GET", "https://photostorage.example/photos/?b=2&a=1&a=x%20y&c=", false},
		"a name once":           {"GET", "https://photostorage.example/photos?b=2&a=1&c=", false},
		"another method":        {"POST", signedURL, false},
		"no URL at all":         {"GET", "photos", false},
		"oauth_* in two places": {"GET", signedURL + "&oauth_version=1.0", false},
	} {
		if got := ask(url.Values{"method": {tc.method}, "url": {tc.url}}); got != tc.want {
			t.Errorf("%s: active is %v", name, got)
		}
	}
	if ask(url.Values{"method": {"GET"}, "url": {signedURL}, "body": {"d=4"}}) {
		t.Error("a form that was not signed is taken for signed")
	}
}

func TestN56AtOurOwnEndpointsTheFormAndTheQueryAreSigned(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	// In the header, with a query and a form of its own.
	target, form := app.requestPath+"?b=2&a=x+y&a=1", url.Values{"d": {"4", "3"}, "ä": {"~"}}
	all := app.protocol("", params{"oauth_callback": app.callback})
	list := append(all.list(), oauth1.Param{Name: "d", Value: "4"}, oauth1.Param{Name: "d", Value: "3"}, oauth1.Param{Name: "ä", Value: "~"})
	base, err := oauth1.BaseString("POST", h.issuer+target, list)
	if err != nil {
		t.Fatal(err)
	}
	all["oauth_signature"] = oauth1.Sign(oauth1.HMACSHA1, base, app.secret, "")
	header := oauth1.Authorization("Photos", all.list())
	app.send("POST", target+"&e=5", header, form).problem(http.StatusUnauthorized, "signature_invalid")
	app.send("POST", target, header, url.Values{"d": {"4"}}).problem(http.StatusUnauthorized, "signature_invalid")
	app.send("POST", target, header, form).credentials()

	// In the form, and in the query.
	for _, place := range []string{"form", "query"} {
		all := app.protocol("", params{"oauth_callback": app.callback})
		all["oauth_signature"] = app.signature("POST", h.issuer+app.requestPath, "", all)
		v := url.Values{}
		for name, value := range all {
			v.Set(name, value)
		}
		if place == "form" {
			app.send("POST", app.requestPath, "", v).credentials()
			continue
		}
		app.send("POST", app.requestPath+"?"+v.Encode(), "", nil).credentials()
	}
	twice := app.authorization("POST", h.issuer+app.requestPath, pair{}, params{"oauth_callback": app.callback})
	app.send("POST", app.requestPath, twice, url.Values{"oauth_callback": {app.callback}}).problem(http.StatusBadRequest, "parameter_rejected")
	app.send("POST", app.requestPath, "", nil).problem(http.StatusBadRequest, "parameter_absent")
}

func TestN57TheVersionIsOneAndTheRealmIsNotSigned(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	for _, version := range []string{"2.0", "1.0a", "1"} {
		got := app.post(app.requestPath, pair{}, params{"oauth_callback": app.callback, "oauth_version": version}).problem(http.StatusBadRequest, "version_rejected")
		if got.form.Get("oauth_acceptable_versions") != "1.0-1.0" {
			t.Errorf("acceptable are %s", got.raw)
		}
	}
	all := app.protocol("", params{"oauth_callback": app.callback})
	all["oauth_signature"] = app.signature("POST", h.issuer+app.requestPath, "", all)
	app.send("POST", app.requestPath, oauth1.Authorization("Photos", all.list()), nil).credentials()
	all = app.protocol("", params{"oauth_callback": app.callback, "realm": "Photos"})
	all["oauth_signature"] = app.signature("POST", h.issuer+app.requestPath, "", all)
	delete(all, "realm")
	app.send("POST", app.requestPath, oauth1.Authorization("Photos", all.list()), nil).problem(http.StatusUnauthorized, "signature_invalid")
}

// header is what of an answer's header could tell clients apart.
func (a *told) header() string {
	h := a.Header.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	return fmt.Sprint(a.StatusCode, h)
}

func TestN58AnUnknownConsumerAndAWrongSignatureAreOneAnswer(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		twin := app.twin()
		h.Clients.Change(twin.id, func(c *authserver.Client) { c.Suspended = true })
		clients := []*signer{twin}
		for _, as := range [][2]string{
			{"photos.nobody", app.secret}, {app.id, "wrong"}, {app.id, app.secret[:len(app.secret)-1]}, {authtest.PhotoPrint, h.Secret(authtest.PhotoPrint)},
			{authtest.Album, h.Secret(authtest.Album)}, {authtest.Desktop, "x"}, {"", ""}, {strings.Repeat("x", 300), "x"},
		} {
			c := *app
			if c.id, c.secret = as[0], as[1]; c.id == "" {
				continue
			}
			clients = append(clients, &c)
		}
		var first string
		for _, c := range clients {
			for _, got := range []*told{c.request(app.callback), c.exchange(pair{"ght_x", "secret"}, "v")} {
				app.refused(got, "signature_invalid")
				if first == "" {
					first = got.header() + got.raw
				}
				if answer := got.header() + got.raw; answer != first {
					t.Errorf("%s is answered\n%s, others\n%s", c.id, answer, first)
				}
			}
		}
	})
}

func TestAClientOfOneProfileIsAStrangerAtTheOthersPaths(t *testing.T) {
	h := newHouse(t)
	book, scrap := h.photoBook(t), h.scrapbook(t)
	h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.SignatureMethods = []string{"PLAINTEXT"} })
	book.method = oauth1.Plaintext
	swap := func(c *signer, as *signer) *signer {
		other := *c
		other.requestPath, other.authorizePath, other.accessPath = as.requestPath, as.authorizePath, as.accessPath
		return &other
	}
	unknown := *book
	unknown.id = "photos.nobody"
	for _, tc := range []struct{ at, other *signer }{{scrap, swap(book, scrap)}, {book, swap(scrap, book)}} {
		nobody := swap(&unknown, tc.at)
		want, got := nobody.request(tc.other.callback), tc.at.refused(tc.other.request(tc.other.callback), "signature_invalid")
		if want.header()+want.raw != got.header()+got.raw {
			t.Errorf("%s is answered %s, an unknown client %s", tc.other.id, got.raw, want.raw)
		}
	}
	// A request token at the other profile's page is no token of a client there.
	bob := h.bob(t)
	for _, tc := range []struct{ client, at *signer }{{book, scrap}, {scrap, book}} {
		p := bob.get(tc.at.link(bob, tc.client.requestToken().token)).says("This application cannot be used")
		if p.StatusCode/100 != 4 || strings.Contains(p.body, "PhotoBook") || strings.Contains(p.body, "Scrapbook") {
			t.Errorf("%d %s", p.StatusCode, p.text())
		}
	}
	// Nor do they know a client that signs where secrets are sent.
	for _, id := range []string{authtest.PhotoBook, authtest.Scrapbook} {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}, "redirect_uri": {"https://x.example"}, "code_verifier": {codeVerifier}}
		h.client(t, id).post("/oauth2/token", form).refused(http.StatusUnauthorized, "invalid_client")
		h.client(t, id).post("/oauth2/introspect", url.Values{"token": {"x"}}).refused(http.StatusUnauthorized, "invalid_client")
		h.client(t, id).post(oauth1.PathVerify, url.Values{"method": {"GET"}, "url": {photos}}).refused(http.StatusUnauthorized, "invalid_client")
		bob.get(request(url.Values{"client_id": {id}})).wants(http.StatusBadRequest, "").says("This application cannot be used")
	}
}

func TestN59WhatIsAllowedInEitherProtocolStandsOnTheAccountPageAndDiesThere(t *testing.T) {
	h := newHouse(t)
	book, scrap, bob := h.photoBook(t), h.scrapbook(t), h.bob(t)
	signed, older, bearer := book.tokens(), scrap.tokens(), h.tokens(t).text("access_token")
	bob.get("/account").says("PhotoBook", authtest.PhotoBook, "Scrapbook", authtest.Scrapbook, "PhotoPrint", "1 June 2026, 22:10 UTC")
	alive := func() [3]bool { return [3]bool{book.works(signed), scrap.works(older), h.active(t, bearer)} }
	want := [3]bool{true, true, true}
	for n, id := range []string{authtest.PhotoBook, authtest.Scrapbook, authtest.PhotoPrint} {
		if got := alive(); got != want {
			t.Errorf("before: %v, want %v", got, want)
		}
		bob.post("/account/revoke", url.Values{"clientID": {id}}).wants(http.StatusSeeOther, "/account")
		want[n] = false
	}
	if got := alive(); got != want {
		t.Errorf("after: %v, want %v", got, want)
	}
	bob.get("/account").says("No application has access.")
}
