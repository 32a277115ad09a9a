// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// page is what a browser shows.
type page struct {
	at      *url.URL
	status  int
	next    *url.URL // where a redirect points that was not followed
	heading string
	text    string // all of it, with single spaces
	links   []link
	forms   []form
}

type link struct{ text, href string }

// form is one that is sent by POST.
type form struct {
	action string
	hidden url.Values
	names  map[string]bool // of all fields and buttons
}

// String names the page in messages, without what may be secret in its address.
func (p *page) String() string {
	if p.next != nil {
		return fmt.Sprintf("a redirect (%d) from %s to %s", p.status, place(p.at), place(p.next))
	}
	return fmt.Sprintf("the page %q (%d) at %s", p.heading, p.status, place(p.at))
}

// shows returns an error unless the page was answered with status and holds the texts.
func (p *page) shows(status int, texts ...string) error {
	if p.next != nil || p.status != status {
		return fmt.Errorf("status %d was expected, but this is %s", status, p)
	}
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			return fmt.Errorf("%q is missing on %s", text, p)
		}
	}
	return nil
}

// resolve makes an address on the page absolute. What cannot be resolved is returned as it is: opening it says why.
func (p *page) resolve(address string) string {
	if u, err := p.at.Parse(address); err == nil {
		return u.String()
	}
	return address
}

// form returns the form whose action's path ends so.
func (p *page) form(action string) (form, error) {
	for _, f := range p.forms {
		if u, err := p.at.Parse(f.action); err == nil && strings.HasSuffix(u.Path, action) {
			return f, nil
		}
	}
	return form{}, fmt.Errorf("the form %q is missing on %s", action, p)
}

// readPage reads HTML.
func readPage(r io.Reader) (*page, error) {
	root, err := html.Parse(r)
	if err != nil {
		return nil, err
	}
	p := &page{text: textOf(root)}
	for n := range root.Descendants() {
		switch n.DataAtom {
		case atom.H1:
			p.heading = textOf(n)
		case atom.A:
			p.links = append(p.links, link{text: textOf(n), href: attribute(n, "href")})
		case atom.Form:
			p.forms = append(p.forms, readForm(n))
		}
	}
	return p, nil
}

func readForm(root *html.Node) form {
	f := form{action: attribute(root, "action"), hidden: url.Values{}, names: map[string]bool{}}
	for n := range root.Descendants() {
		if n.DataAtom != atom.Input && n.DataAtom != atom.Button {
			continue
		}
		name := attribute(n, "name")
		f.names[name] = true
		if attribute(n, "type") == "hidden" {
			f.hidden.Add(name, attribute(n, "value"))
		}
	}
	return f
}

// textOf is the text in n, without styles and scripts.
func textOf(n *html.Node) string {
	var text strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.DataAtom != atom.Style && d.Parent.DataAtom != atom.Script {
			text.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
