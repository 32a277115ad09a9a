// SPDX-License-Identifier: Apache-2.0

package authtest

import (
	"cmp"
	"context"
	"net/url"
	"sync"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// UpstreamSource is the key of a source whose people log in on another server.
const UpstreamSource = "partner"

// UpstreamAddress is where browsers log in there.
const UpstreamAddress = "https://partner.example/authorize"

// Upstreams stands in for sources whose people log in on another server.
type Upstreams struct {
	mu        sync.Mutex
	codes     map[string]authserver.UpstreamLogin
	tokens    map[string]authserver.UpstreamLogin
	err       error
	requests  []authserver.UpstreamRequest
	answers   []authserver.UpstreamAnswer
	refreshes int
	rotated   map[string]rotation
	before    func()
	address   string
	hold      func(code string)
}

// rotation is a refresh that yields the next token and fails then.
type rotation struct {
	next string
	err  error
}

// HoldAnswers calls f with each code before it is looked at.
func (u *Upstreams) HoldAnswers(f func(code string)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hold = f
}

// At says where browsers log in instead of at UpstreamAddress.
func (u *Upstreams) At(address string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.address = address
}

// Rotate makes a refresh token worth the next one, once, beside an error.
func (u *Upstreams) Rotate(token, next string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rotated[token] = rotation{next, err}
}

// BeforeTurn runs f once, before the next refresh token would be used.
func (u *Upstreams) BeforeTurn(f func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.before = f
}

func newUpstreams() *Upstreams {
	return &Upstreams{codes: map[string]authserver.UpstreamLogin{}, tokens: map[string]authserver.UpstreamLogin{}, rotated: map[string]rotation{}}
}

// Partner returns somebody of UpstreamSource by ID and name.
func Partner(id, name string) authserver.Owner {
	return authserver.Owner{Subject: authserver.SubjectOf(UpstreamSource, id), Source: UpstreamSource, SourceID: id, Name: name, DisplayName: name}
}

// Answer makes a code worth a login.
func (u *Upstreams) Answer(code string, login authserver.UpstreamLogin) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.codes[code] = login
}

// Confirm makes a refresh token worth an answer, once.
func (u *Upstreams) Confirm(token string, login authserver.UpstreamLogin) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.tokens[token] = login
}

// Fail makes each question end in err until it is called with nil.
func (u *Upstreams) Fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = err
}

// Requests returns what logins began with.
func (u *Upstreams) Requests() []authserver.UpstreamRequest {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]authserver.UpstreamRequest(nil), u.requests...)
}

// Answers returns what came back.
func (u *Upstreams) Answers() []authserver.UpstreamAnswer {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]authserver.UpstreamAnswer(nil), u.answers...)
}

// Refreshes returns how many refresh tokens were used.
func (u *Upstreams) Refreshes() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.refreshes
}

// Begin is of authserver.Upstreams.
func (u *Upstreams) Begin(_ context.Context, r authserver.UpstreamRequest) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return "", u.err
	}
	u.requests = append(u.requests, r)
	return cmp.Or(u.address, UpstreamAddress) + "?" + url.Values{"state": {r.State}, "redirect_uri": {r.RedirectURI}}.Encode(), nil
}

// Finish is of authserver.Upstreams.
func (u *Upstreams) Finish(_ context.Context, a authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	u.mu.Lock()
	hold := u.hold
	u.mu.Unlock()
	if hold != nil {
		hold(a.Code)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answers = append(u.answers, a)
	if u.err != nil {
		return authserver.UpstreamLogin{}, u.err
	}
	login, ok := u.codes[a.Code]
	if !ok {
		return authserver.UpstreamLogin{}, authserver.NewUpstreamError(authserver.UpstreamAnswerUnfit, authserver.ErrNotFound)
	}
	return login, nil
}

// Refresh is of authserver.Upstreams.
func (u *Upstreams) Refresh(_ context.Context, _ authserver.Person, token string, turn func() error) (authserver.UpstreamLogin, error) {
	u.mu.Lock()
	before := u.before
	u.before = nil
	u.mu.Unlock()
	if before != nil {
		before()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return authserver.UpstreamLogin{}, u.err
	}
	if err := turn(); err != nil {
		return authserver.UpstreamLogin{}, err
	}
	u.refreshes++
	if r, ok := u.rotated[token]; ok {
		delete(u.rotated, token)
		return authserver.UpstreamLogin{RefreshToken: r.next}, r.err
	}
	login, ok := u.tokens[token]
	if !ok {
		return authserver.UpstreamLogin{}, authserver.ErrNotFound
	}
	if login.RefreshToken != "" && login.RefreshToken != token {
		delete(u.tokens, token)
	}
	return login, nil
}
