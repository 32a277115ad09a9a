// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// person is Bob at a browser of his own. He logs in where he is asked to, and allows what he is asked for.
type person struct {
	*http.Client
	t      *testing.T
	issuer string
	// logins counts how often he was asked for his password.
	logins int
	// shown is the last page that he saw.
	shown *page
}

func (w *environment) person(t *testing.T) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := w.client()
	c.Jar = jar
	return &person{Client: c, t: t, issuer: w.issuer}
}

// page is what the browser shows.
type page struct {
	status int
	header http.Header
	body   string
	root   *html.Node
}

// form is a form of a page.
type form struct {
	action, method string
	fields         url.Values // as a browser sends them: hidden fields, what is typed, and boxes that are ticked
	names          map[string]bool
}

// open sends a request as a browser does. The body is a form; nil: GET. origin is the site of the page that it comes from.
func (p *person) open(address string, body url.Values, origin string) *page {
	p.t.Helper()
	method, reader := http.MethodGet, io.Reader(nil)
	if body != nil {
		method, reader = http.MethodPost, strings.NewReader(body.Encode())
	}
	if strings.HasPrefix(address, "/") {
		address = p.issuer + address
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
	}
	res, err := p.Do(r)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, r.URL.Path, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		p.t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		p.t.Fatal(err)
	}
	p.shown = &page{status: res.StatusCode, header: res.Header, body: string(text), root: root}
	return p.shown
}

// follow goes on from an answer of the server to where somebody else takes over: it returns the address there and what the
// browser brings along. address is empty where the server shows a page on which there is nothing to do.
func (p *person) follow(shown *page) (address string, brought url.Values) {
	p.t.Helper()
	for range 10 {
		if shown.status == http.StatusSeeOther || shown.status == http.StatusFound {
			location := shown.header.Get("Location")
			if !p.own(location) {
				return split(p.t, location)
			}
			shown = p.open(location, nil, "")
			continue
		}
		if shown.status != http.StatusOK {
			return "", nil
		}
		f := shown.form(with("password"))
		if f != nil {
			p.logins++
			f.fields.Set("username", bob)
			f.fields.Set("password", bobPassword)
		} else if f = shown.form(with("decision")); f != nil {
			f.fields.Set("decision", "allow")
			if f.names["always"] {
				f.fields.Set("always", "on")
			}
		} else if f = shown.form(func(f *form) bool { return f.method == http.MethodPost && !p.own(f.action) }); f != nil {
			return f.action, f.fields // response_mode=form_post
		} else {
			return "", nil
		}
		shown = p.open(f.action, f.fields, p.issuer)
	}
	p.t.Fatalf("the server leads round and round:\n%s", p.shown.text())
	return "", nil
}

// own reports whether an address is the server's.
func (p *person) own(address string) bool {
	return strings.HasPrefix(address, "/") || address == p.issuer || strings.HasPrefix(address, p.issuer+"/")
}

// split takes the query off an address.
func split(t *testing.T, address string) (string, url.Values) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	u.RawQuery = ""
	return u.String(), query
}

// with finds a form that has a field.
func with(name string) func(*form) bool { return func(f *form) bool { return f.names[name] } }

// form returns the form of the page that is wanted; nil: there is none.
func (p *page) form(wanted func(*form) bool) *form {
	var all []*form
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		a := map[string]string{}
		for _, attribute := range n.Attr {
			a[attribute.Key] = attribute.Val
		}
		if n.Data == "form" {
			all = append(all, &form{action: a["action"], method: strings.ToUpper(a["method"]), fields: url.Values{}, names: map[string]bool{}})
		}
		if len(all) == 0 || a["name"] == "" || n.Data != "input" && n.Data != "button" {
			continue
		}
		f := all[len(all)-1]
		f.names[a["name"]] = true
		if _, ticked := a["checked"]; n.Data == "input" && (a["type"] != "checkbox" || ticked) {
			f.fields.Add(a["name"], a["value"])
		}
	}
	if i := slices.IndexFunc(all, wanted); i >= 0 {
		return all[i]
	}
	return nil
}

// text is what a person reads.
func (p *page) text() string {
	var b strings.Builder
	for n := range p.root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// login has Bob log in before any request.
func (p *person) login() {
	p.t.Helper()
	shown := p.open("/login", nil, "")
	f := shown.form(with("password"))
	if f == nil {
		p.t.Fatalf("there is no login form: %d %s", shown.status, shown.text())
	}
	f.fields.Set("username", bob)
	f.fields.Set("password", bobPassword)
	if shown = p.open(f.action, f.fields, p.issuer); shown.status != http.StatusSeeOther {
		p.t.Fatalf("Bob cannot log in: %d %s", shown.status, shown.text())
	}
}
