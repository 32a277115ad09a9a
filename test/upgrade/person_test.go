// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// person is Bob with a browser without a screen. Redirects are not followed.
type person struct {
	client *http.Client
}

func newPerson(t *testing.T, s *site) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	client := s.client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{client}
}

// open gets or, with a form, posts an address and returns the status, the Location and the page.
func (p *person) open(t *testing.T, address string, form url.Values) (status int, location, page string) {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = installation.Issuer + address
	}
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	must(t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", installation.Issuer)
	}
	res, err := p.client.Do(r)
	must(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, res.Header.Get("Location"), string(text)
}

// allow walks an authorization request through login, where that is asked for, and consent. It returns what the callback gets.
func (p *person) allow(t *testing.T, address string) url.Values {
	t.Helper()
	_, interaction, _ := p.open(t, address, nil)
	status, location, page := p.open(t, interaction, nil)
	if status == http.StatusOK && strings.Contains(page, `name="password"`) {
		_, back, _ := p.open(t, interaction+"/login", url.Values{"username": {"bob"}, "password": {installation.Password}})
		status, location, page = p.open(t, back, nil)
	}
	if status == http.StatusOK {
		status, location, _ = p.open(t, interaction+"/consent", url.Values{
			"decision": {"allow"}, "ticket": fields(t, page, "ticket"), "scope": fields(t, page, "scope"),
		})
	}
	to, err := url.Parse(location)
	if status != http.StatusSeeOther || err != nil {
		t.Fatalf("the interaction ends with %d %v:\n%s", status, err, page)
	}
	return to.Query()
}

// fields returns the values of all fields of a page with this name.
func fields(t *testing.T, page, name string) (all []string) {
	t.Helper()
	top, err := html.Parse(strings.NewReader(page))
	must(t, err)
	for n := range top.Descendants() {
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
