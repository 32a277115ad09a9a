// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

const (
	anOrigin      = "https://spa.example"
	requestMethod = "Access-Control-Request-Method"
	requestNames  = "Access-Control-Request-Headers"
)

// preflight asks whether a script of another site may send a request.
func (h *house) preflight(t *testing.T, method, path string, names ...string) *http.Response {
	t.Helper()
	header := http.Header{"Origin": {anOrigin}, requestMethod: {method}}
	if len(names) > 0 {
		header[requestNames] = names
	}
	return h.requestWith(t, http.MethodOptions, path, header)
}

// N131: what a Public client in a browser calls is open to scripts of other sites, and nothing else.
func TestN131ScriptsOfOtherSitesMayCallWhatPublicClientsNeed(t *testing.T) {
	h := newHouse(t)
	open := map[string]string{
		"/.well-known/oauth-authorization-server": "GET, HEAD, OPTIONS",
		"/.well-known/openid-configuration":       "GET, HEAD, OPTIONS",
		"/oauth2/keys":                            "GET, HEAD, OPTIONS",
		"/oauth2/userinfo":                        "GET, POST, OPTIONS",
		"/oauth2/token":                           "POST, OPTIONS",
		"/oauth2/revoke":                          "POST, OPTIONS",
		"/integration/rest/oAuth/getToken":        "POST, OPTIONS",
	}
	for _, rt := range h.site.Routes() {
		if strings.Contains(rt.Path, "{") {
			continue
		}
		t.Run(rt.Path, func(t *testing.T) {
			method := rt.Methods[0]
			got := h.preflight(t, method, rt.Path, "content-type,mcp-protocol-version,traceparent")
			if methods, ok := open[rt.Path]; ok {
				mayBeCalled(t, got, methods, "content-type, mcp-protocol-version, traceparent")
				return
			}
			actual := h.requestWith(t, method, rt.Path, http.Header{"Origin": {anOrigin}})
			for _, r := range []*http.Response{got, actual} {
				if r.Request.Method == http.MethodOptions && r.StatusCode != http.StatusMethodNotAllowed {
					t.Errorf("the preflight gets %d", r.StatusCode)
				}
				for name := range r.Header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s has %s: %s", r.Request.Method, name, r.Header.Get(name))
					}
				}
			}
		})
	}
}

func mayBeCalled(t *testing.T, r *http.Response, methods, names string) {
	t.Helper()
	if r.StatusCode != http.StatusNoContent {
		t.Errorf("the preflight gets %d", r.StatusCode)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": methods, "Access-Control-Allow-Headers": names,
		"Access-Control-Max-Age": "7200", "Vary": requestNames,
		"Access-Control-Allow-Credentials": "", "Access-Control-Allow-Private-Network": "",
	} {
		if got := strings.Join(r.Header.Values(name), " | "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestN131APreflightIsBounded(t *testing.T) {
	h := newHouse(t)
	var many []string
	for n := range 200 {
		many = append(many, fmt.Sprintf("x-h%d", n))
	}
	for _, row := range []struct {
		name  string
		asked []string
		want  string
	}{
		{"none", nil, ""},
		{"in any case, with blanks and empty members", []string{"MCP-Protocol-Version , ,\tAuth0-Client,"}, "mcp-protocol-version, auth0-client"},
		{"in two lines", []string{"traceparent", "sentry-trace"}, "traceparent, sentry-trace"},
		{"cookies", []string{"cookie,Cookie2,set-cookie,x-a"}, "x-a"},
		{"no names", []string{"x a,x:b,x\"c,\u00e9,*,x-d,(x)"}, "*, x-d"},
		{"too many", []string{strings.Join(many, ",")}, strings.Join(many[:64], ", ")},
		{"too long", []string{"x-a," + strings.Repeat("b", 2049) + ",x-c"}, "x-a"},
	} {
		t.Run(row.name, func(t *testing.T) {
			mayBeCalled(t, h.preflight(t, "POST", "/oauth2/token", row.asked...), "POST, OPTIONS", row.want)
		})
	}
}

// A page on the internet that asks for the way into a private network gets no leave for it, and no error.
func TestN131TheWayIntoAPrivateNetworkIsNotOpened(t *testing.T) {
	h := newHouse(t)
	got := h.requestWith(t, http.MethodOptions, "/oauth2/token", http.Header{
		"Origin": {anOrigin}, requestMethod: {"POST"}, "Access-Control-Request-Private-Network": {"true"}, "Cookie": {"a=b"},
	})
	mayBeCalled(t, got, "POST, OPTIONS", "")
}

// readable fails the test unless a script of another site can read an answer and what matters of its header.
func readable(t *testing.T, name string, r *http.Response, status int) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("%s: %d, want %d", name, r.StatusCode, status)
	}
	exposed := strings.Split(r.Header.Get("Access-Control-Expose-Headers"), ", ")
	for _, want := range []string{"Retry-After", "X-Request-Id", "WWW-Authenticate", "Allow"} {
		if !slices.Contains(exposed, want) {
			t.Errorf("%s: %s is not exposed: %v", name, want, exposed)
		}
	}
	if r.Header.Get("Access-Control-Allow-Origin") != "*" || r.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%s: %v", name, r.Header)
	}
}

func TestN131ScriptsReadErrorsToo(t *testing.T) {
	h := newHouse(t)
	app := h.client(t, authtest.BookShelf)
	good := url.Values{"grant_type": {"client_credentials"}}
	readable(t, "tokens", app.post("/oauth2/token", good).Response, 200)
	readable(t, "metadata", h.requestWith(t, "GET", "/.well-known/oauth-authorization-server", nil), 200)
	readable(t, "a bad grant type", app.post("/oauth2/token", url.Values{"grant_type": {"x"}}).Response, 400)
	readable(t, "a large body", app.post("/oauth2/token", url.Values{"x": {strings.Repeat("x", 64<<10)}}).Response, 400)
	readable(t, "no client", h.client(t, "").post("/oauth2/token", good).Response, 401)
	readable(t, "a wrong method", h.requestWith(t, "GET", "/oauth2/token", nil), 405)
	readable(t, "another wrong method", h.requestWith(t, "POST", "/.well-known/oauth-authorization-server", nil), 405)
	readable(t, "no such document", h.requestWith(t, "GET", "/.well-known/webfinger", nil), 404)
	token := h.tokens(t).text("refresh_token")
	h.Store.Fail(authserver.ErrUnavailable)
	readable(t, "no store", h.client(t, authtest.PhotoPrint).refresh(token).Response, 503)
	starting, _ := startingServer(t)
	for _, path := range []string{"/oauth2/token", "/oauth2/revoke", "/integration/rest/oAuth/getToken"} {
		readable(t, "starting "+path, starting.requestWith(t, "POST", path, nil), 503)
	}
	readable(t, "starting", starting.requestWith(t, "GET", "/.well-known/oauth-authorization-server", nil), 503)
}

// A script that looks for a document with a header of its own must learn that it does not exist.
func TestN131APreflightForADocumentThatDoesNotExistLetsTheScriptSeeThat(t *testing.T) {
	h := newHouse(t)
	got := h.preflight(t, "GET", "/.well-known/webfinger", "mcp-protocol-version")
	mayBeCalled(t, got, "GET, HEAD, POST", "mcp-protocol-version")
}
