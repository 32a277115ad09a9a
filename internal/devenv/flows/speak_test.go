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

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

func TestAnAppAsksAsItsProtocolSays(t *testing.T) {
	var got []string
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = []string{r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.FormValue("code")}
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	}))
	t.Cleanup(site.Close)
	s := &flow{client: site.Client()}
	for _, c := range []struct {
		name      string
		address   string
		form      url.Values
		authorize func(*http.Request)
		want      []string
	}{
		{"a form", "/token", url.Values{"code": {"c&1"}}, nil, []string{"POST", "", "application/x-www-form-urlencoded", "", "c&1"}},
		{"nothing but a query", "/token?code=c", nil, bearer("gha_1"), []string{"POST", "code=c", "", "Bearer gha_1", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := s.ask(t.Context(), http.MethodPost, site.URL+c.address, c.form, c.authorize)
			if err != nil || answer.status != http.StatusTeapot || answer.body != "short and stout" {
				t.Errorf("%+v, %v", answer, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatAnAppIsToldIsChecked(t *testing.T) {
	good, bad := reply{status: 200, body: `{"name":"bob"}`}, reply{status: 401, body: `{"name":"bob"}`}
	var who struct{ Name string }
	if good.holds("bob") != nil || good.read(&who) != nil || who.Name != "bob" {
		t.Errorf("a good answer is refused, or read as %+v", who)
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a refusal", bad.holds("bob"), "the answer is 401"},
		{"a refusal that is read", bad.read(&who), "the answer is 401"},
		{"something is missing", good.holds("bob", "alice"), `the answer lacks "alice"`},
		{"no JSON", reply{status: 200, body: "access_token=hush"}.read(&who), "the answer is not JSON"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.name, c.err, c.want)
		}
	}
}

func TestAnAppsErrorHoldsNoCode(t *testing.T) {
	s := &flow{client: http.DefaultClient}
	for _, address := range []string{"https://127.0.0.1:1/token?code=hush", "https://%zz/?code=hush"} {
		if _, err := s.ask(t.Context(), http.MethodPost, address, nil, nil); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if got := names(url.Values{"state": {"hush"}, "code": {"hush"}}); got != "code, state" {
		t.Error(got)
	}
}

func TestBobIsSentBackToTheAppThatAsked(t *testing.T) {
	s := &flow{Environment: &devenv.Environment{PhotoPrintURL: "https://127.0.0.1:9443"}}
	back := &page{next: &url.URL{Scheme: "https", Host: "127.0.0.1:9443", Path: "/photobook/callback", RawQuery: "code=hush"}}
	if got, err := s.sentBack(devenv.PhotoBook, back); err != nil || got.Get("code") != "hush" {
		t.Errorf("%v, %v", got, err)
	}
	back.at = back.next
	if _, err := s.sentBack(devenv.CloudPrint, back); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("another app's callback: %v", err)
	}
}
