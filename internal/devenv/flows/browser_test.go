// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const loginPage = `<!doctype html><title>Log in</title><style>p{color:red}</style><h1>Log  in
	to <em>Gatehouse</em></h1><p>PhotoPrint asks.</p><a href="/help?x=1">Get <b>help</b></a>
	<form method="post" action="/interaction/1/login"><input type="hidden" name="ticket" value="t&amp;1">
	<input name="username"><input name="password" type="password"><button>Log in</button></form>`

func TestThePageIsReadAsAPersonSeesIt(t *testing.T) {
	p, err := readPage(strings.NewReader(loginPage))
	if err != nil {
		t.Fatal(err)
	}
	if p.heading != "Log in to Gatehouse" || p.text != "Log in Log in to Gatehouse PhotoPrint asks. Get help Log in" {
		t.Errorf("%q\n%q", p.heading, p.text)
	}
	if diff := cmp.Diff("/help?x=1", p.links[0].href); diff != "" {
		t.Error(diff)
	}
}

func TestAFormIsSentWithItsHiddenFieldsAndCookies(t *testing.T) {
	var sent url.Values
	var origin string
	b, site := browse(t, map[string]http.HandlerFunc{
		"GET /login": func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes", Secure: true, Path: "/"})
			fmt.Fprint(w, loginPage)
		},
		"POST /interaction/1/login": func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			sent, origin = r.PostForm, r.Header.Get("Origin")
			if c, err := r.Cookie("seen"); err != nil || c.Value != "yes" {
				t.Errorf("cookie: %v", err)
			}
			fmt.Fprint(w, "<h1>Welcome</h1>")
		},
	})
	p, err := b.open(t.Context(), site+"/login")
	if err != nil {
		t.Fatal(err)
	}
	if p, err = b.submit(t.Context(), p, "/login", url.Values{"username": {"bob"}, "password": {"x"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"ticket": {"t&1"}, "username": {"bob"}, "password": {"x"}}, sent); diff != "" {
		t.Error(diff)
	}
	if origin != site || p.shows(http.StatusOK, "Welcome") != nil {
		t.Errorf("origin %s, %s", origin, p)
	}
}

func TestWhatIsMissingOnAPageIsNamed(t *testing.T) {
	b, site := browse(t, map[string]http.HandlerFunc{
		"GET /login": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, loginPage) },
	})
	p, err := b.open(t.Context(), site+"/login?code=hush")
	if err != nil {
		t.Fatal(err)
	}
	_, noField := b.submit(t.Context(), p, "/login", url.Values{"decision": {"allow"}})
	_, noForm := b.submit(t.Context(), p, "/consent", nil)
	_, noLink := b.follow(t.Context(), p, "Print my photos")
	for want, err := range map[string]error{
		`the field "decision" is missing in the form on `: noField,
		`the form "/consent" is missing on `:              noForm,
		`the link "Print my photos" is missing on `:       noLink,
		`"See your photos" is missing on `:                p.shows(200, "See your photos"),
		`status 403 was expected, but this is `:           p.shows(403),
	} {
		want += `the page "Log in to Gatehouse" (200) at ` + site + "/login"
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestARedirectIsFollowedUntilThePause(t *testing.T) {
	b, site := browse(t, map[string]http.HandlerFunc{
		"GET /start":    redirectTo("/callback?code=hush"),
		"GET /callback": redirectTo("/photos"),
		"GET /photos":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<h1>Photos</h1>") },
	})
	p, err := b.open(t.Context(), site+"/start")
	if err != nil || p.heading != "Photos" || len(b.trail) != 3 {
		t.Fatalf("%v, %v, %v", p, b.trail, err)
	}
	if u := passed(b.trail, site+"/callback"); u == nil || u.Query().Get("code") != "hush" {
		t.Errorf("passed %v", u)
	}
	b.pause = func(u *url.URL) bool { return u.Path == "/callback" }
	p, err = b.open(t.Context(), site+"/start")
	if err != nil || p.next == nil || p.next.Query().Get("code") != "hush" {
		t.Fatalf("%v, %v", p, err)
	}
	want := "a redirect (303) from " + site + "/start to " + site + "/callback"
	if p.String() != want || p.shows(303) == nil {
		t.Errorf("got  %s\nwant %s", p, want)
	}
}

func TestAnErrorHoldsNoCode(t *testing.T) {
	b, site := browse(t, map[string]http.HandlerFunc{"GET /loop": redirectTo("/loop?code=hush")})
	for _, address := range []string{site + "/loop", "https://127.0.0.1:1/?code=hush", "https://%zz/?code=hush"} {
		if _, err := b.open(t.Context(), address); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func redirectTo(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, address, http.StatusSeeOther) }
}

// browse returns a browser and the address of a site.
func browse(t *testing.T, routes map[string]http.HandlerFunc) (b *browser, site string) {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range routes {
		mux.HandleFunc(pattern, handler)
	}
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	b, err := newBrowser(server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return b, server.URL
}
