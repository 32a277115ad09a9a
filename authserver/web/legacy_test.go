// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// older is a dialect of OAuth 2.0 that is older than its rules of today.
type older struct {
	client, callback string
	callbackName     string
	authorize, token string // paths
	// What the token endpoint says: status and a part of the body.
	badClient, badCode, expiredCode, wrongCallback, badRefresh said
}

type said struct {
	status int
	text   string
}

var olders = map[string]older{
	"ConnectionsCloudOAuth2": {
		client: authtest.Album, callback: authtest.AlbumCallback, callbackName: "callback_uri",
		authorize: "/manage/oauth2/authorize", token: "/manage/oauth2/token",
		badClient:     said{http.StatusUnauthorized, "oauth_invalid_clientid"},
		badCode:       said{http.StatusUnauthorized, "oauth_invalid_authorizationcode"},
		expiredCode:   said{http.StatusUnauthorized, "oauth_authorization_code_expired"},
		wrongCallback: said{http.StatusUnauthorized, "Callback URI sent with the request is not the same as the one registered for this Company App"},
		badRefresh:    said{http.StatusUnauthorized, "fail decrypt refresh token"},
	},
	"IntegrationCloud": {
		client: authtest.Flows, callback: authtest.FlowsCallback, callbackName: "redirect_uri",
		authorize: "/integration/rest/oAuth/authorize", token: "/integration/rest/oAuth/getToken",
		badClient:     said{http.StatusUnauthorized, `"invalid_client"`},
		badCode:       said{http.StatusBadRequest, `"invalid_grant"`},
		expiredCode:   said{http.StatusBadRequest, `"invalid_grant"`},
		wrongCallback: said{http.StatusBadRequest, `"invalid_grant"`},
		badRefresh:    said{http.StatusBadRequest, `"invalid_grant"`},
	},
}

// eachOlder runs a test in a house of its own for each dialect.
func eachOlder(t *testing.T, check func(*testing.T, *house, older)) {
	t.Helper()
	for name, o := range olders {
		t.Run(name, func(t *testing.T) { check(t, newHouse(t), o) })
	}
}

// request returns the path of an authorization request, with changes.
func (o older) request(changes url.Values) string {
	v := url.Values{"response_type": {"code"}, "client_id": {o.client}, o.callbackName: {o.callback}, "state": {"af0ifjsldkj"}}
	maps.Copy(v, changes)
	return o.authorize + "?" + v.Encode()
}

func (o older) begin(b *browser, changes url.Values) string {
	b.t.Helper()
	p := b.get(o.request(changes)).wants(http.StatusSeeOther, "")
	return p.Header.Get("Location")
}

// form is what the owner sends from the consent page.
func (o older) form(b *browser, path, decision string) url.Values {
	b.t.Helper()
	p := b.get(path).wants(http.StatusOK, "")
	form := url.Values{"decision": {decision}, "ticket": {p.field("ticket")}}
	if p.hasField("scope") {
		form["scope"] = []string{"photos.read"}
	}
	return form
}

// code walks Bob through the pages.
func (o older) code(t *testing.T, h *house, changes url.Values) string {
	t.Helper()
	b := h.bob(t)
	path := o.begin(b, changes)
	got := b.post(path+"/consent", o.form(b, path, "allow")).back(o.callback)
	if !got.Has("code") {
		t.Fatalf("the callback gets %v", got)
	}
	return got.Get("code")
}

func (o older) redemption(h *house, code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, o.callbackName: {o.callback},
		"client_id": {o.client}, "client_secret": {h.Secret(o.client)}}
}

func (o older) refresh(h *house, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token},
		"client_id": {o.client}, "client_secret": {h.Secret(o.client)}}
}

// reply is what an older client got: of a form or of JSON, the fields.
type reply struct {
	*http.Response
	t      *testing.T
	raw    string
	fields map[string]string
}

