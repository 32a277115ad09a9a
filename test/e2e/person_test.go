// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// person is somebody with a browser without a screen. Redirects are not followed.
type person struct {
	*http.Client
	t      *testing.T
	issuer string
	seen   *[]string // each address the person was sent to
}

func (w *environment) person(t *testing.T, issuer string) *person {
	t.Helper()
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	if client.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{Client: client, t: t, issuer: issuer, seen: &[]string{}}
}

// open gets or, with a form, posts an address and returns the status, the Location and the page.
func (p *person) open(address string, form url.Values) (status int, location, page string) {
	p.t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.absolute(address), body)
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", p.issuer)
	}
	res, err := p.Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, r.URL.Path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if location = res.Header.Get("Location"); location != "" {
		*p.seen = append(*p.seen, location)
	}
	return res.StatusCode, location, string(text)
}

func (p *person) absolute(address string) string {
	if strings.HasPrefix(address, "/") {
		return p.issuer + address
	}
	return address
}

// authorize walks an authorization request through login and consent and returns what
// the callback gets.
func (p *person) authorize(address, name, password string) url.Values {
	p.t.Helper()
	_, interaction, _ := p.open(address, nil)
	status, location, page := p.open(interaction, nil)
	if status == http.StatusOK && strings.Contains(page, `name="password"`) {
		_, back, _ := p.open(interaction+"/login", url.Values{"username": {name}, "password": {password}})
		status, location, page = p.open(back, nil)
	}
	if status == http.StatusOK {
		status, location, _ = p.open(interaction+"/consent", url.Values{
			"decision": {"allow"}, "ticket": {field(p.t, page, "ticket")}, "scope": values(p.t, page, "scope"),
		})
	}
	to, err := url.Parse(location)
	if status != http.StatusSeeOther || err != nil {
		p.t.Fatalf("the interaction ends with %d %v", status, err)
	}
	return to.Query()
}

// photoPrintID is the client ID of PhotoPrint.
const photoPrintID = "photos.photoprint"

// forget takes back what Bob allowed a client in an earlier test.
func (w *environment) forget(t *testing.T, clientID string) {
	t.Helper()
	bob := w.person(t, w.Issuer)
	bob.open("/login", url.Values{"username": {w.Bob.Name}, "password": {w.Bob.Password}})
	status, _, _ := bob.open("/account/revoke", url.Values{"clientID": {clientID}})
	if status != http.StatusSeeOther {
		t.Fatalf("to take back the access of %s answers %d", clientID, status)
	}
}

// field returns the value of a field of the page's forms.
func field(t *testing.T, page, name string) string {
	t.Helper()
	all := values(t, page, name)
	if len(all) == 0 {
		t.Fatalf("the page has no field %s", name)
	}
	return all[0]
}

// values returns the values of all fields with this name.
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

// app is PhotoPrint as x/oauth2 sees it, from its mounted Secret.
type app struct {
	oauth2.Config
	client *http.Client
}

func (w *environment) photoPrint(t *testing.T, issuer string) *app {
	t.Helper()
	read := func(key string) string {
		text, err := os.ReadFile(filepath.Join(w.Mounted("photoprint"), key))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	client, err := w.Client()
	if err != nil {
		t.Fatal(err)
	}
	return &app{client: client, Config: oauth2.Config{
		ClientID: read("client-id"), ClientSecret: read("client-secret"), RedirectURL: w.PhotoPrintURL + "/callback",
		Scopes: []string{"photos.read"}, Endpoint: oauth2.Endpoint{
			AuthURL: issuer + "/oauth2/authorize", TokenURL: issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader,
		},
	}}
}

// request returns an authorization request and what its code is redeemed with.
func (a *app) request() (address, verifier string) {
	verifier = oauth2.GenerateVerifier()
	return a.AuthCodeURL(rand.Text(), oauth2.S256ChallengeOption(verifier)), verifier
}

func (a *app) context(t *testing.T) context.Context {
	return context.WithValue(t.Context(), oauth2.HTTPClient, a.client)
}

func (a *app) redeem(t *testing.T, code, verifier string) (*oauth2.Token, error) {
	t.Helper()
	return a.Exchange(a.context(t), code, oauth2.VerifierOption(verifier))
}

func (a *app) refresh(t *testing.T, token string) (*oauth2.Token, error) {
	t.Helper()
	return a.TokenSource(a.context(t), &oauth2.Token{RefreshToken: token}).Token()
}

// revoke sends a token to the revocation endpoint and returns the status.
func (a *app) revoke(t *testing.T, token string) int {
	t.Helper()
	form := url.Values{"token": {token}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		strings.TrimSuffix(a.Endpoint.TokenURL, "token")+"revoke", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	res, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
