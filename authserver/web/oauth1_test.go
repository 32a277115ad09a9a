// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// signer is a client of OAuth 1.0a.
type signer struct {
	h          *house
	t          *testing.T
	id, secret string
	callback   string
	method     oauth1.SignatureMethod
	// where its endpoints are
	requestPath, authorizePath, accessPath string
}

// pair is a token with its secret.
type pair struct{ token, secret string }

// params are protocol parameters by name.
type params map[string]string

func (h *house) photoBook(t *testing.T) *signer {
	t.Helper()
	return &signer{
		h: h, t: t, id: authtest.PhotoBook, secret: h.Secret(authtest.PhotoBook), callback: authtest.PhotoBookCallback, method: oauth1.HMACSHA1,
		requestPath: oauth1.PathRequestToken, authorizePath: oauth1.PathAuthorize, accessPath: oauth1.PathAccessToken,
	}
}

func (h *house) scrapbook(t *testing.T) *signer {
	t.Helper()
	return &signer{
		h: h, t: t, id: authtest.Scrapbook, secret: h.Secret(authtest.Scrapbook), callback: authtest.ScrapbookCallback, method: oauth1.Plaintext,
		requestPath: oauth1.PathConnectionsRequestToken, authorizePath: oauth1.PathConnectionsAuthorize, accessPath: oauth1.PathConnectionsAccessToken,
	}
}

