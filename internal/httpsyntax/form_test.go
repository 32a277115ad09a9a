// SPDX-License-Identifier: Apache-2.0

package httpsyntax_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

func TestIsForm(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/x-www-form-urlencoded":                      true,
		"Application/X-WWW-Form-Urlencoded":                      true,
		"application/x-www-form-urlencoded;":                     true,
		"application/x-www-form-urlencoded; charset=UTF-8":       true,
		"application/x-www-form-urlencoded ; charset=\"utf-8\"":  true,
		"application/x-www-form-urlencoded; charset":             true,
		"application/x-www-form-urlencoded; charset=a;charset=b": false,
		"application/x-www-form-urlencodedx":                     false,
		"application/json":                                       false,
		"multipart/form-data; boundary=x":                        false,
		"":                                                       false,
	} {
		if got := httpsyntax.IsForm(contentType); got != want {
			t.Errorf("%q: %v", contentType, got)
		}
	}
}

func TestParseForm(t *testing.T) {
	known := func(name string) bool { return slices.Contains([]string{"a", "b", "c d"}, name) }
	for _, tc := range []struct {
		name, text string
		want       url.Values
		malformed  []string
	}{
		{"values", "a=1&b=2", url.Values{"a": {"1"}, "b": {"2"}}, nil},
		{"a plus sign and percent-encoding", "c+d=x+y%2B%ff&%61=%C3%A4", url.Values{"c d": {"x y+\xff"}, "a": {"ä"}}, nil},
		{"repeated", "a=1&a=2&a=", url.Values{"a": {"1", "2", ""}}, nil},
		{"without a value", "a=&b", url.Values{"a": {""}, "b": {""}}, nil},
		{"empty pairs", "&&a=1&", url.Values{"a": {"1"}}, nil},
		{"equals signs in a value", "a=1=2==", url.Values{"a": {"1=2=="}}, nil},
		{"a semicolon separates nothing", "a=1;b=2", url.Values{"a": {"1;b=2"}}, nil},
		{"unknown, repeated, malformed", "x=1&x=%zz&%zz=1&a=1&y", url.Values{"a": {"1"}}, nil},
		{"malformed", "a=%zz&b=1&b=%", url.Values{"b": {"1"}}, []string{"a", "b"}},
		{"nothing", "", url.Values{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := httpsyntax.ParseForm(tc.text, known)
			if diff := cmp.Diff(httpsyntax.Form{Values: tc.want, Malformed: tc.malformed}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddQuery(t *testing.T) {
	for address, want := range map[string]string{
		"https://app.example/cb":        "https://app.example/cb?code=1",
		"https://app.example/cb?":       "https://app.example/cb?code=1",
		"https://app.example/cb?x=%2F":  "https://app.example/cb?x=%2F&code=1",
		"https://app.example/cb?x=1&":   "https://app.example/cb?x=1&code=1",
		"com.example.app:/cb":           "com.example.app:/cb?code=1",
		"https://app.example/cb?x=?y":   "https://app.example/cb?x=?y&code=1",
		"http://127.0.0.1:8080":         "http://127.0.0.1:8080?code=1",
		"https://app.example/a+b?c+d=e": "https://app.example/a+b?c+d=e&code=1",
	} {
		if got := httpsyntax.AddQuery(address, "code=1"); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestRetryAfterIsRoundedUp(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0", time.Second: "1", 1500 * time.Millisecond: "2", time.Millisecond: "1", time.Minute: "60"} {
		if got := httpsyntax.RetryAfter(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// FuzzForm checks that what is read of a form is what net/url reads of it, and that unknown
// parameters change nothing.
func FuzzForm(f *testing.F) {
	for _, text := range []string{"a=1&b=2", "a=%zz&a=1", "&&=&a", "a=1;b=2", "%61=+%2B", "a=\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all := httpsyntax.ParseForm(text, func(string) bool { return true })
		if want, err := url.ParseQuery(text); err == nil {
			if diff := cmp.Diff(want, all.Values); diff != "" || all.Malformed != nil {
				t.Fatalf("%q: %s", text, diff)
			}
		}
		onlyA := httpsyntax.ParseForm(text, func(name string) bool { return name == "a" })
		if !slices.Equal(onlyA.Values["a"], all.Values["a"]) || len(onlyA.Values) > 1 {
			t.Fatalf("%q: %v, of %v", text, onlyA.Values, all.Values)
		}
	})
}
