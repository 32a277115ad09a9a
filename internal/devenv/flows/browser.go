// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// browser is a person's browser without a screen: it keeps cookies, follows redirects, reads pages and fills in their forms.
type browser struct {
	client *http.Client
	pause  func(*url.URL) bool // where a redirect is not followed but shown
	trail  []*url.URL          // where the last open or submit led, redirects included
}

// newBrowser returns a browser without a cookie that trusts what client trusts.
func newBrowser(client *http.Client) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{pause: func(*url.URL) bool { return false }}
	b.client = &http.Client{Transport: client.Transport, Timeout: client.Timeout, Jar: jar, CheckRedirect: b.redirect}
	return b, nil
}

// maxRedirects is what browsers put up with.
const maxRedirects = 20

func (b *browser) redirect(r *http.Request, via []*http.Request) error {
	b.trail = append(b.trail, r.URL)
	switch {
	case b.pause(r.URL):
		return http.ErrUseLastResponse
	case len(via) >= maxRedirects:
		return errors.New("too many redirects")
	}
	return nil
}

// open goes to address.
func (b *browser) open(ctx context.Context, address string) (*page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("an address on the page cannot be read") // err may hold a code
	}
	return b.visit(req)
}

// follow clicks the link of the page that says text.
func (b *browser) follow(ctx context.Context, p *page, text string) (*page, error) {
	for _, l := range p.links {
		if strings.Contains(l.text, text) {
			return b.open(ctx, p.resolve(l.href))
		}
	}
	return nil, fmt.Errorf("the link %q is missing on %s", text, p)
}

// submit fills in the form of the page that goes to a path with this end, and sends it. Each name in fill must be a
// field of the form.
func (b *browser) submit(ctx context.Context, p *page, action string, fill url.Values) (*page, error) {
	f, err := p.form(action)
	if err != nil {
		return nil, err
	}
	fields := url.Values{}
	for name, value := range f.hidden {
		fields[name] = value
	}
	for name, value := range fill {
		if !f.names[name] {
			return nil, fmt.Errorf("the field %q is missing in the form on %s", name, p)
		}
		fields[name] = value
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.resolve(f.action), strings.NewReader(fields.Encode()))
	if err != nil {
		return nil, fmt.Errorf("the form on %s cannot be sent", p)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
	return b.visit(req)
}

// maxPage bounds what is read of a page.
const maxPage = 1 << 20

func (b *browser) visit(req *http.Request) (*page, error) {
	b.trail = []*url.URL{req.URL}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", place(req.URL), withoutURL(err))
	}
	defer res.Body.Close()
	p, err := readPage(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", place(req.URL), err)
	}
	p.at, p.status = res.Request.URL, res.StatusCode
	if location, err := res.Location(); err == nil {
		p.next = location
	}
	return p, nil
}

// withoutURL is err without the address, whose query may hold a code.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// place is an address without its query, which may hold a code.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }
