// SPDX-License-Identifier: Apache-2.0

package callback_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

var kinds = map[string]callback.Kind{
	"Invalid": callback.Invalid, "HTTPS": callback.HTTPS, "Loopback": callback.Loopback, "PrivateUse": callback.PrivateUse,
}

// forms are the URLs of testdata/forms.txt with their forms.
func forms(tb testing.TB) map[string]callback.Kind {
	tb.Helper()
	text, err := os.ReadFile("testdata/forms.txt")
	if err != nil {
		tb.Fatal(err)
	}
	found := map[string]callback.Kind{}
	for line := range strings.Lines(string(text)) {
		name, url, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if kind, ok := kinds[name]; ok {
			found[url] = kind
		} else if name != "#" {
			tb.Fatalf("what is %q?", line)
		}
	}
	return found
}

func TestClassify(t *testing.T) {
	for url, want := range forms(t) {
		if got := callback.Classify(url); got != want {
			t.Errorf("%q is of kind %d, want %d", url, got, want)
		}
	}
	longest := "https://h.example/" + strings.Repeat("a", 512-len("https://h.example/"))
	if callback.Classify(longest) != callback.HTTPS || callback.Classify(longest+"a") != callback.Invalid {
		t.Error("512 characters are the bound")
	}
}

// Two spellings of one address are one claim, so that nobody gets at another's callback by another spelling.
func TestOneAddressIsOneClaim(t *testing.T) {
	for _, same := range [][]string{
		{"https://h.example", "https://h.example/", "https://h.example//", "https://h.example?x=1", "https://h.example/?x=1", "https://h.example/;a"},
		{
			"https://h.example/cb", "https://h.example/cb/", "https://h.example//cb", "https://h.example/cb//", "https://h.example/cb?x=1", "https://h.example/cb/?x=1",
			"https://h.example/cb;a", "https://h.example/cb;a=b/", "https://h.example/cb?", "https://h.example/%2Fcb", "https://h.example/cb%2F", "https://h.example/cb%3Ba", "https://h.example/cb%5C",
		},
		{"https://h.example/a/b", "https://h.example/a//b/", "https://h.example/a;x/b;y?z", "https://h.example/a%2Fb"},
		{"https://10.0.0.5:8443/cb", "https://10.0.0.5:8443/cb/"},
		{"https://[2001:db8::1]/cb", "https://[2001:db8::1]/cb?x"},
	} {
		want, ok := callback.Address(same[0])
		if !ok {
			t.Fatalf("%s is no claim", same[0])
		}
		for _, url := range same[1:] {
			if got, ok := callback.Address(url); !ok || got != want {
				t.Errorf("%s claims %q (%t), %s claims %q", url, got, ok, same[0], want)
			}
		}
	}
	different := []string{
		"https://h.example/cb", "https://h.example:8443/cb", "https://g.example/cb", "https://h.example/CB", "https://h.example/cb/x", "https://h.example/c", "https://h.example/",
		"https://h.example/%3Fcb", "https://h.example/cb%26",
	}
	seen := map[string]string{}
	for _, url := range different {
		got, ok := callback.Address(url)
		if other := seen[got]; !ok || other != "" {
			t.Errorf("%s claims %q (%t), as %s does", url, got, ok, other)
		}
		seen[got] = url
	}
	for _, url := range []string{"http://127.0.0.1/cb", "http://localhost:3000/cb", "com.example.app:/cb", "https://H.example/cb", ""} {
		if got, ok := callback.Address(url); ok {
			t.Errorf("%q claims %q, want no claim", url, got)
		}
	}
}

// What is claimed must not depend on how often it is normalised, and every claim is itself a callback URL.
func FuzzAddress(f *testing.F) {
	for url := range forms(f) {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		kind := callback.Classify(url)
		address, ok := callback.Address(url)
		if ok != (kind == callback.HTTPS) {
			t.Fatalf("%q is of kind %d, is a claim: %t", url, kind, ok)
		}
		if kind != callback.Invalid && !callback.Matches(url, url) {
			t.Errorf("%q does not match itself", url)
		}
		if !ok {
			return
		}
		if again, ok := callback.Address(address); !ok || again != address {
			t.Errorf("%q claims %q, which claims %q (%t)", url, address, again, ok)
		}
		if callback.Host(url) != callback.Host(address) || callback.Host(url) == "" {
			t.Errorf("%q is on %q, its claim on %q", url, callback.Host(url), callback.Host(address))
		}
		base, _, _ := strings.Cut(url, "?")
		for _, spelling := range []string{base + "/", base + "?x=1", base + ";a", base + "//"} {
			other, ok := callback.Address(spelling)
			if len(spelling) <= 512 && strings.Count(base, "/") > 2 && (!ok || other != address) {
				t.Errorf("%q claims %q, %q claims %q (%t)", url, address, spelling, other, ok)
			}
		}
	})
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		registered, uri string
		want            bool
	}{
		{"https://h.example/cb", "https://h.example/cb", true},
		{"https://h.example/cb", "https://h.example/cb/", false},
		{"https://h.example/cb", "https://h.example/cb?x=1", false},
		{"https://h.example/cb", "https://h.example:8443/cb", false},
		{"https://127.0.0.1/cb", "https://127.0.0.1:8443/cb", false}, // only http has a free port
		{"http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true},
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1/cb", true},
		{"http://127.0.0.1:3000/cb?x=1", "http://127.0.0.1:4000/cb?x=1", true},
		{"http://[::1]/cb", "http://[::1]:49152/cb", true},
		{"http://localhost:3000", "http://localhost:4000", true},
		{"http://localhost/cb", "http://127.0.0.1/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:49152/", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:49152/cb/", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:080/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://user@127.0.0.1/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80#@evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80\\@evil.example/cb", false},
		{"http://127.0.0.1/cb", "https://127.0.0.1/cb", false},
		{"http://127.0.0.1/cb", "HTTP://127.0.0.1/cb", false},
		{"com.example.app:/cb", "com.example.app:/cb", true},
		{"com.example.app:/cb", "com.example.app:/cb/", false},
	} {
		if got := callback.Matches(test.registered, test.uri); got != test.want {
			t.Errorf("Matches(%q, %q) = %t", test.registered, test.uri, got)
		}
	}
}

func TestHostAndScheme(t *testing.T) {
	for url, want := range map[string]string{
		"https://h.example/cb": "h.example h.example https", "https://h.example:8443?x": "h.example:8443 h.example https",
		"https://[2001:db8::1]:8443/": "[2001:db8::1]:8443 [2001:db8::1] https", "https://[2001:db8::1]": "[2001:db8::1] [2001:db8::1] https",
		"http://localhost:3000/cb": "  http", "com.example.app:/cb": "  com.example.app",
	} {
		if got := fmt.Sprintf("%s %s %s", callback.Host(url), callback.HostWithoutPort(url), callback.Scheme(url)); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}
