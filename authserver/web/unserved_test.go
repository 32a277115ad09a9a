// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// requestWith sends a request with a method, a path and a header of its own.
func (h *house) requestWith(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, h.issuer+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	client := *h.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func textOfAnswer(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
	mediaText = "text/plain; charset=utf-8"
	mediaPage = "text/html; charset=utf-8"
)

// saysPlainly fails the test unless an answer has this form, and the sentence in it.
func saysPlainly(t *testing.T, r *http.Response, status int, media, code, sentence string) {
	t.Helper()
	body := textOfAnswer(t, r)
	if r.StatusCode != status || r.Header.Get("Content-Type") != media || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v, want %d %s", r.StatusCode, r.Header, status, media)
	}
	if r.Request.Method == http.MethodHead {
		return
	}
	said := body
	switch media {
	case mediaJSON:
		var answer struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Error != code {
			t.Errorf("%s: error %q, want %q (%v)", body, answer.Error, code, err)
		}
		said = answer.Description
	case mediaForm:
		answer, err := url.ParseQuery(body)
		if err != nil || answer.Get("oauth_problem") != code {
			t.Errorf("%s: problem %q, want %q (%v)", body, answer.Get("oauth_problem"), code, err)
		}
		said = answer.Get("oauth_problem_advice")
	}
	if media != mediaPage && strings.Contains(body, "<") {
		t.Errorf("a client reads markup: %s", body)
	}
	if !strings.Contains(said, sentence) {
		t.Errorf("%q does not say %q", said, sentence)
	}
}

// N129: an unknown path is 404 whatever the method, in the caller's form.
func TestN129AnUnknownPathIs404InTheCallersForm(t *testing.T) {
	const nothing = "There is nothing at this address."
	h := newHouse(t)
	pages := http.Header{"Accept": {acceptsPages}}
	for _, row := range []struct {
		path   string
		header http.Header
		media  string
		code   string
		says   string
	}{
		{"/.well-known/webfinger", nil, mediaJSON, "not_found", nothing},
		{"/.well-known/webfinger", pages, mediaJSON, "not_found", nothing},
		{"/.well-known/oauth-protected-resource", pages, mediaJSON, "not_found", nothing},
		{"/oauth2/certs", pages, mediaJSON, "not_found", nothing},
		{"/oauth2/token/", nil, mediaJSON, "not_found", "Do you mean /oauth2/token?"},
		{"/oauth/token", nil, mediaJSON, "not_found", "Do you mean /oauth2/token?"},
		{"/oauth/authorize", nil, mediaJSON, "not_found", "Do you mean /oauth2/authorize or /oauth1/authorize?"},
		{"/oauth1/request_token", nil, mediaForm, "not_found", "Do you mean /oauth1/request-token?"},
		{"/oauth1/requestToken", pages, mediaForm, "not_found", "Do you mean /oauth1/request-token?"},
		{"/manage/oauth/getrequesttoken", nil, mediaText, "", "Do you mean /manage/oauth/getRequestToken?"},
		{"/manage/oauth2/nothing", pages, mediaText, "", nothing},
		{"/integration/rest/oAuth/gettoken", nil, mediaJSON, "not_found", "Do you mean /integration/rest/oAuth/getToken?"},
		{"/nothing", nil, mediaJSON, "not_found", nothing},
		{"/nothing", http.Header{"Accept": {"application/json"}}, mediaJSON, "not_found", nothing},
		{"/favicon.ico", http.Header{"Accept": {"image/avif,image/webp,*/*;q=0.8"}}, mediaJSON, "not_found", nothing},
		{"/" + strings.Repeat("x", 4000), nil, mediaJSON, "not_found", nothing},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ODD"} {
			t.Run(method+" "+row.path[:min(len(row.path), 50)], func(t *testing.T) {
				got := h.requestWith(t, method, row.path, row.header)
				saysPlainly(t, got, http.StatusNotFound, row.media, row.code, row.says)
				if got.Header.Get("Access-Control-Allow-Origin") != "*" || got.Header.Get("Allow") != "" {
					t.Errorf("header %v", got.Header)
				}
			})
		}
	}
}