func (h *house) ask(t *testing.T, path string, form url.Values) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return h.send(t, r)
}

func (h *house) send(t *testing.T, r *http.Request) *reply {
	t.Helper()
	response, err := h.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := &reply{Response: response, t: t, raw: string(raw), fields: map[string]string{}}
	if r.URL.Path == "/oauth2/token" { // where times are numbers
		var fields map[string]any
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatalf("%s is not JSON: %v", raw, err)
		}
		for name, value := range fields {
			got.fields[name] = fmt.Sprint(value)
		}
	} else if response.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(raw, &got.fields); err != nil && response.StatusCode == http.StatusOK {
			t.Fatalf("%s is not what it says: %v", raw, err)
		}
	} else if v, err := url.ParseQuery(string(raw)); err == nil {
		for name := range v {
			got.fields[name] = v.Get(name)
		}
	}
	return got
}

func (g *reply) ok() *reply {
	g.t.Helper()
	if g.StatusCode != http.StatusOK {
		g.t.Fatalf("%s: %d %s", g.Request.URL.Path, g.StatusCode, g.raw)
	}
	return g
}

func (g *reply) says(want said) *reply {
	g.t.Helper()
	if g.StatusCode != want.status || !strings.Contains(g.raw, want.text) {
		g.t.Errorf("%s: %d %s, want %d %s", g.Request.URL.Path, g.StatusCode, g.raw, want.status, want.text)
	}
	return g
}

// tokens are those of a whole flow.
func (o older) tokens(t *testing.T, h *house) *reply {
	t.Helper()
	return h.ask(t, o.token, o.redemption(h, o.code(t, h, nil))).ok()
}

// hostileCallbacks differ from a registered https callback in one thing each.
func hostileCallbacks(callback string) map[string]string {
	u, err := url.Parse(callback)
	if err != nil {
		return nil
	}
	return map[string]string{
		"path suffix": callback + "x", "sub-path": callback + "/x", "query": callback + "?x=1", "trailing slash": callback + "/",
		"case": "https://" + u.Host + strings.ToUpper(u.Path), "port": "https://" + u.Host + ":443" + u.Path,
		"user info": "https://a@" + u.Host + u.Path, "backslash": `https://evil.example\@` + u.Host + u.Path,
		"dot segments": "https://" + u.Host + "/a/.." + u.Path, "percent-encoding": "https://" + u.Host + "/%" + "6f" + u.Path[2:],
		"fragment": callback + "#x", "another host": "https://evil.example" + u.Path, "http": "http://" + u.Host + u.Path,
		"N02 loopback": "http://127.0.0.1" + u.Path, "N03 script": "javascript:alert(1)", "N03 data": "data:text/html,x", "N03 a scheme": "album:/x",
	}
}

func TestOlderN01N02N03ACallbackThatDiffersIsShown(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		for name, callback := range hostileCallbacks(o.callback) {
			p := h.browser(t).get(o.request(url.Values{o.callbackName: {callback}}))
			if p.StatusCode/100 != 4 || p.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, p.StatusCode, p.Header.Get("Location"))
			}
		}
	})
}

func TestOlderN02TheLoopbackRuleIsForTheNewerProfiles(t *testing.T) {
	h, o := newHouse(t), olders["IntegrationCloud"]
	h.Clients.Change(o.client, func(c *authserver.Client) { c.Public, c.CallbackURLs = true, []string{"http://127.0.0.1/callback"} })
	challenge := url.Values{"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	ask := func(callback string) *page {
		changes := maps.Clone(challenge)
		changes.Set("redirect_uri", callback)
		return h.browser(t).get(o.request(changes))
	}
	for _, callback := range []string{
		"http://127.0.0.1/callback", "http://127.0.0.1:50123/callback", "http://localhost:50123/callback", "http://127.0.0.1:50123/other", "https://127.0.0.1:50123/callback", "http://127.0.0.1.evil.example/callback",
	} {
		ask(callback).shown(http.StatusBadRequest)
	}
}

