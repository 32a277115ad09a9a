// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// person is somebody with a browser, who follows no redirect by themselves.
type person struct {
	*http.Client
	w *environment
}

func (w *environment) person() *person {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.http()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{Client: c, w: w}
}

// loggedIn is a person who is logged in.
func (w *environment) loggedIn(name string) *person {
	w.t.Helper()
	p := w.person()
	if status, _, page := p.open("/login", url.Values{"username": {name}, "password": {password(name)}}); status != http.StatusSeeOther {
		w.t.Fatalf("%s cannot log in: %d\n%s", name, status, page)
	}
	return p
}

// open gets or, with a form, posts an address, and returns the status, the Location and the page.
func (p *person) open(address string, form url.Values) (status int, location, page string) {
	p.w.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	if strings.HasPrefix(address, "/") {
		address = p.w.issuer + address
	}
	r, err := http.NewRequestWithContext(p.w.t.Context(), method, address, body)
	if err != nil {
		p.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.w.issuer)
	}
	res, err := p.Do(r)
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		p.w.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(text)
}

// follow opens an address and whatever it leads to at the server. It returns the last answer: a page, or where somebody else is
// to go on.
func (p *person) follow(address string) (status int, location, page string) {
	p.w.t.Helper()
	for range 8 {
		status, location, page = p.open(address, nil)
		if !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, p.w.issuer+"/") {
			return status, location, page
		}
		address = location
	}
	p.w.t.Fatalf("%s leads round and round", address)
	return 0, "", ""
}

// request is an authorization request and what its code is redeemed with.
type request struct {
	callback, verifier string
	query              url.Values
}

func newRequest(clientID, callback, scope string) request {
	verifier := oauth2.GenerateVerifier()
	query := url.Values{
		"response_type": {"code"}, "client_id": {clientID}, "redirect_uri": {callback}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	if scope != "" {
		query.Set("scope", scope)
	}
	return request{callback: callback, verifier: verifier, query: query}
}

func (r request) address() string { return "/oauth2/authorize?" + r.query.Encode() }

// allow walks a request to its code: the person is logged in and allows everything.
func (p *person) allow(r request) (code string) {
	p.w.t.Helper()
	_, interaction, page := p.open(r.address(), nil)
	if interaction == "" {
		p.w.t.Fatalf("the request is refused:\n%s", text(page))
	}
	status, location, page := p.open(interaction, nil)
	if status == http.StatusOK {
		_, location, page = p.open(interaction+"/consent", url.Values{
			"decision": {"allow"}, "ticket": values(p.w.t, page, "ticket"), "scope": values(p.w.t, page, "scope"),
		})
	}
	to, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, r.callback) || to.Query().Get("code") == "" {
		p.w.t.Fatalf("the request ends with %q %v\n%s", location, err, text(page))
	}
	return to.Query().Get("code")
}

// values returns the values of all fields of a page with this name.
func values(t *testing.T, page, name string) (all []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		if n.Data == "input" && attributes["name"] == name {
			all = append(all, attributes["value"])
		}
	}
	return all
}

// text is what a page says.
func text(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return page
	}
	var said []string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
			said = append(said, strings.TrimSpace(n.Data))
		}
	}
	return strings.Join(said, " | ")
}

// app is a program with the credentials of a client or of a resource server.
type app struct {
	w          *environment
	id, secret string
}

// post sends a form with the app's credentials and returns what comes back.
func (a app) post(path string, form url.Values) (status int, answer map[string]any) {
	a.w.t.Helper()
	r, err := http.NewRequestWithContext(a.w.t.Context(), http.MethodPost, a.w.issuer+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
	res, err := a.w.http().Do(r)
	if err != nil {
		a.w.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&answer); err != nil {
		a.w.t.Fatalf("%s answers %d, and no JSON: %v", path, res.StatusCode, err)
	}
	return res.StatusCode, answer
}

// redeem changes a code into tokens.
func (a app) redeem(r request, code string) (status int, answer map[string]any) {
	a.w.t.Helper()
	return a.post("/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {r.callback}, "code_verifier": {r.verifier},
	})
}

// machine asks for a token without a person.
func (a app) machine(scope string) (status int, answer map[string]any) {
	a.w.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return a.post("/oauth2/token", form)
}

// introspect asks what a token is good for.
func (a app) introspect(token any) map[string]any {
	a.w.t.Helper()
	value, _ := token.(string)
	status, answer := a.post("/oauth2/introspect", url.Values{"token": {value}})
	if status != http.StatusOK {
		a.w.t.Fatalf("introspection by %s answers %d %v", a.id, status, answer)
	}
	return answer
}