func TestN129OnlyABrowserThatOpensAnAddressGetsAPage(t *testing.T) {
	h := newHouse(t)
	pages := http.Header{"Accept": {acceptsPages}}
	for _, path := range []string{"/nothing", "/login/more", "/account/"} {
		for _, method := range []string{"GET", "HEAD"} {
			got := h.requestWith(t, method, path, pages)
			saysPlainly(t, got, http.StatusNotFound, mediaPage, "", "There is no such page")
			if got.Header.Get("Vary") != "Accept" || got.Header.Get("Content-Security-Policy") == "" || got.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: header %v", method, path, got.Header)
			}
		}
		got := h.requestWith(t, "POST", path, pages)
		saysPlainly(t, got, http.StatusNotFound, mediaJSON, "not_found", "There is nothing at this address.")
		if got.Header.Get("Vary") != "Accept" {
			t.Errorf("POST %s: header %v", path, got.Header)
		}
	}
}

// N130: a wrong method on a known path is 405, and the answer names the right one.
func TestN130AWrongMethodNamesTheRightOneInTheFormOfThePath(t *testing.T) {
	h := newHouse(t)
	forms := map[authserver.Profile]struct{ media, code string }{
		authserver.ProfileOAuth2:                 {mediaJSON, "invalid_request"},
		authserver.ProfileIntegrationCloud:       {mediaJSON, "invalid_request"},
		authserver.ProfileOAuth1:                 {mediaForm, "method_not_allowed"},
		authserver.ProfileConnectionsCloudOAuth1: {mediaText, ""},
		authserver.ProfileConnectionsCloudOAuth2: {mediaText, ""},
	}
	table := h.site.Routes()
	for _, rt := range table {
		var named []string
		for _, other := range table {
			if other.Path == rt.Path {
				named = append(named, other.Methods...)
			}
		}
		allow := strings.Join(named, ", ")
		if (rt.Page || rt.OnlyShows) && slices.Contains(named, "GET") {
			allow = strings.Replace(allow, "GET", "GET, HEAD", 1)
		}
		if rt.AnyOrigin {
			allow += ", OPTIONS"
		}
		form := forms[rt.Profile]
		if rt.Page {
			form.media = mediaPage
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ODD"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			t.Run(method+" "+rt.Path, func(t *testing.T) {
				path := strings.NewReplacer("{$}", "", "{id}", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "{file}", "x").Replace(rt.Path)
				got := h.requestWith(t, method, path, http.Header{"Accept": {acceptsPages}})
				saysPlainly(t, got, http.StatusMethodNotAllowed, form.media, form.code, "Use "+strings.Join(named, " or ")+".")
				if got.Header.Get("Allow") != allow {
					t.Errorf("Allow %q, want %q", got.Header.Get("Allow"), allow)
				}
			})
		}
	}
}

// The form of a wrong method does not depend on whether the server has started or has room.
func TestAWrongPathOrMethodNeedsNoServerThatHasStarted(t *testing.T) {
	h, _ := startingServer(t)
	for path, status := range map[string]int{"/oauth2/token": 405, "/oauth1/request-token": 405, "/nothing": 404} {
		if got := h.requestWith(t, "GET", path, nil); got.StatusCode != status {
			t.Errorf("GET %s: %d, want %d", path, got.StatusCode, status)
		}
	}
}

// Some clients take an answer for success only if its content type is one that they read.
func TestARevocationAnswersWithAContentType(t *testing.T) {
	h := newHouse(t)
	got := h.client(t, authtest.PhotoPrint).post("/oauth2/revoke", url.Values{"token": {h.tokens(t).text("access_token")}}).wants(http.StatusOK)
	if body := strings.TrimSpace(got.raw); got.Header.Get("Content-Type") != mediaJSON || body != "{}" {
		t.Errorf("%v %q", got.Header, body)
	}
	app := h.photoBook(t)
	signed := app.post("/oauth1/revoke", app.tokens(), nil).wants(http.StatusOK)
	if signed.Header.Get("Content-Type") != mediaForm || signed.raw != "" {
		t.Errorf("%v %q", signed.Header, signed.raw)
	}
}