func TestOlderN04ClientsThatCannotBeUsedGetOnePage(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		unready, suspended := "unready", "suspended"
		for _, id := range []string{unready, suspended} {
			c, _ := h.Clients.ByID(o.client)
			other := *c
			other.ID, other.UID = id, id
			other.Accepted, other.Suspended = id != unready, id == suspended
			h.AddClient(other)
		}
		unknown := h.browser(t).get(o.request(url.Values{"client_id": {"nobody"}}))
		want := unknown.sameForAll(unknown.body)
		if !strings.Contains(want, "This application cannot be used") {
			t.Errorf("the page says %s", want)
		}
		for _, id := range []string{unready, suspended, authtest.PhotoPrint, authtest.PhotoBook, authtest.PhotoStorage} {
			p := h.browser(t).get(o.request(url.Values{"client_id": {id}}))
			if got := p.sameForAll(p.body); got != want {
				t.Errorf("%s gets another page:\n%s\n%s", id, got, want)
			}
		}
	})
}

func TestOlderN05N06N07FaultsOfARequestIssueNothing(t *testing.T) {
	challenge := "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for name, changes := range map[string]url.Values{
		"N05 state twice":         {"state": {"a", "b"}},
		"N05 response_type twice": {"response_type": {"code", "code"}},
		"N06 method plain":        {"code_challenge": {challenge}, "code_challenge_method": {"plain"}},
		"N06 no method":           {"code_challenge": {challenge}},
		"N06 no challenge":        {"code_challenge_method": {"S256"}},
		"N06 a short challenge":   {"code_challenge": {challenge[:42]}, "code_challenge_method": {"S256"}},
		"N06 a padded challenge":  {"code_challenge": {challenge + "="}, "code_challenge_method": {"S256"}},
		"N07 no response_type":    {"response_type": nil},
		"N07 the implicit grant":  {"response_type": {"token"}},
		"N07 unknown":             {"response_type": {"code token"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachOlder(t, func(t *testing.T, h *house, o older) {
				b := h.bob(t)
				p := b.get(o.request(changes))
				location := p.Header.Get("Location")
				travels := p.StatusCode == http.StatusSeeOther && strings.HasPrefix(location, o.callback+"?error=")
				if !travels && p.StatusCode/100 != 4 || strings.Contains(location, "code=") {
					t.Errorf("%d %s", p.StatusCode, location)
				}
			})
		})
	}
}

func TestOlderN05AnUnknownParameterMayBeThereTwice(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		h.browser(t).get(o.request(url.Values{"unknown": {"a", "b"}})).wants(http.StatusSeeOther, "")
	})
}

// As N73 in profile OAuth2: nobody is sent to a tenant's address before a login.
func TestOlderN73FaultsAreShownBeforeLogin(t *testing.T) {
	for name, changes := range map[string]url.Values{
		"a state that is too long": {"state": {strings.Repeat("s", 4097)}}, "response type": {"response_type": {"token"}},
		"prompt means nothing": {"response_type": {"token"}, "prompt": {"none"}}, "half a challenge": {"code_challenge_method": {"S256"}},
	} {
		eachOlder(t, func(t *testing.T, h *house, o older) {
			if p := h.browser(t).get(o.request(changes)); p.StatusCode/100 != 4 || p.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, p.StatusCode, p.Header.Get("Location"))
			}
		})
	}
}