// protocol returns the protocol parameters of a request, unsigned; changes go on top, and an empty
// one takes a parameter away.
func (c *signer) protocol(token string, changes params) params {
	all := params{
		"oauth_consumer_key": c.id, "oauth_signature_method": string(c.method), "oauth_nonce": rand.Text(),
		"oauth_timestamp": strconv.FormatInt(c.h.Clock.Now().Unix(), 10), "oauth_version": "1.0", "oauth_token": token,
	}
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// signature signs a request with the client's secret and the token's.
func (c *signer) signature(method, rawURL, tokenSecret string, all params) string {
	c.t.Helper()
	base, err := oauth1.BaseString(method, rawURL, all.list())
	if err != nil {
		c.t.Fatal(err)
	}
	return oauth1.Sign(oauth1.SignatureMethod(all["oauth_signature_method"]), base, c.secret, tokenSecret)
}

func (p params) list() []oauth1.Param {
	var list []oauth1.Param
	for _, name := range slices.Sorted(maps.Keys(p)) {
		list = append(list, oauth1.Param{Name: name, Value: p[name]})
	}
	return list
}

// authorization returns the Authorization header of a signed request.
func (c *signer) authorization(method, rawURL string, with pair, changes params) string {
	c.t.Helper()
	all := c.protocol(with.token, changes)
	if _, given := changes["oauth_signature"]; !given {
		all["oauth_signature"] = c.signature(method, rawURL, with.secret, all)
	}
	return oauth1.Authorization("", all.list())
}

// post sends a signed request to an endpoint.
func (c *signer) post(path string, with pair, changes params) *told {
	c.t.Helper()
	return c.send(http.MethodPost, path, c.authorization(http.MethodPost, c.h.issuer+path, with, changes), nil)
}

func (c *signer) send(method, target, authorization string, form url.Values) *told {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.h.server.URL+target, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return c.do(r)
}

// told is what a client of OAuth 1.0a got.
type told struct {
	*http.Response
	t    *testing.T
	raw  string
	form url.Values
}

func (c *signer) do(r *http.Request) *told {
	c.t.Helper()
	response, err := c.h.server.Client().Do(r)
	if err != nil {
		c.t.Fatalf("%s: %v", r.URL.Path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("%s: %v", r.URL.Path, err)
	}
	form, _ := url.ParseQuery(string(raw)) // an old line of text is none
	return &told{Response: response, t: c.t, raw: string(raw), form: form}
}

// wants fails the test unless the answer has this status.
func (a *told) wants(status int) *told {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("%s: %d %s, want %d", a.Request.URL.Path, a.StatusCode, a.raw, status)
	}
	return a
}

// problem fails the test unless the answer is this problem.
func (a *told) problem(status int, word string) *told {
	a.t.Helper()
	a.wants(status)
	if a.form.Get("oauth_problem") != word {
		a.t.Fatalf("%s: %s, want %s", a.Request.URL.Path, a.raw, word)
	}
	return a
}

// lines are what the old server answers in place of a problem.
var lines = map[string]struct {
	status int
	text   string
}{
	"signature_invalid": {http.StatusUnauthorized, "oauth_invalid_clientid"},
	"token_rejected":    {http.StatusUnauthorized, "oauth_token_expired"},
	"token_used":        {http.StatusUnauthorized, "oauth_token_expired"},
	"token_expired":     {http.StatusUnauthorized, "oauth_token_expired"},
	"permission_denied": {http.StatusUnauthorized, "oauth_consumer_missing_subscription"},
}

// refused fails the test unless the answer is this problem, as the client's profile says it.
func (c *signer) refused(a *told, word string) *told {
	a.t.Helper()
	if c.id != authtest.Scrapbook {
		return a.problem(http.StatusUnauthorized, word)
	}
	if a.wants(lines[word].status); a.raw != lines[word].text {
		a.t.Fatalf("%s: %q, want %q", a.Request.URL.Path, a.raw, lines[word].text)
	}
	return a
}

// credentials reads the pair of a successful answer.
func (a *told) credentials() pair {
	a.t.Helper()
	a.wants(http.StatusOK)
	p := pair{a.form.Get("oauth_token"), a.form.Get("oauth_token_secret")}
	if p.token == "" || p.secret == "" || a.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || a.Header.Get("Cache-Control") != "no-store" {
		a.t.Fatalf("%s: %v %s", a.Request.URL.Path, a.Header, a.raw)
	}
	return p
}

func (c *signer) request(callback string) *told {
	c.t.Helper()
	return c.post(c.requestPath, pair{}, params{"oauth_callback": callback})
}

func (c *signer) requestToken() pair {
	c.t.Helper()
	return c.request(c.callback).credentials()
}

func (c *signer) exchange(request pair, verifier string) *told {
	c.t.Helper()
	return c.post(c.accessPath, request, params{"oauth_verifier": verifier})
}

// link opens the link with a request token and returns the path of its interaction.
func (c *signer) link(b *browser, token string) string {
	c.t.Helper()
	p := b.get(c.authorizePath+"?oauth_token="+url.QueryEscape(token)).wants(http.StatusSeeOther, "")
	return p.Header.Get("Location")
}

// allowedBy lets somebody allow a request token; the verifier is what comes back.
func (c *signer) allowedBy(b *browser, request pair) (verifier string) {
	c.t.Helper()
	callback, query, _ := strings.Cut(c.callback, "?")
	got := b.consentTo(c.link(b, request.token), "allow").back(callback)
	if got.Get("oauth_token") != request.token || query != "" && !strings.Contains(got.Encode(), query) {
		c.t.Fatalf("the callback gets %v", got)
	}
	return got.Get("oauth_verifier")
}

// tokens walks the whole way with Bob.
func (c *signer) tokens() pair {
	c.t.Helper()
	request := c.requestToken()
	return c.exchange(request, c.allowedBy(c.h.bob(c.t), request)).credentials()
}

// photos is a resource of PhotoStorage.
const photos = "https://photostorage.example/photos?size=large"

// verified is what PhotoStorage is told about a request for photos that was signed with the pair.
func (c *signer) verified(with pair, changes params) *answer {
	c.t.Helper()
	return c.h.verify(c.t, url.Values{"method": {"GET"}, "url": {photos}, "authorization": {c.authorization("GET", photos, with, changes)}})
}

// verify asks as PhotoStorage.
func (h *house) verify(t *testing.T, question url.Values) *answer {
	t.Helper()
	return h.client(t, authtest.PhotoStorage).post(oauth1.PathVerify, question)
}

// works reports whether a pair opens photos.
func (c *signer) works(with pair) bool {
	c.t.Helper()
	got := c.verified(with, nil).wants(http.StatusOK)
	active, ok := got.body["active"].(bool)
	if !ok || !active && len(got.body) != 1 {
		c.t.Fatalf("verification says %s", got.raw)
	}
	return active
}

func TestBobAllowsPhotoBookWhichSignsItsRequests(t *testing.T) {
	h := newHouse(t)
	for _, method := range []oauth1.SignatureMethod{oauth1.HMACSHA1, oauth1.HMACSHA256, oauth1.Plaintext} {
		t.Run(string(method), func(t *testing.T) {
			h.Clients.Change(authtest.PhotoBook, func(c *authserver.Client) { c.SignatureMethods = []string{string(method)} })
			app, b := h.photoBook(t), h.browser(t)
			app.method = method
			temporary := app.request(app.callback)
			request := temporary.credentials()
			if temporary.form.Get("oauth_callback_confirmed") != "true" || len(temporary.form) != 3 {
				t.Errorf("the temporary credentials are %s", temporary.raw)
			}
			path := app.link(b, request.token)
			b.get(path).wants(http.StatusOK, "").says("Sign in", "to go on")
			b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
			b.get(path).wants(http.StatusOK, "").says("PhotoBook asks for access", "See your photos", "photobook.example", "1 June 2026, 22:10 UTC")
			got := b.consentTo(path, "allow").back("https://photobook.example/ready")
			if got.Get("from") != "gatehouse" || got.Get("oauth_token") != request.token || len(got) != 3 {
				t.Errorf("the callback gets %v", got)
			}
			answer := app.exchange(request, got.Get("oauth_verifier"))
			token := answer.credentials()
			if len(answer.form) != 2 {
				t.Errorf("the token credentials are %s", answer.raw)
			}
			about := app.verified(token, nil).wants(http.StatusOK)
			if about.text("sub") != authtest.SubjectOf(authtest.Bob) || about.text("client_id") != authtest.PhotoBook || about.text("scope") != "photos.read" ||
				about.text("iss") != h.issuer || about.body["token_type"] != nil || about.body["exp"] != float64(authtest.Start.Add(10*time.Hour).Unix()) {
				t.Errorf("PhotoStorage learns %s", about.raw)
			}
			b.get(path).wants(http.StatusGone, "")
		})
	}
}

func TestTheVerifierIsShownToWhoeverHasNoCallback(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob := h.bob(t)
		request := app.request("oob").credentials()
		path := app.link(bob, request.token)
		bob.get(path).says("a page with a code that you enter in")
		p := bob.consentTo(path, "allow").wants(http.StatusOK, "").says("Enter this code there", "once, within 10 minutes", "nobody else")
		verifier := p.verifier()
		if h.issued() != 1 || len(verifier) != 12 {
			t.Errorf("%d grants, the verifier is %q", h.issued(), verifier)
		}
		typed := strings.ToLower(verifier[:4]) + " " + verifier[4:8] + "-" + verifier[8:]
		token := app.exchange(request, typed).credentials()
		if !app.works(token) {
			t.Error("the token does not work")
		}
		gone := map[string]int{authtest.PhotoBook: http.StatusGone, authtest.Scrapbook: http.StatusUnauthorized}[app.id]
		bob.get(path).wants(gone, "").says("You answered this request before") // it is not shown once it was used
	})
}

