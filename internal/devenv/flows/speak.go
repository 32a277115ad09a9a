// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// reply is what a server answers an app.
type reply struct {
	status int
	header http.Header
	body   string
}

// speak sends a request as an app does. Its errors hold no address: an old app's query may hold a code.
func speak(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, fmt.Errorf("%s does not answer: %w", place(req.URL), withoutURL(err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	return reply{res.StatusCode, res.Header, string(body)}, err
}

// ask makes a request with a form, or with none, as an app does.
func (t *flow) ask(ctx context.Context, method, address string, form url.Values, authorize func(*http.Request)) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, errors.New("an address of the mounted Secret cannot be read")
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if authorize != nil {
		authorize(req)
	}
	return speak(t.client, req)
}

// bearer presents an access token (RFC 6750 §2.1).
func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// decide has Bob, who is logged in, open what an app sends him to, and answer the question there. It returns what the app's callback
// gets. Of the page he is asked on, texts must be there.
func (t *flow) decide(ctx context.Context, app, address string, fill url.Values, texts ...string) (url.Values, error) {
	t.bob.pause = t.isCallbackOf(app)
	p, err := t.bob.open(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := p.shows(http.StatusOK, texts...); err != nil {
		return nil, err
	}
	if p, err = t.bob.submit(ctx, p, "/consent", fill); err != nil {
		return nil, err
	}
	return t.sentBack(app, p)
}

// sentBack is what the app's callback gets.
func (t *flow) sentBack(app string, p *page) (url.Values, error) {
	if p.next == nil || !t.isCallbackOf(app)(p.next) {
		return nil, fmt.Errorf("%s does not get Bob back, he sees %s", app, p)
	}
	return p.next.Query(), nil
}

func (t *flow) isCallbackOf(app string) func(*url.URL) bool {
	return func(u *url.URL) bool { return place(u) == t.Callback(app) }
}

// holds returns an error unless the answer is 200 and holds the texts.
func (r reply) holds(texts ...string) error {
	if r.status != http.StatusOK {
		return fmt.Errorf("the answer is %d", r.status)
	}
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			return fmt.Errorf("the answer lacks %q", text)
		}
	}
	return nil
}

// read reads an answer in JSON.
func (r reply) read(into any) error {
	if r.status != http.StatusOK {
		return fmt.Errorf("the answer is %d", r.status)
	}
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		return errors.New("the answer is not JSON")
	}
	return nil
}

// names are the names of the values, for messages: the values may be secret.
func names(v url.Values) string { return strings.Join(slices.Sorted(maps.Keys(v)), ", ") }