func TestOlderN08AnInteractionThatWasChangedIsRefused(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		b := h.bob(t)
		path := o.begin(b, nil)
		form := o.form(b, path, "allow")
		cookie := "__Host-gatehouse-i-" + strings.TrimPrefix(path, "/interaction/")
		sealed := b.cookies()[cookie]
		other := b.begin(nil) // of another profile
		for name, value := range map[string]string{
			"another profile's": b.cookies()["__Host-gatehouse-i-"+strings.TrimPrefix(other, "/interaction/")],
			"changed":           flip(sealed[0]) + sealed[1:], "cut": sealed[:len(sealed)-2], "gone": "",
		} {
			b.keep(cookie, value)
			p := b.post(path+"/consent", form)
			if p.StatusCode != http.StatusForbidden || h.issued() != 0 {
				t.Errorf("%s: %d, %d issued", name, p.StatusCode, h.issued())
			}
		}
		b.keep(cookie, sealed)
		h.Clients.Change(o.client, func(c *authserver.Client) { c.CallbackURLs = []string{"https://new.example/callback"} })
		if p := b.post(path+"/consent", form); p.Header.Get("Location") != "" || h.issued() != 0 {
			t.Errorf("the callback is not the client's any more: %d %s", p.StatusCode, p.Header.Get("Location"))
		}
	})
}

func TestOlderN09OnlyTheOwnersOwnFormDecidesAndOnce(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		b, elsewhere := h.bob(t), h.bob(t)
		path := o.begin(b, nil)
		form := o.form(b, path, "allow")
		elsewhere.post(path+"/consent", form).wants(http.StatusForbidden, "")
		b.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
		b.post(path+"/consent", form).wants(http.StatusForbidden, "")
		b.header = http.Header{}
		without := maps.Clone(form)
		without.Del("ticket")
		b.post(path+"/consent", without).wants(http.StatusForbidden, "")
		if h.issued() != 0 {
			t.Fatal("something was issued")
		}
		first := b.post(path+"/consent", form).wants(http.StatusSeeOther, "").Header.Get("Location")
		b.post(path+"/consent", form).wants(http.StatusSeeOther, first)
		if h.issued() != 1 {
			t.Errorf("%d grants, want 1", h.issued())
		}
	})
}

func TestOlderN16EntitlementIsAskedAtEachStep(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		p := alice.get(o.begin(alice, nil))
		if p.StatusCode != http.StatusForbidden && p.StatusCode != http.StatusUnauthorized {
			t.Errorf("alice gets %d", p.StatusCode)
		}
		p.says("Ask the administrator")
		for _, other := range []string{"PhotoPrint", "BookShelf", "PhotoStorage"} {
			if strings.Contains(p.body, other) {
				t.Errorf("the page tells about %s", other)
			}
		}
		tokens, code := o.tokens(t, h), o.code(t, h, nil)
		h.Entitlement.Withdraw(authtest.Bob, o.client)
		h.ask(t, o.token, o.redemption(h, code)).says(o.badCode)
		h.ask(t, o.token, o.refresh(h, tokens.fields["refresh_token"])).says(o.badRefresh)
		h.Entitlement.Allow(authtest.Bob, o.client)
		h.ask(t, o.token, o.refresh(h, tokens.fields["refresh_token"])).ok()
	})
}

func TestOlderN17AScopeCannotGrow(t *testing.T) {
	h, o := newHouse(t), olders["IntegrationCloud"]
	asked := o.redemption(h, o.code(t, h, nil)) // Bob ticks photos.read only
	wider := maps.Clone(asked)
	wider.Set("scope", "photos.read photos.write")
	invalidScope := said{http.StatusBadRequest, `"invalid_scope"`}
	h.ask(t, o.token, wider).says(invalidScope)
	tokens := h.ask(t, o.token, asked).ok()
	refresh := o.refresh(h, tokens.fields["refresh_token"])
	refresh.Set("scope", "photos.write")
	h.ask(t, o.token, refresh).says(invalidScope) // N29
	if tokens.fields["scope"] != "photos.read" {
		t.Errorf("the scope is %q", tokens.fields["scope"])
	}
}

func TestOlderN21ACodeUsedTwiceEndsWhatItGave(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		form := o.redemption(h, o.code(t, h, nil))
		tokens := h.ask(t, o.token, form).ok()
		h.ask(t, o.token, form).says(o.badCode)
		if h.active(t, tokens.fields["access_token"]) {
			t.Error("the access token is alive")
		}
		h.ask(t, o.token, o.refresh(h, tokens.fields["refresh_token"])).says(o.badRefresh)
	})
}

