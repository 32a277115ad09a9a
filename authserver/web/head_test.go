// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// visit is a request with GET that has an effect.
type visit struct {
	*browser
	target        string
	authorization string
}

func (v visit) send(method string, header http.Header) *page {
	v.t.Helper()
	v.header = header.Clone()
	if v.authorization != "" {
		v.header.Set("Authorization", v.authorization)
	}
	return v.do(method, v.target, nil)
}

// withEffects makes a visit for each path of the table whose GET has effects.
var withEffects = map[string]func(*testing.T, *house) visit{
	"/oauth2/authorize":                 visitAuthorize,
	"/manage/oauth2/authorize":          visitOlder("ConnectionsCloudOAuth2"),
	"/integration/rest/oAuth/authorize": visitOlder("IntegrationCloud"),
	"/oauth1/authorize":                 visitLink((*house).photoBook),
	"/manage/oauth/authorizeToken":      visitLink((*house).scrapbook),
	"/interaction/{id}":                 visitRemembered,
	"/account":                          visitNotice,
	"/login/source/{source}":            visitPartner,
	"/login/callback/{source}":          visitPartnersAnswer,
	"/manage/oauth2/token":              visitOlderToken,
	"/logout": func(t *testing.T, h *house) visit {
		p, bob := h.withLogout(t), h.bob(t)
		to := bob.get("/oauth2/logout?id_token_hint=" + p.tokensOf(bob).text("id_token")).Header.Get("Location")
		return visit{browser: bob, target: to}
	},
	"/manage/oauth/getRequestToken": func(t *testing.T, h *house) visit {
		app := h.scrapbook(t)
		return app.visit(app.requestPath, pair{}, params{"oauth_callback": app.callback})
	},
	"/manage/oauth/getAccessToken": func(t *testing.T, h *house) visit {
		app := h.scrapbook(t)
		request := app.requestToken()
		return app.visit(app.accessPath, request, params{"oauth_verifier": app.allowedBy(h.bob(t), request)})
	},
	"/oauth2/userinfo": func(t *testing.T, h *house) visit {
		token := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "ES256"}).login("openid", nil).text("access_token")
		return visit{browser: h.browser(t), target: "/oauth2/userinfo", authorization: "Bearer " + token}
	},
	"/manage/oauth/getUserIdentity": func(t *testing.T, h *house) visit {
		app := h.scrapbook(t)
		return app.visit(identityPath, app.tokens(), nil)
	},
}

func visitAuthorize(t *testing.T, h *house) visit {
	return visit{browser: h.bob(t), target: request(nil)}
}

func visitOlder(profile string) func(*testing.T, *house) visit {
	return func(t *testing.T, h *house) visit {
		return visit{browser: h.bob(t), target: olders[profile].request(nil)}
	}
}

func visitLink(of func(*house, *testing.T) *signer) func(*testing.T, *house) visit {
	return func(t *testing.T, h *house) visit {
		app := of(h, t)
		return visit{browser: h.bob(t), target: app.authorizePath + "?oauth_token=" + url.QueryEscape(app.requestToken().token)}
	}
}

// visitRemembered comes to an interaction in which nothing is left to ask.
func visitRemembered(t *testing.T, h *house) visit {
	b := h.bob(t)
	remembered := b.begin(nil)
	p := b.get(remembered).wants(http.StatusOK, "")
	b.post(remembered+"/consent", url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {p.field("ticket")}}).back(authtest.PhotoPrintCallback)
	return visit{browser: b, target: b.begin(nil)}
}

// visitNotice comes to the account page when it has something to say once.
func visitNotice(t *testing.T, h *house) visit {
	b := h.bob(t)
	b.post("/account/sessions/end", url.Values{"which": {"others"}}).wants(http.StatusSeeOther, "/account")
	return visit{browser: b, target: "/account"}
}

func visitOlderToken(t *testing.T, h *house) visit {
	o := olders["ConnectionsCloudOAuth2"]
	h.Clients.Change(o.client, func(c *authserver.Client) { c.SecretInURLUntil = h.Clock.Now().Add(time.Hour) })
	return visit{browser: h.browser(t), target: oauth2.PathConnectionsCloudToken + "?" + o.redemption(h, o.code(t, h, nil)).Encode()}
}

func (c *signer) visit(path string, with pair, changes params) visit {
	return visit{browser: c.h.browser(c.t), target: path, authorization: c.authorization(http.MethodGet, c.h.issuer+path, with, changes)}
}

// state is what a request may change.
type state struct {
	writes, events int
	cookies        string
}

func (h *house) state(b *browser) state {
	var cookies []string
	for name, value := range b.cookies() {
		cookies = append(cookies, name+"="+value)
	}
	slices.Sort(cookies)
	return state{h.Store.Writes(), len(h.Audit.Events("")), strings.Join(cookies, ";")}
}

