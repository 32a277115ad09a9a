// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// smallHouse is a house with room for few requests.
func smallHouse(t *testing.T, limits web.Limits) *house {
	t.Helper()
	h := &house{Env: authtest.New(t), server: httptest.NewUnstartedServer(nil)}
	h.issuer = "https://" + h.server.Listener.Addr().String()
	site, err := web.New(web.Config{
		Auth: h.Auth, Issuer: h.issuer, Metrics: web.NewMetrics(), Log: slog.New(slog.DiscardHandler), AccessLog: io.Discard, Limits: limits,
		Ready: func(*http.Request) error { return nil }, Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	served := site.Handler()
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer := r.Header.Get(headerPeer); peer != "" {
			r.RemoteAddr = peer
		}
		served.ServeHTTP(w, r)
	})
	h.server.EnableHTTP2 = true
	h.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	h.server.StartTLS()
	t.Cleanup(h.server.Close)
	return h
}

// withhold begins a request from an address and does not end its body. finish ends it.
func (h *house) withhold(t *testing.T, path, address string, length int64) (finish func()) {
	t.Helper()
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = from(address)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.ContentLength = length
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if response, err := h.server.Client().Do(request); err == nil {
			_ = response.Body.Close()
		}
	}()
	t.Cleanup(func() { _ = writer.Close(); <-ended })
	return func() { _ = writer.Close() }
}

// tokenFrom asks for a token of BookShelf's and returns the answer.
func (h *house) tokenFrom(t *testing.T, address string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.issuer+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = from(address)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(authtest.BookShelf), url.QueryEscape(h.Secret(authtest.BookShelf)))
	response, err := h.server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

func TestN81BodiesThatAreWithheldShutNobodyElseOut(t *testing.T) {
	for _, row := range []struct {
		name   string
		limits web.Limits
		path   string
		length int64 // of a body; negative: it does not say
		many   int
	}{
		{"as many requests as an address may have", web.Limits{Requests: 100, RequestsPerAddress: 8}, "/oauth2/token", 100, 8},
		{"as many bytes as an address may hold", web.Limits{}, "/oauth2/token", -1, 64},
		{"as many long bodies", web.Limits{}, "/oauth1/verify", 1 << 20, 16},
		{"pages", web.Limits{Requests: 100, RequestsPerAddress: 8}, "/login", 100, 8},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := smallHouse(t, row.limits)
			var finish []func()
			for range row.many {
				finish = append(finish, h.withhold(t, row.path, "198.51.100.7", row.length))
			}
			testenv.Eventually(t, time.Minute, "the address is told to come back", func() bool {
				r := h.tokenFrom(t, "198.51.100.7")
				if r.StatusCode != http.StatusServiceUnavailable { // the question before may have taken somebody's room
					finish = append(finish, h.withhold(t, row.path, "198.51.100.7", row.length))
					return false
				}
				if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || after < 1 {
					t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
				}
				return true
			})
			if r := h.tokenFrom(t, "198.51.100.8"); r.StatusCode != http.StatusOK {
				t.Errorf("another address: %s", r.Status)
			}
			for _, end := range finish {
				end()
			}
			testenv.Eventually(t, time.Minute, "the address is served again", func() bool { return h.tokenFrom(t, "198.51.100.7").StatusCode == http.StatusOK })
		})
	}
}

func TestN81ManyAddressesTogetherAreBounded(t *testing.T) {
	h := smallHouse(t, web.Limits{Requests: 20, RequestsPerAddress: 8})
	var finish []func()
	for n := range 20 {
		finish = append(finish, h.withhold(t, "/oauth2/token", "198.51.100."+strconv.Itoa(n), 10))
	}
	testenv.Eventually(t, time.Minute, "there is no room for one more", func() bool {
		finish = append(finish, h.withhold(t, "/oauth2/token", fmt.Sprintf("203.0.113.%d", len(finish)), 10))
		return h.tokenFrom(t, "192.0.2.1").StatusCode == http.StatusServiceUnavailable
	})
	for _, end := range finish {
		end()
	}
	testenv.Eventually(t, time.Minute, "there is room again", func() bool { return h.tokenFrom(t, "192.0.2.1").StatusCode == http.StatusOK })
}

func TestAFormMayBeSixteenKilobytesLongAndASignedRequestSixtyFour(t *testing.T) {
	h := newHouse(t)
	for _, row := range []struct {
		path   string
		length int
		want   bool
	}{
		{"/oauth2/token", 16<<10 - 100, true}, {"/oauth2/token", 16<<10 + 1, false},
		{"/oauth1/verify", 64<<10 - 100, true}, {"/oauth1/verify", 64<<10 + 1, false},
	} {
		padding := strings.Repeat("x", row.length-len("padding="))
		got := h.browser(t).post(row.path, url.Values{"padding": {padding}})
		tooLong := strings.Contains(got.body, "too large") || got.StatusCode == http.StatusRequestEntityTooLarge
		if tooLong == row.want {
			t.Errorf("%s with %d bytes: %d %s", row.path, row.length, got.StatusCode, got.body)
		}
	}
}