func TestOlderN22OfFiftyParallelRequestsOneGetsTokens(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		form := o.redemption(h, o.code(t, h, nil)).Encode()
		var mu sync.Mutex
		count := map[int]int{}
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				response, err := h.server.Client().Post(h.issuer+o.token, "application/x-www-form-urlencoded", strings.NewReader(form))
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
		if count[http.StatusOK] != 1 || count[o.badCode.status] != 49 {
			t.Errorf("the answers are %v", count)
		}
	})
}

// twin adds a second client of the dialect.
func (o older) twin(h *house) older {
	c, _ := h.Clients.ByID(o.client)
	other := *c
	other.ID, other.UID, other.Credentials = "twin", "11111111-0000-4000-8000-00000000000a", nil
	h.AddClient(other)
	o.client = other.ID
	return o
}

func TestOlderN23N29AnotherClientGetsNothingAndBurnsNothing(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		twin, code := o.twin(h), o.code(t, h, nil)
		h.ask(t, o.token, twin.redemption(h, code)).says(o.badCode)
		tokens := h.ask(t, o.token, o.redemption(h, code)).ok()
		h.ask(t, o.token, twin.refresh(h, tokens.fields["refresh_token"])).says(o.badRefresh)
		h.ask(t, o.token, o.refresh(h, tokens.fields["refresh_token"])).ok()
	})
}

func TestOlderN24ACodeEndsWithItsTimeItsOwnersWillAndItsClient(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*testing.T, *house, older)
		want func(older) said
	}{
		"its time": {func(_ *testing.T, h *house, _ older) { h.Clock.Advance(time.Minute) }, func(o older) said { return o.expiredCode }},
		"suspended": {func(_ *testing.T, h *house, o older) {
			h.Clients.Change(o.client, func(c *authserver.Client) { c.Suspended = true })
		}, func(o older) said { return o.badClient }},
		"N342 expired": {func(_ *testing.T, h *house, o older) {
			h.Clients.Change(o.client, func(c *authserver.Client) { c.ExpiresAt = h.Clock.Now() })
		}, func(o older) said { return o.badClient }},
		"deactivated": {func(_ *testing.T, h *house, o older) {
			h.Clients.Change(o.client, func(c *authserver.Client) { c.NotBefore = h.Clock.Now().Add(time.Second) })
		}, func(o older) said { return o.expiredCode }},
		"the owner's will": {func(t *testing.T, h *house, o older) {
			h.bob(t).post("/account/revoke", url.Values{"clientID": {o.client}}).wants(http.StatusSeeOther, "/account")
		}, func(o older) said { return o.expiredCode }},
		"re-created": {func(_ *testing.T, h *house, o older) {
			h.Clients.Change(o.client, func(c *authserver.Client) { c.UID, c.Credentials = "11111111-0000-4000-8000-00000000000b", nil })
			c, _ := h.Clients.ByID(o.client)
			h.AddClient(*c)
		}, func(o older) said { return o.badCode }},
	} {
		t.Run(name, func(t *testing.T) {
			eachOlder(t, func(t *testing.T, h *house, o older) {
				code := o.code(t, h, nil)
				tc.end(t, h, o)
				h.ask(t, o.token, o.redemption(h, code)).says(tc.want(o))
			})
		})
	}
}

func TestOlderN24ADeletedClientIsUnknown(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		form := o.redemption(h, o.code(t, h, nil))
		h.Clients.Delete(o.client)
		h.ask(t, o.token, form).says(o.badClient)
	})
}