// verifier returns what a person copies from the page: nothing but the letters.
func (p *page) verifier() string {
	p.t.Helper()
	outputs := p.elements("output")
	if len(outputs) != 1 {
		p.t.Fatalf("there is no code:\n%s", p.text())
	}
	var b strings.Builder
	for n := range outputs[0].Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func TestAVerifierThatWasShownEndsAfterTenMinutes(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob := h.bob(t)
		request := app.request("oob").credentials()
		verifier := bob.consentTo(app.link(bob, request.token), "allow").verifier()
		h.Clock.Advance(10 * time.Minute)
		app.refused(app.exchange(request, verifier), "token_expired")
	})
}

func TestADenialWithoutACallbackIsAPage(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob := h.bob(t)
		path := app.link(bob, app.request("oob").credentials().token)
		bob.consentTo(path, "deny").shown(http.StatusOK).says("You did not allow it", "The application gets no access.")
		bob.get(path).shown(http.StatusOK).says("You did not allow it")
		if h.issued() != 0 {
			t.Error("something was issued")
		}
	})
}

func TestAlwaysCountsForSignedClientsToo(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		bob := h.bob(t)
		path := app.link(bob, app.requestToken().token)
		form := url.Values{"decision": {"allow"}, "always": {"on"}, "ticket": {bob.get(path).field("ticket")}}
		callback, _, _ := strings.Cut(app.callback, "?")
		bob.post(path+"/consent", form).back(callback)

		request := app.requestToken()
		again := bob.get(app.link(bob, request.token)).back(callback)
		app.exchange(request, again.Get("oauth_verifier")).credentials()
		shown := app.request("oob").credentials()
		verifier := bob.get(app.link(bob, shown.token)).wants(http.StatusOK, "").verifier()
		app.exchange(shown, verifier).credentials()

		bob.post("/account/revoke", url.Values{"clientID": {app.id}}).wants(http.StatusSeeOther, "/account")
		bob.get(app.link(bob, app.requestToken().token)).wants(http.StatusOK, "").says("asks for access")
	})
}

