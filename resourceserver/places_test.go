// SPDX-License-Identifier: Apache-2.0

package resourceserver_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

const formType = "application/x-www-form-urlencoded"

// places are where a client puts the protocol parameters.
var places = []oauth1.Place{oauth1.InHeader, oauth1.InForm, oauth1.InQuery}

// signedRequest is a POST to the API with a form, signed for PhotoBook.
func (h *house) signedRequest(t *testing.T, place oauth1.Place, body string) *http.Request {
	t.Helper()
	const target = "/photos?size=a4"
	params := []oauth1.Param{
		{Name: "oauth_consumer_key", Value: authtest.PhotoBook}, {Name: "oauth_token", Value: h.access.AccessToken},
		{Name: "oauth_signature_method", Value: "HMAC-SHA256"}, {Name: "oauth_nonce", Value: rand.Text()},
		{Name: "oauth_timestamp", Value: strconv.FormatInt(h.Clock.Now().Unix(), 10)},
	}
	fields, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]oauth1.Param{}, params...)
	for name := range fields {
		all = append(all, oauth1.Param{Name: name, Value: fields.Get(name)})
	}
	base, err := oauth1.BaseString(http.MethodPost, h.api.URL+target, all)
	if err != nil {
		t.Fatal(err)
	}
	params = append(params, oauth1.Param{Name: "oauth_signature", Value: oauth1.Sign(oauth1.HMACSHA256, base, h.Secret(authtest.PhotoBook), h.access.TokenSecret)})
	protocol := url.Values{}
	for _, p := range params {
		protocol.Set(p.Name, p.Value)
	}
	address, header := h.api.URL+target, ""
	switch place {
	case oauth1.InForm:
		body += "&" + protocol.Encode()
	case oauth1.InQuery:
		address += "&" + protocol.Encode()
	default:
		header = oauth1.Authorization("Photos", params)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", formType)
	if header != "" {
		r.Header.Set("Authorization", header)
	}
	return r
}

// send returns the status and what the handler read.
func (h *house) send(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	client := *h.api.Client()
	client.Timeout = time.Minute
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestN154ASignatureIsTakenFromHeaderFormAndQuery(t *testing.T) {
	h := newHouse(t)
	for _, place := range places {
		t.Run(string(place), func(t *testing.T) {
			if status, body := h.send(t, h.signedRequest(t, place, "caption=beach+at+dawn")); status != http.StatusOK || body != "beach at dawn" {
				t.Errorf("status %d, the handler read %q", status, body)
			}
			basic := h.signedRequest(t, place, "caption=x")
			if place != oauth1.InHeader { // some other scheme is for a proxy in front
				basic.Header.Set("Authorization", "Basic Ym9iOmJvYg==")
			}
			if status, _ := h.send(t, basic); status != http.StatusOK {
				t.Errorf("with another scheme in the header: %d", status)
			}
			for name, change := range map[string]func(*http.Request){
				"the method": func(r *http.Request) { r.Method = http.MethodPut },
				"the path":   func(r *http.Request) { r.URL.Path = "/albums" },
				"the query":  func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "a4", "a5", 1) },
				"one more in the query": func(r *http.Request) {
					r.URL.RawQuery += "&size=a5"
				},
				"the type of the body": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
				"the signature, to one in two places": func(r *http.Request) {
					r.URL.RawQuery += "&oauth_signature=x"
				},
				"the form": func(r *http.Request) {
					text, _ := io.ReadAll(r.Body)
					changed := strings.Replace(string(text), "beach", "beech", 1)
					r.Body, r.ContentLength = io.NopCloser(strings.NewReader(changed)), int64(len(changed))
				},
			} {
				r := h.signedRequest(t, place, "caption=beach")
				change(r)
				if status, _ := h.send(t, r); status != http.StatusUnauthorized {
					t.Errorf("%s was changed: %d", name, status)
				}
			}
		})
	}
}

func TestN51ASignatureInFormOrQueryIsTakenOnce(t *testing.T) {
	h := newHouse(t)
	for _, place := range places {
		r := h.signedRequest(t, place, "caption=beach")
		again := r.Clone(t.Context())
		body, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		again.Body = body
		first, _ := h.send(t, r)
		if second, _ := h.send(t, again); first != http.StatusOK || second != http.StatusUnauthorized {
			t.Errorf("%s: %d, then %d", place, first, second)
		}
	}
}