func TestOlderN25AChallengeThatIsSentIsEnforced(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		code := o.code(t, h, url.Values{"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}})
		form := o.redemption(h, code)
		h.ask(t, o.token, form).says(o.badCode)
		form.Set("code_verifier", strings.Repeat("w", 43))
		h.ask(t, o.token, form).says(o.badCode)
		form.Set("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") // RFC 7636 appendix B
		h.ask(t, o.token, form).ok()
		late := o.redemption(h, o.code(t, h, nil))
		late.Set("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
		h.ask(t, o.token, late).says(o.badCode)
	})
}

func TestOlderN26TheCallbackOfTheRequestComesBack(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		h.Clients.Change(o.client, func(c *authserver.Client) { c.CallbackURLs = append(c.CallbackURLs, "https://second.example/callback") })
		code := o.code(t, h, nil)
		for _, callback := range []string{"https://second.example/callback", o.callback + "/", "https://evil.example/"} {
			form := o.redemption(h, code)
			form.Set(o.callbackName, callback)
			h.ask(t, o.token, form).says(o.wrongCallback)
		}
		missing := o.redemption(h, code)
		missing.Del(o.callbackName)
		if got := h.ask(t, o.token, missing); got.StatusCode != http.StatusBadRequest {
			t.Errorf("without a callback: %d %s", got.StatusCode, got.raw)
		}
		h.ask(t, o.token, o.redemption(h, code)).ok()
	})
}

func TestOlderRefreshKeepsTheRulesOfRotation(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		first := o.tokens(t, h).fields["refresh_token"]
		second := h.ask(t, o.token, o.refresh(h, first)).ok().fields["refresh_token"]
		h.Clock.Advance(24 * time.Hour)
		if again := h.ask(t, o.token, o.refresh(h, first)).ok().fields["refresh_token"]; again != second || second == first {
			t.Errorf("N27: a repeated request gets %s, want the same successor", again)
		}
		third := h.ask(t, o.token, o.refresh(h, second)).ok().fields["refresh_token"]
		h.ask(t, o.token, o.refresh(h, first)).says(o.badRefresh)
		h.ask(t, o.token, o.refresh(h, third)).says(o.badRefresh) // the reuse has ended the grant
	})
}

func TestOlderRefreshEndsWithTheGrant(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		token := o.tokens(t, h).fields["refresh_token"]
		h.Clock.Advance(89 * 24 * time.Hour)
		token = h.ask(t, o.token, o.refresh(h, token)).ok().fields["refresh_token"]
		h.Clock.Advance(24 * time.Hour)
		h.ask(t, o.token, o.refresh(h, token)).says(o.badRefresh)
	})
}

func TestOlderN30NoTokenStandsInForAnother(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		code := o.code(t, h, nil)
		tokens := o.tokens(t, h)
		access, refresh := tokens.fields["access_token"], tokens.fields["refresh_token"]
		for _, wrong := range []string{access, refresh} {
			h.ask(t, o.token, o.redemption(h, wrong)).says(o.badCode)
		}
		for _, wrong := range []string{access, code} {
			h.ask(t, o.token, o.refresh(h, wrong)).says(o.badRefresh)
		}
		for _, wrong := range []string{refresh, code, h.Secret(o.client)} {
			h.identity(t, "Bearer "+wrong).says(said{http.StatusUnauthorized, "oauth_access_token_expired"})
		}
		h.ask(t, o.token, o.redemption(h, code)).ok()
	})
}

func TestOlderN33AnUnknownClientAndAWrongSecretAreOneAnswer(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		suspended := o.twin(h)
		h.Clients.Change(suspended.client, func(c *authserver.Client) { c.Suspended = true })
		var answers []string
		for _, client := range [][2]string{
			{"nobody", "x"}, {o.client, "wrong"}, {suspended.client, h.Secret(suspended.client)},
			{authtest.PhotoPrint, h.Secret(authtest.PhotoPrint)}, {authtest.PhotoBook, h.Secret(authtest.PhotoBook)}, {authtest.Desktop, "x"},
		} {
			form := o.redemption(h, "a-code")
			form.Set("client_id", client[0])
			form.Set("client_secret", client[1])
			got := h.ask(t, o.token, form).says(o.badClient)
			answers = append(answers, got.raw+got.Header.Get("WWW-Authenticate")+got.Header.Get("Content-Type"))
		}
		for _, answer := range answers {
			if answer != answers[0] {
				t.Errorf("the answers differ: %q, %q", answer, answers[0])
			}
		}
	})
}

