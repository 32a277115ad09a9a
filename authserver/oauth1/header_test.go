// SPDX-License-Identifier: Apache-2.0

package oauth1

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

func TestAHeaderIsRead(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		raw        bool
		realm      string
		want       []Param
	}{
		{
			"RFC 5849 §3.5.1", `OAuth realm="Example", oauth_token="ad180jjd733klru7",oauth_signature="wOJIO9A2W5mFwDgiDvZbTSMK%2FPY%3D"`, false,
			"Example",
			[]Param{{"oauth_token", "ad180jjd733klru7"}, {"oauth_signature", "wOJIO9A2W5mFwDgiDvZbTSMK/PY="}},
		},
		{"any case of the scheme", `oAUTH a="b"`, false, "", []Param{{"a", "b"}}},
		{"blanks and tabs around commas", "OAuth  \t a=\"b\" \t,\t  c=\"d\"  ", false, "", []Param{{"a", "b"}, {"c", "d"}}},
		{"an empty value", `OAuth a=""`, false, "", []Param{{"a", ""}}},
		{"encoded names, digits of either case", `OAuth a%2Db="%7e%7E%c3%A4"`, false, "", []Param{{"a-b", "~~ä"}}},
		{"a realm with quotes, commas and backslashes", `OAuth realm="a\"b\\, c=\"d", e="f"`, false, `a"b\, c="d`, []Param{{"e", "f"}}},
		{"only a realm", `OAuth realm="a"`, false, "a", nil},
		{
			"unescaped values of an old client", `OAuth oauth_callback="https://app.example/cb?a=b&c", oauth_signature="secret&+/=, x"`, true,
			"",
			[]Param{{"oauth_callback", "https://app.example/cb?a=b&c"}, {"oauth_signature", "secret&+/=, x"}},
		},
		{"escaped values of an old client", `OAuth oauth_signature="secret%26"`, true, "", []Param{{"oauth_signature", "secret&"}}},
		{"Basic", `Basic YTpi`, false, "", nil},
		{"Bearer", `Bearer oauth_token="x"`, false, "", nil},
		{"a longer scheme", `OAuth2 a="b"`, false, "", nil},
		{"none", ``, false, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, err := parseAuthorization(tc.text, tc.raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, h.params); diff != "" || h.realm != tc.realm {
				t.Errorf("realm %q\n%s", h.realm, diff)
			}
		})
	}
}

func TestN150TheHeaderIsAListOfHTTP(t *testing.T) {
	want := []Param{{"a", "b"}, {"c", "d%"}}
	for name, text := range map[string]string{
		"a comma after the scheme":        `OAuth, a="b", c="d%25"`,
		"a comma and no blank":            `OAuth,a="b",c="d%25"`,
		"a leading comma":                 `OAuth ,a="b",c="d%25"`,
		"a trailing comma":                `OAuth a="b",c="d%25",`,
		"a double comma":                  `OAuth a="b", , ,c="d%25"`,
		"blanks around equals signs":      "OAuth a = \"b\",\tc\t=\t\"d%25\"",
		"a tab after the scheme":          "OAuth\ta=\"b\",c=\"d%25\"",
		"blanks around all":               "  OAuth   a=\"b\" , c=\"d%25\" \t",
		"tokens":                          `OAuth a=b, c=d%25`,
		"a token and a quoted-string":     `OAuth a=b, c="d%25"`,
		"a quoted-pair (RFC 9110 §5.6.4)": `OAuth a="\b", c="d%2\5"`,
	} {
		for _, raw := range []bool{false, true} {
			h, err := parseAuthorization(text, raw)
			if diff := cmp.Diff(want, h.params); err != nil || diff != "" {
				t.Errorf("%s, raw values %v: %v\n%s", name, raw, err, diff)
			}
		}
	}
	for _, text := range []string{"OAuth", "OAuth ", "OAuth,", "oauth\t, ,"} {
		if h, err := parseAuthorization(text, false); err != nil || h.params != nil || h.otherScheme {
			t.Errorf("%q is read as %+v: %v", text, h, err)
		}
	}
	if h, err := parseAuthorization(`OAuth realm=Photos, a="b"`, false); err != nil || h.realm != "Photos" {
		t.Errorf("a realm without quotes is read as %+v: %v", h, err)
	}
}

