// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// relyingParty is PhotoPrint as a program at a site of its own that logs people in and out.
type relyingParty struct {
	*served
	t      *testing.T
	server *httptest.Server
	away   string // where the program sends people after a login; empty: nowhere

	mu      sync.Mutex
	posted  url.Values // what came to the callback by POST
	origin  string     // what the browser said of where that came from
	idToken string
}

const verifierOfParty = "a-code-verifier-of-at-least-forty-three-characters"

func newRelyingParty(t *testing.T) *relyingParty {
	t.Helper()
	p := &relyingParty{served: newServed(t), t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Errorf("the form of the answer: %v", err)
		}
		p.mu.Lock()
		p.posted, p.origin = r.PostForm, r.Header.Get("Origin")
		p.mu.Unlock()
		if p.away != "" {
			http.Redirect(w, r, p.away, http.StatusSeeOther)
			return
		}
		fmt.Fprint(w, "<main>PhotoPrint has the answer</main>")
	})
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<main>Goodbye, state %s</main>", html.EscapeString(r.FormValue("state")))
	})
	mux.HandleFunc("GET /logout-form", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<form method="post" action="%s/oauth2/logout">`, p.issuer)
		for name, values := range p.logout("of a form") {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(values[0]))
		}
		fmt.Fprint(w, `<button>Log out</button></form>`)
	})
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.CallbackURLs = []string{p.server.URL + "/callback"}
		c.Scopes = append(slices.Clone(c.Scopes), "openid")
		c.OpenID = authserver.OpenIDSettings{SigningAlgorithm: "ES256", IDTokenLifetime: time.Hour, PostLogoutRedirectURIs: []string{p.server.URL + "/bye"}}
	})
	return p
}

// request is the address of an authorization request.
func (p *relyingParty) request() string {
	sum := sha256.Sum256([]byte(verifierOfParty))
	return p.issuer + "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "response_mode": {"form_post"}, "client_id": {authtest.PhotoPrint}, "redirect_uri": {p.server.URL + "/callback"},
		"scope": {"openid"}, "state": {`a "state" & <more>`}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}.Encode()
}

func (p *relyingParty) logout(state string) url.Values {
	v := url.Values{"client_id": {authtest.PhotoPrint}, "post_logout_redirect_uri": {p.server.URL + "/bye"}, "state": {state}}
	if p.idToken != "" {
		v.Set("id_token_hint", p.idToken)
	}
	return v
}

// answered demands the answer that the browser has posted, and redeems its code.
func (p *relyingParty) answered() {
	p.t.Helper()
	p.mu.Lock()
	posted, origin := p.posted, p.origin
	p.posted = nil
	p.mu.Unlock()
	if posted.Get("code") == "" || posted.Get("state") != `a "state" & <more>` || posted.Get("iss") != p.issuer || origin != p.issuer {
		p.t.Fatalf("the callback got %v from %q", posted, origin)
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {posted.Get("code")}, "redirect_uri": {p.server.URL + "/callback"},
		"code_verifier": {verifierOfParty}, "client_id": {authtest.PhotoPrint}, "client_secret": {p.Secret(authtest.PhotoPrint)},
	}
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.issuer+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := p.client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var tokens struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&tokens); err != nil || tokens.IDToken == "" {
		p.t.Fatalf("the code yields %d, %v", response.StatusCode, err)
	}
	p.idToken = tokens.IDToken
}

func (p *relyingParty) logIn(c *chromium) {
	p.t.Helper()
	c.do("ask for a login", chromedp.Navigate(p.request()))
	c.logIn(authtest.Bob, authtest.BobPassword)
	c.do("allow", chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
}

func TestAnAnswerIsPostedByARealBrowser(t *testing.T) {
	p, c := newRelyingParty(t), newChromium(t)
	p.logIn(c)
	c.says("main", "PhotoPrint has the answer")
	p.answered()
	// The program may send people on within its site, and elsewhere.
	p.away = otherSite(t, "<main>far away</main>")
	c.do("ask again", chromedp.Navigate(p.request()), chromedp.WaitVisible(`button[value=allow]`), chromedp.Click(`button[value=allow]`))
	c.says("main", "far away")
	p.answered()
}

func TestAnAnswerIsPostedWithoutScripts(t *testing.T) {
	p, c := newRelyingParty(t), newChromium(t)
	if _, err := chromedp.Call(c.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	c.withoutScripts = true
	p.logIn(c)
	c.do("go on", chromedp.WaitVisible(`main h1`))
	c.says("main", "You are sent on to")
	c.shoot("form-post")
	c.do("press the button", chromedp.Click(`main form button`))
	c.says("main", "PhotoPrint has the answer")
	p.answered()
}

func TestAProgramSignsPeopleOutInARealBrowser(t *testing.T) {
	p, c := newRelyingParty(t), newChromium(t)
	p.logIn(c)
	c.says("main", "PhotoPrint has the answer")
	p.answered()

	hint := p.idToken
	p.idToken = ""
	c.do("log out without a hint", chromedp.Navigate(p.issuer+"/oauth2/logout?"+p.logout("asked").Encode()), chromedp.WaitVisible(`form[action="/logout"]`))
	c.says("main", "asks to sign you out here")
	c.shoot("logout")
	c.do("stay", chromedp.Click(`form[action="/logout"] a`))
	c.says("main", "Your account")
	c.do("log out without a hint", chromedp.Navigate(p.issuer+"/oauth2/logout?"+p.logout("asked").Encode()), chromedp.Click(`form[action="/logout"] button`))
	c.says("main", "Goodbye, state asked")
	c.do("log out again", chromedp.Navigate(p.issuer+"/oauth2/logout?"+p.logout("nobody").Encode()), chromedp.WaitVisible(`main h1`))
	c.says("main", "You are signed out")
	c.shoot("logout-of-nobody")
	c.do("go back", chromedp.Click(`main a[href*="/bye"]`))
	c.says("main", "Goodbye, state nobody")

	// The hint of the session that has ended signs nobody out without a question.
	p.logIn(c)
	c.says("main", "PhotoPrint has the answer")
	p.answered()
	fresh := p.idToken
	p.idToken = hint
	c.do("log out with an old hint", chromedp.Navigate(p.issuer+"/oauth2/logout?"+p.logout("old").Encode()), chromedp.WaitVisible(`form[action="/logout"]`))
	p.idToken = fresh
	c.do("log out by a form of the program's", chromedp.Navigate(p.server.URL+"/logout-form"), chromedp.Click(`button`))
	c.says("main", "Goodbye, state of a form")
	c.do("open the account", chromedp.Navigate(p.issuer+"/account"), chromedp.WaitVisible(`input[name=password]`))
}