func TestScriptsOfOtherSitesReachThePathsOfPublicClientsOnly(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+o.token, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{authtest.Flows: "*"}[o.client]
		if got := h.send(t, r).Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("scripts of %q may read the answer, want %q", got, want)
		}
	})
}

func TestAnOlderClientIsAStrangerAtTheStandardPaths(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		unknown := request(url.Values{"client_id": {"nobody"}, "redirect_uri": {o.callback}})
		own := request(url.Values{"client_id": {o.client}, "redirect_uri": {o.callback}})
		b := h.browser(t)
		got, want := b.get(own).shown(http.StatusBadRequest), b.get(unknown).shown(http.StatusBadRequest)
		if got.sameForAll(got.text()) != want.sameForAll(want.text()) {
			t.Errorf("the pages differ:\n%s\n%s", got.text(), want.text())
		}
		app, nobody := h.client(t, o.client), &app{h: h, t: t, id: "nobody", secret: "x"}
		tokens := o.tokens(t, h)
		for path, form := range map[string]url.Values{
			"/oauth2/token":      {"grant_type": {"refresh_token"}, "refresh_token": {tokens.fields["refresh_token"]}},
			"/oauth2/revoke":     {"token": {tokens.fields["access_token"]}},
			"/oauth2/introspect": {"token": {tokens.fields["access_token"]}},
		} {
			got, want := app.post(path, form).wants(http.StatusUnauthorized), nobody.post(path, form).wants(http.StatusUnauthorized)
			if got.raw != want.raw {
				t.Errorf("%s: %s, want %s", path, got.raw, want.raw)
			}
		}
	})
}

func TestAStandardClientIsAStrangerAtTheOlderPaths(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		b := h.browser(t)
		own := o.request(url.Values{"client_id": {authtest.PhotoPrint}, o.callbackName: {authtest.PhotoPrintCallback}})
		unknown := o.request(url.Values{"client_id": {"nobody"}, o.callbackName: {authtest.PhotoPrintCallback}})
		got, want := b.get(own), b.get(unknown)
		if got.StatusCode != want.StatusCode || got.sameForAll(got.text()) != want.sameForAll(want.text()) || got.Header.Get("Location") != "" {
			t.Errorf("the pages differ:\n%d %s\n%d %s", got.StatusCode, got.text(), want.StatusCode, want.text())
		}
		code := h.code(t) // PhotoPrint's, as good as new
		form := o.redemption(h, code)
		form.Set("client_id", authtest.PhotoPrint)
		form.Set("client_secret", h.Secret(authtest.PhotoPrint))
		form.Set(o.callbackName, authtest.PhotoPrintCallback)
		form.Set("code_verifier", codeVerifier)
		h.ask(t, o.token, form).says(o.badClient)
		h.client(t, authtest.PhotoPrint).redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	})
}