func TestTheLoginOfALinkTellsNoClient(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		b := h.browser(t)
		path := app.link(b, app.requestToken().token)
		wrong := b.post(path+"/login", url.Values{"username": {"bob"}, "password": {"wrong"}})
		for _, p := range []*page{b.get(path), wrong} {
			if p.says("Sign in", "to go on"); strings.Contains(p.body, app.callback) || strings.Contains(p.body, "Cancel") || strings.Contains(p.text(), "to go on to") {
				t.Errorf("an anonymous browser learns whose link it is: %s", p.text())
			}
			if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https: http:;") {
				t.Errorf("after the login, a remembered owner gets stuck: %s", policy)
			}
		}
		b.post(path+"/login", url.Values{"username": {"bob"}, "password": {authtest.BobPassword}}).wants(http.StatusSeeOther, path)
		b.get(path).wants(http.StatusOK, "").says("asks for access")
	})
}

func TestALinkWithoutItsTokenIsShown(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		b, token := h.browser(t), url.QueryEscape(app.requestToken().token)
		for query, says := range map[string]string{
			"": "absent", "oauth_token=": "absent", "oauth_token=" + token + "&oauth_token=" + token: "duplicated",
			"oauth_token=%zz": "invalid", "oauth_token=" + strings.Repeat("x", 300): "expired",
		} {
			p := b.get(app.authorizePath + "?" + query)
			if p.StatusCode/100 != 4 || p.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", query, p.StatusCode, p.Header.Get("Location"))
			}
			if app.id == authtest.Scrapbook {
				p.says("oauth_", says)
			}
		}
		for _, ignored := range []string{"&oauth_callback=https%3A%2F%2Fevil.example&scope=all", "&x=1&x=2"} { // N05
			b.get(app.authorizePath+"?oauth_token="+token+ignored).wants(http.StatusSeeOther, "")
		}
	})
}