func TestN154WhatGatehouseIsAskedAboutARequestWithItsSignatureElsewhere(t *testing.T) {
	const protocol = "oauth_consumer_key=a&oauth%5Fsignature=b"
	form := http.Header{"Content-Type": {formType}}
	basic := http.Header{"Content-Type": {formType}, "Authorization": {"Basic Ym9iOmJvYg=="}}
	for _, c := range []struct {
		name, target, body string
		header             http.Header
		status             int
		want               url.Values // nil: nothing
	}{
		{"in the query", "/echo?x=1&" + protocol, "", http.Header{}, 200, url.Values{"method": {"POST"}, "url": {"/echo?x=1&" + protocol}}},
		{"in the form", "/echo", "a=1&" + protocol, form, 200, url.Values{"method": {"POST"}, "url": {"/echo"}, "body": {"a=1&" + protocol}}},
		{"in the form, and Basic for others to read", "/echo", protocol, basic, 200, url.Values{"method": {"POST"}, "url": {"/echo"}, "body": {protocol}}},
		{"in the query, with a body that is no form", "/echo?" + protocol, "{}", http.Header{"Content-Type": {"application/json"}}, 200,
			url.Values{"method": {"POST"}, "url": {"/echo?" + protocol}}},
		{"in a body that is no form", "/echo", protocol, http.Header{"Content-Type": {"text/plain"}}, 401, nil},
		{"a form without one", "/echo", "a=1", form, 401, nil},
		{"a query with a name that only begins so", "/echo?oauth_signature_method=PLAINTEXT", "", http.Header{}, 401, nil},
		{"a large form without one", "/echo", strings.Repeat("a", 70<<10), form, 401, nil},
		{"a large form with one", "/echo", protocol + "&a=" + strings.Repeat("a", 70<<10), form, 413, nil},
		{"a bearer token, with a signature in the query", "/echo?" + protocol, "", http.Header{"Authorization": {"Bearer gha_1"}}, 200,
			url.Values{"token": {"gha_1"}}},
		{"two Content-Type headers, and a signature in the query", "/echo?" + protocol, "", http.Header{"Content-Type": {formType, "text/plain"}}, 400, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFixture(t)
			got := s.call(t, http.MethodPost, c.target, c.header, c.body)
			if c.want.Has("url") {
				c.want.Set("url", s.api.URL+c.want.Get("url"))
			}
			var asked url.Values
			if len(s.asked) > 0 {
				asked = s.asked[0].form
			}
			if diff := cmp.Diff(c.want, asked); diff != "" || got.StatusCode != c.status {
				t.Errorf("status %d\n%s", got.StatusCode, diff)
			}
			if c.status == http.StatusOK && got.body != c.body {
				t.Errorf("the handler read %q", got.body)
			}
			if c.status == http.StatusUnauthorized && got.body != "An access token is required." {
				t.Errorf("the client learns %q", got.body)
			}
		})
	}
}

func TestN154ABoundInFrontOfTheGuardHoldsForASignatureInTheForm(t *testing.T) {
	s := newFixture(t)
	body := "oauth_signature=b&a=1"
	for limit, want := range map[int64]int{int64(len(body)): http.StatusOK, int64(len(body)) - 1: http.StatusRequestEntityTooLarge} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/echo", strings.NewReader(body))
		r.Header.Set("Content-Type", formType)
		w := httptest.NewRecorder()
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		if s.api.Config.Handler.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%d bytes of %d: %d", len(body), limit, w.Code)
		}
	}
}

func TestAnAPIWithoutVerificationReadsNoFormsOfOthers(t *testing.T) {
	s := newFixture(t, func(c *resourceserver.Config) { c.VerificationEndpoint = "" })
	got := s.call(t, http.MethodPost, "/echo?oauth_signature=x", http.Header{"Content-Type": {formType}}, "oauth_signature=x")
	if got.StatusCode != http.StatusUnauthorized || len(s.asked) > 0 {
		t.Errorf("status %d, asked %v", got.StatusCode, s.asked)
	}
}