func TestTheIssuersOwnRulesStayWhereTheyAre(t *testing.T) {
	h := newHouse(t)
	// Neither the older names nor a missing PKCE open anything at the standard path.
	got := h.bob(t).get(request(url.Values{"code_challenge": nil, "code_challenge_method": nil})).back(authtest.PhotoPrintCallback)
	if got.Get("error") != "invalid_request" {
		t.Errorf("without PKCE the callback gets %v", got)
	}
	// The older name of the callback is not its name here. PKCE would make up for the missing one.
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.PKCEOptional = true })
	bob := h.bob(t)
	code := bob.consentTo(bob.begin(url.Values{"code_challenge": nil, "code_challenge_method": nil}), "allow").back(authtest.PhotoPrintCallback).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "callback_uri": {authtest.PhotoPrintCallback}}
	h.client(t, authtest.PhotoPrint).post("/oauth2/token", form).refused(http.StatusBadRequest, "invalid_grant")
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.SecretInURLUntil, c.SecretInHeaderUntil = authtest.Start.Add(time.Hour), authtest.Start.Add(time.Hour)
	})
	query := redemption(h.code(t), authtest.PhotoPrintCallback)
	h.client(t, authtest.PhotoPrint).post("/oauth2/token?"+query.Encode(), nil).refused(http.StatusBadRequest, "invalid_request")
}

func (h *house) identity(t *testing.T, authorization string) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.issuer+"/manage/oauth/getUserIdentity", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	return h.send(t, r)
}

func TestUserIdentityIsForTokensOfConnectionsCloudOnly(t *testing.T) {
	h := newHouse(t)
	want := said{http.StatusUnauthorized, "oauth_access_token_expired"}
	h.identity(t, "Bearer "+h.tokens(t).text("access_token")).says(want)
	h.identity(t, "Bearer "+olders["IntegrationCloud"].tokens(t, h).fields["access_token"]).says(want)
	token := olders["ConnectionsCloudOAuth2"].tokens(t, h).fields["access_token"]
	got := h.identity(t, "BEARER "+token).ok()
	subscriber := map[string]string{"name": "Bob", "customerid": "127.0.0.1", "subscriberid": authtest.SubjectOf(authtest.Bob), "email": "bob@photos.example"}
	if diff := cmp.Diff(subscriber, got.fields); diff != "" {
		t.Error(diff)
	}
	h.Directory.Remove(authtest.Bob)
	h.identity(t, "Bearer "+token).says(want)
}

func TestRemovedAccessOfAnOlderClientIsDeadAtOnce(t *testing.T) {
	h, o := newHouse(t), olders["ConnectionsCloudOAuth2"]
	token := o.tokens(t, h).fields["access_token"]
	h.identity(t, "Bearer "+token).ok()
	b := h.bob(t)
	b.get("/account").says("Album", "photos.read")
	b.post("/account/revoke", url.Values{"clientID": {o.client}}).wants(http.StatusSeeOther, "/account")
	h.identity(t, "Bearer "+token).says(said{http.StatusUnauthorized, "oauth_access_token_expired"})
	if h.active(t, token) {
		t.Error("the token is active at the resource server")
	}
}

func TestOlderN19MarkupIsInertOnTheirPages(t *testing.T) {
	eachOlder(t, func(t *testing.T, h *house, o older) {
		h.Clients.Change(o.client, func(c *authserver.Client) {
			c.DisplayName, c.Description = "name "+hostile, "description "+hostile
			c.Scopes = append(c.Scopes, "scope"+strings.ReplaceAll(hostile, " ", "/"))
		})
		h.Clients.Explain("photos.read", "explained "+hostile)
		bob, alice := h.bob(t), h.signedIn(t, authtest.Alice, authtest.AlicePassword)
		consent := bob.get(o.begin(bob, nil)).wants(http.StatusOK, "")
		consent.says("name "+hostile, "description "+hostile, "explained "+hostile)
		path := o.begin(bob, nil)
		for name, p := range map[string]*page{
			"consent": consent, "refused": alice.get(o.begin(alice, nil)),
			"consent again": bob.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {bob.get(path).field("ticket")}, "scope": {hostile}}),
			"response type": bob.get(o.request(url.Values{"response_type": {"<b id=evil>"}})),
			"names":         bob.get(o.request(url.Values{hostile: {"1", "2"}})),
			"client":        bob.get(o.request(url.Values{"client_id": {hostile}})),
			"callback":      bob.get(o.request(url.Values{o.callbackName: {hostile}})),
		} {
			p.inert(name)
		}
	})
}