func TestAHeaderIsBounded(t *testing.T) {
	for _, text := range []string{"OAuth " + strings.Repeat(`a="b",`, httpsyntax.MaxAuthParams+1), `OAuth a="` + strings.Repeat("b", httpsyntax.MaxCredentials) + `"`} {
		if h, err := parseAuthorization(text, false); !errors.Is(err, errHeader) {
			t.Errorf("%d bytes are read as %d parameters", len(text), len(h.params))
		}
	}
}

func TestAMalformedHeaderIsRefused(t *testing.T) {
	for _, text := range []string{
		`OAuth a`, `OAuth a="b`, `OAuth a="b" c="d"`, `OAuth a=b c=d`, `OAuth a=b"c"`, `OAuth , a`, `OAuth a=%zz`,
		`OAuth ="b"`, `OAuth a="b"; c="d"`, `OAuth a="%"`, `OAuth a="%4"`, `OAuth a="%zz"`, `OAuth a%="b"`, `OAuth a b="c"`,
		`OAuth a="b\"c"`, `OAuth a="b\\c"`, `OAuth realm="a", realm="b"`, `OAuth realm="a", Realm="b"`, `OAuth realm="a`, `OAuth realm="a\`, "OAuth realm=\"a\nb\"", "OAuth a=\"b\nc\"",
		`OAuth 'a'="b"`, "OAuth a=\"\x00\"", "OAuth a=\"\u00e4\"",
	} {
		for _, raw := range []bool{false, true} {
			if h, err := parseAuthorization(text, raw); !errors.Is(err, errHeader) {
				t.Errorf("%q is read as %+v", text, h)
			}
		}
	}
	for _, text := range []string{`OAuth a="b c"`, `OAuth a="b+c"`, `OAuth a="b/c"`, `OAuth a="b&c"`, `OAuth a="b!"`, `OAuth a=b+c`, `OAuth a=b=`} {
		if h, err := parseAuthorization(text, false); !errors.Is(err, errHeader) {
			t.Errorf("%q is read as %+v", text, h)
		}
	}
}

// FuzzAuthorization checks that what parses prints back the same, strictly or not.
func FuzzAuthorization(f *testing.F) {
	for _, text := range []string{
		`OAuth realm="Example", oauth_token="ad180jjd733klru7",oauth_signature="wOJIO9A2%2FPY%3D"`,
		`oauth a="b" , c="d"`, `OAuth, a = b,,c="\d",`, `OAuth realm="a\"b\\, c=\"d", e="f"`, `OAuth re%61lm="a"`, `OAuth a="b c,d=e&f%26"`, `OAuth a%22="%22"`, `Basic YTpi`,
	} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, raw bool) {
		h, err := parseAuthorization(text, raw)
		if err != nil || h.realm == "" && h.params == nil {
			return
		}
		printed := Authorization(h.realm, h.params)
		if len(printed) > httpsyntax.MaxCredentials { // percent-encoding makes it longer
			return
		}
		again, err := parseAuthorization(printed, false)
		if err != nil || again.realm != h.realm || !slices.Equal(again.params, h.params) {
			t.Fatalf("%q is read as %+v, printed as %q, and read again as %+v: %v", text, h, printed, again, err)
		}
		if !raw {
			loose, err := parseAuthorization(text, true)
			if err != nil || loose.realm != h.realm || !slices.Equal(loose.params, h.params) {
				t.Fatalf("%q is read as %+v, and loosely as %+v: %v", text, h, loose, err)
			}
		}
	})
}

// FuzzParams checks that any list of parameters is read back from the header and from the
// form that we write.
func FuzzParams(f *testing.F) {
	f.Add("realm", "a", "b", "c", "d")
	f.Add("", "a,\"b\"", "=&", "\x00+%", "\xff")
	f.Fuzz(func(t *testing.T, realm, name, value, name2, value2 string) {
		params := []Param{{name, value}, {name2, value2}}
		got, ok := decodeForm(encodeForm(params))
		if !ok || !slices.Equal(got, params) {
			t.Fatalf("%q is read from its form as %q", params, got)
		}
		h, err := parseAuthorization(Authorization(realm, params), false)
		if err == nil && (h.realm != realm || !slices.Equal(h.params, params)) {
			t.Fatalf("%q %q is read from its header as %+v", realm, params, h)
		}
	})
}