func TestAClientThatSignsRevokesItsToken(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	twin, token, other := app.twin(), app.tokens(), app.tokens()
	twin.post(oauth1.PathRevoke, token, nil).wants(http.StatusOK) // no effect, and no hint
	if !app.works(token) {
		t.Fatal("another client revoked the token")
	}
	h.Store.Fail(authserver.ErrUnavailable)
	if got := app.post(oauth1.PathRevoke, token, nil).problem(http.StatusServiceUnavailable, "temporarily_unavailable"); got.Header.Get("Retry-After") == "" {
		t.Error("N39: there is no Retry-After")
	}
	h.Store.Fail(nil)
	if !app.works(token) {
		t.Fatal("a revocation that failed took effect")
	}
	for _, wrong := range []pair{{}, {token: "gha_x"}, {token.token, other.secret}} {
		if got := app.post(oauth1.PathRevoke, wrong, nil); got.StatusCode/100 != 4 {
			t.Errorf("with %.8s: %d %s", wrong.token, got.StatusCode, got.raw)
		}
	}
	for range 2 { // RFC 7009 §2.2: what is revoked is revoked
		if got := app.post(oauth1.PathRevoke, token, nil).wants(http.StatusOK); got.raw != "" {
			t.Errorf("the answer is %s", got.raw)
		}
	}
	if app.works(token) || !app.works(other) {
		t.Error("the wrong token is dead")
	}
}

func TestEndpointsOfOAuth1AreForPost(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	for _, path := range []string{oauth1.PathRequestToken, oauth1.PathAccessToken, oauth1.PathRevoke, oauth1.PathVerify} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodOptions} {
			got := app.send(method, path, app.authorization(method, h.issuer+path, pair{}, params{"oauth_callback": app.callback}), nil)
			if got.wants(http.StatusMethodNotAllowed); !strings.Contains(got.Header.Get("Allow"), http.MethodPost) || got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: %v", method, path, got.Header)
			}
		}
	}
}

func TestAStoreThatIsGoneIsAProblemToComeBackWith(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	request := app.requestToken()
	verifier := app.allowedBy(h.bob(t), request)
	h.Store.Fail(authserver.ErrUnavailable)
	for _, got := range []*told{app.request(app.callback), app.exchange(request, verifier)} {
		if got.problem(http.StatusServiceUnavailable, "temporarily_unavailable"); got.Header.Get("Retry-After") == "" {
			t.Errorf("%s says not when to come back", got.Request.URL.Path)
		}
	}
	h.Store.Fail(http.ErrNoLocation) // any error that nobody foresaw
	got := app.request(app.callback).problem(http.StatusInternalServerError, "server_error")
	if strings.Contains(got.raw, "unplugged") {
		t.Errorf("the answer tells the cause: %s", got.raw)
	}
	h.Store.Fail(nil)
	app.exchange(request, verifier).credentials()
}

// pagesOfLinks adds the pages that only links with a request token lead to.
func (h *house) pagesOfLinks(t *testing.T, pages map[string]*page) {
	t.Helper()
	app, bob, b := h.photoBook(t), h.signedIn(t, authtest.Bob, authtest.BobPassword), h.browser(t)
	link := app.link(b, app.requestToken().token)
	pages["login of a link"] = b.get(link)
	pages["login of a link again"] = b.post(link+"/login", url.Values{"username": {hostile}, "password": {"wrong"}})
	shown := app.request("oob").credentials()
	path := app.link(bob, shown.token)
	pages["consent for a code"] = bob.get(path)
	pages["code"] = bob.consentTo(path, "allow")
	pages["no code"] = bob.consentTo(app.link(bob, app.request("oob").credentials().token), "deny")
	pages["used link"] = bob.get(app.link(bob, shown.token))
	pages["unknown link"] = bob.get(app.link(bob, hostile))
	pages["incomplete link"] = b.get(app.authorizePath + "?" + url.Values{hostile: {"1", "2"}}.Encode())
	alice := h.signedIn(t, authtest.Alice, authtest.AlicePassword)
	pages["refused link"] = alice.get(app.link(alice, app.requestToken().token))
	h.Clock.Advance(10 * time.Minute)
	pages["expired link"] = bob.get(app.link(bob, shown.token))
}