// eachVisit runs a check for each path of the table whose GET has effects. Afterwards GET must still
// have its effect.
func eachVisit(t *testing.T, check func(*testing.T, *house, web.Route, visit)) {
	t.Helper()
	unseen := maps.Clone(withEffects)
	for _, rt := range newHouse(t).site.Routes() {
		if rt.OnlyShows || !slices.Contains(rt.Methods, http.MethodGet) {
			continue
		}
		delete(unseen, rt.Path)
		t.Run(rt.Path, func(t *testing.T) {
			begin, ok := withEffects[rt.Path]
			if !ok {
				t.Fatal("the test knows no request for this path")
			}
			h := newHouse(t, twoWays...)
			v := begin(t, h)
			check(t, h, rt, v)
			before := h.state(v.browser)
			p := v.send(http.MethodGet, http.Header{"Accept": {acceptsPages}})
			if p.StatusCode != http.StatusOK && p.StatusCode != http.StatusSeeOther {
				t.Fatalf("GET after it: %d %s", p.StatusCode, p.text())
			}
			answers := strings.Contains(p.body, "oauth_token=") || strings.Contains(p.body, "subscriberid") || strings.Contains(p.body, `"sub":`)
			if h.state(v.browser) == before && !answers {
				t.Error("GET has no effect, so this test shows nothing")
			}
		})
	}
	for path := range unseen {
		t.Errorf("the table says that GET %s has no effect", path)
	}
}

// unchanged sends a request and fails the test if it has an effect.
func (v visit) unchanged(h *house, method string, header http.Header) *page {
	v.t.Helper()
	before := h.state(v.browser)
	p := v.send(method, header)
	if p.Header.Get("Location") != "" || len(p.Cookies()) > 0 {
		v.t.Errorf("%s %v: %d, location %q, %d cookies", method, header, p.StatusCode, p.Header.Get("Location"), len(p.Cookies()))
	}
	if after := h.state(v.browser); after != before {
		v.t.Errorf("%s %v changed %+v into %+v", method, header, before, after)
	}
	return p
}

func TestN88HEADHasNoEffectWhereGETHas(t *testing.T) {
	eachVisit(t, func(t *testing.T, h *house, rt web.Route, v visit) {
		p := v.unchanged(h, http.MethodHead, http.Header{})
		want := http.StatusOK
		if !rt.Page {
			want = http.StatusMethodNotAllowed
		}
		if p.StatusCode != want || p.Header.Get("Content-Type") == "" {
			t.Errorf("HEAD: %d %v, want %d", p.StatusCode, p.Header, want)
		}
	})
}

func TestN88HEADHasNoEffectAnywhereElse(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	style := attribute(b.get("/account").elements("link")[0], "href")
	targets := strings.NewReplacer("{$}", "", "/assets/{file}", style, "{id}", strings.TrimPrefix(b.begin(nil), "/interaction/"))
	seen := 0
	for _, rt := range h.site.Routes() {
		get := slices.Contains(rt.Methods, http.MethodGet)
		if get && !rt.OnlyShows {
			continue
		}
		seen++
		v := visit{browser: b, target: targets.Replace(rt.Path)}
		before := h.state(b)
		p := v.send(http.MethodHead, http.Header{})
		if after := h.state(b); after != before || len(p.Cookies()) > 0 {
			t.Errorf("HEAD %s changed %+v into %+v", v.target, before, after)
		}
		if want := v.send(http.MethodGet, http.Header{}); get && p.StatusCode != want.StatusCode {
			t.Errorf("HEAD %s: %d, but GET: %d", v.target, p.StatusCode, want.StatusCode)
		}
	}
	if seen < 15 {
		t.Errorf("only %d routes", seen)
	}
}

// N128: a prefetch is refused wherever GET has effects.
func TestN128APrefetchHasNoEffect(t *testing.T) {
	purposes := []http.Header{
		{"Sec-Purpose": {"prefetch"}}, {"Sec-Purpose": {"prefetch;prerender"}}, {"Sec-Purpose": {"prefetch;anonymous-client-ip"}},
		{"Sec-Purpose": {"Prefetch; prerender"}}, {"Purpose": {"prefetch"}}, {"X-Moz": {"prefetch"}}, {"X-Purpose": {"preview"}},
	}
	eachVisit(t, func(t *testing.T, h *house, _ web.Route, v visit) {
		for _, purpose := range purposes {
			purpose.Set("Accept", acceptsPages)
			p := v.unchanged(h, http.MethodGet, purpose)
			if p.StatusCode != http.StatusServiceUnavailable || p.Header.Get("Cache-Control") != "no-store" || p.body == "" {
				t.Errorf("%v: %d %v %s", purpose, p.StatusCode, p.Header, p.body)
			}
		}
	})
}

func TestN128APrefetchOfAFormDecidesNothing(t *testing.T) {
	h := newHouse(t)
	b := h.bob(t)
	path := b.begin(nil)
	ticket := b.get(path).field("ticket")
	b.header.Set("Sec-Purpose", "prefetch")
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).wants(http.StatusServiceUnavailable, "")
	b.header.Del("Sec-Purpose")
	b.post(path+"/consent", url.Values{"decision": {"allow"}, "ticket": {ticket}}).back(authtest.PhotoPrintCallback)
}

func TestAPageWithoutEffectsMayBePrefetched(t *testing.T) {
	b := newHouse(t).browser(t)
	b.header.Set("Sec-Purpose", "prefetch")
	b.get("/login").wants(http.StatusOK, "")
	b.header.Set("Sec-Purpose", "other")
	b.get(request(nil)).wants(http.StatusSeeOther, "")
}
