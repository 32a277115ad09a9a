// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// requestOf is what a base string stands for: read back by another way than it was made.
type requestOf struct {
	method, uri string
	params      []oauth1.Param
}

func (r requestOf) equal(o requestOf) bool {
	return r.method == o.method && r.uri == o.uri && slices.Equal(r.params, o.params)
}

// readBack is the inverse of a base string. That there is one means that two requests
// with one base string are the same in all that is signed.
func readBack(t *testing.T, base string) requestOf {
	t.Helper()
	parts := strings.Split(base, "&")
	if len(parts) != 3 {
		t.Fatalf("%q has not three parts", base)
	}
	r := requestOf{method: unescape(t, parts[0]), uri: unescape(t, parts[1])}
	if text := unescape(t, parts[2]); text != "" {
		for pair := range strings.SplitSeq(text, "&") {
			name, value, found := strings.Cut(pair, "=")
			if !found {
				t.Fatalf("%q holds a name without a value", base)
			}
			r.params = append(r.params, oauth1.Param{Name: unescape(t, name), Value: unescape(t, value)})
		}
	}
	sortParams(r.params)
	return r
}

func unescape(t *testing.T, text string) string {
	t.Helper()
	out, err := url.PathUnescape(text)
	if err != nil || strings.ContainsAny(text, "+&= ") {
		t.Fatalf("%q is not encoded: %v", text, err)
	}
	return out
}

func sortParams(params []oauth1.Param) {
	slices.SortFunc(params, func(a, b oauth1.Param) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
}

// FuzzBaseString checks that a base string says exactly what was signed, and so that two
// requests that differ in a signed part never have one base string.
func FuzzBaseString(f *testing.F) {
	f.Add("POST", "/a", "b=c", "d", "e", "POST", "/a", "b=c&d=e", "", "")
	f.Add("POST", "/a&b", "c%3Dd", "", "&", "POST&", "/a", "c=d", "=", "%26")
	f.Add("get", "/%2F", "a=1&a=2", "a", "3", "GET", "//", "a=2&a=1", "a", "3")
	f.Add("GET", "/", "a1=&a=1", "a", "\xff", "GET", "/?", "+=%20", " ", " ")
	f.Fuzz(func(t *testing.T, method, path, query, name, value, method2, path2, query2, name2, value2 string) {
		base, first, ok := try(t, method, path, query, oauth1.Param{Name: name, Value: value})
		base2, second, ok2 := try(t, method2, path2, query2, oauth1.Param{Name: name2, Value: value2})
		if ok && ok2 && (base == base2) != first.equal(second) {
			t.Fatalf("%+v and %+v have the base strings\n%s\n%s", first, second, base, base2)
		}
	})
}

// try builds a base string, reads it back and compares with what went in.
func try(t *testing.T, method, path, query string, p oauth1.Param) (string, requestOf, bool) {
	t.Helper()
	if strings.ContainsAny(path, "?") {
		return "", requestOf{}, false
	}
	base, err := oauth1.BaseString(method, "https://auth.example/"+path+"?"+query, []oauth1.Param{p})
	if err != nil {
		return "", requestOf{}, false
	}
	want := requestOf{method: strings.ToUpper(method), uri: "https://auth.example/" + path}
	all := []oauth1.Param{p}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(strings.ReplaceAll(pair, "+", " "), "=")
		name, err := url.PathUnescape(name)
		if err != nil {
			t.Fatalf("%q is accepted", query)
		}
		if value, err = url.PathUnescape(value); err != nil {
			t.Fatalf("%q is accepted", query)
		}
		if pair != "" {
			all = append(all, oauth1.Param{Name: name, Value: value})
		}
	}
	for _, p := range all {
		if p.Name != "oauth_signature" {
			want.params = append(want.params, p)
		}
	}
	sortParams(want.params)
	if got := readBack(t, base); !got.equal(want) {
		t.Fatalf("signed is %+v, the base string says %+v", want, got)
	}
	return base, want, true
}
