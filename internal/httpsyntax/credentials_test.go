// SPDX-License-Identifier: Apache-2.0

package httpsyntax_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/internal/httpsyntax"
)

// N141: blanks after the scheme are no part of what follows.
func TestCutScheme(t *testing.T) {
	for _, tc := range []struct{ name, credentials, scheme, rest string }{
		{"one blank", "Basic YTpi", "Basic", "YTpi"},
		{"more than one blank (RFC 9110 §11.4)", "Basic   YTpi", "Basic", "YTpi"},
		{"a tab", "OAuth\ta=b", "OAuth", "a=b"},
		{"blanks around all of it", " \tBearer x \t", "Bearer", "x"},
		{"any case is kept", "bASIC YTpi", "bASIC", "YTpi"},
		{"a comma after the scheme", `OAuth, a="b"`, "OAuth", `, a="b"`},
		{"a comma and no blank", `OAuth,a="b"`, "OAuth", `,a="b"`},
		{"only a scheme", "OAuth", "OAuth", ""},
		{"only a scheme and blanks", "OAuth  ", "OAuth", ""},
		{"a longer scheme is another one", "OAuth2 x", "OAuth2", "x"},
		{"no scheme", `a="b"`, "", `a="b"`},
		{"a quote first", `"OAuth" a`, "", `"OAuth" a`},
		{"nothing", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			scheme, rest := httpsyntax.CutScheme(tc.credentials)
			if scheme != tc.scheme || rest != tc.rest {
				t.Errorf("%q, %q", scheme, rest)
			}
		})
	}
}

func TestParseAuthParams(t *testing.T) {
	ab := []httpsyntax.AuthParam{{Name: "a", Value: "b"}, {Name: "c", Value: "d"}}
	for _, tc := range []struct {
		name, list string
		want       []httpsyntax.AuthParam
	}{
		{"a list", `a="b", c="d"`, ab},
		{"no blank after the comma", `a="b",c="d"`, ab},
		{"blanks and tabs around the comma", "a=\"b\" \t,\t c=\"d\"  ", ab},
		{"blanks and tabs around the equals sign", "a =\t\"b\", c\t= \"d\"", ab},
		{"empty members: first, double, last (RFC 9110 §5.6.1.2)", `, ,a="b",, ,c="d" , `, ab},
		{"a token instead of a quoted-string", "a=b, c=d", ab},
		{"a token that a strict client would have quoted", `a=x/y==&+,c="d"`, []httpsyntax.AuthParam{{Name: "a", Value: "x/y==&+"}, {Name: "c", Value: "d"}}},
		{"an empty token", `a=,b=`, []httpsyntax.AuthParam{{Name: "a"}, {Name: "b"}}},
		{"an empty quoted-string", `a=""`, []httpsyntax.AuthParam{{Name: "a"}}},
		{"quotes, commas, equals signs and backslashes in a quoted-string", `realm="a\"b\\, c=\"d", e="f"`, []httpsyntax.AuthParam{{Name: "realm", Value: `a"b\, c="d`}, {Name: "e", Value: "f"}}},
		{"a quoted-pair of any character", `a="b\c"`, []httpsyntax.AuthParam{{Name: "a", Value: "bc"}}},
		{"percent-encoding stays", `a%2Db="%20"`, []httpsyntax.AuthParam{{Name: "a%2Db", Value: "%20"}}},
		{"bytes above ASCII in a quoted-string", "a=\"\xc3\xa4\"", []httpsyntax.AuthParam{{Name: "a", Value: "ä"}}},
		{"a name twice is the caller's matter", `a="b",a="b"`, []httpsyntax.AuthParam{{Name: "a", Value: "b"}, {Name: "a", Value: "b"}}},
		{"nothing", "", nil},
		{"only empty members", " , ,", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := httpsyntax.ParseAuthParams(tc.list)
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestMalformedAuthParamsAreRefused(t *testing.T) {
	for _, list := range []string{
		`a`, `="b"`, `a="b`, `a="b\`, `a="b" c="d"`, `a="b"c`, `a=b c`, `a="b"; c="d"`, `a b="c"`, `"a"="b"`, `a=b"c`, `a=b\c`,
		"a=\"b\nc\"", "a=\"\x00\"", "a=\"\x7f\"", "a=\xc3\xa4", "\xc3\xa4=a", "a\n=b", `a,b="c"`,
		strings.Repeat("a=b,", httpsyntax.MaxAuthParams+1), `a="` + strings.Repeat("b", httpsyntax.MaxCredentials) + `"`, strings.Repeat(",", httpsyntax.MaxCredentials+1),
	} {
		if got, err := httpsyntax.ParseAuthParams(list); !errors.Is(err, httpsyntax.ErrCredentials) {
			t.Errorf("%.40q is read as %.40q", list, got)
		}
	}
}

func TestTheLargestAuthParamsAreRead(t *testing.T) {
	got, err := httpsyntax.ParseAuthParams(strings.Repeat("a=b,", httpsyntax.MaxAuthParams))
	if err != nil || len(got) != httpsyntax.MaxAuthParams {
		t.Errorf("%d members: %v", len(got), err)
	}
	value := strings.Repeat("b", httpsyntax.MaxCredentials-len(`a=""`))
	got, err = httpsyntax.ParseAuthParams(`a="` + value + `"`)
	if err != nil || len(got) != 1 || got[0].Value != value {
		t.Errorf("%d members: %v", len(got), err)
	}
}

func TestParseBasic(t *testing.T) {
	for _, tc := range []struct {
		credentials, user, password string
		ok                          bool
	}{
		{"Basic YTpi", "a", "b", true},
		{"bAsIc YTpi", "a", "b", true},
		{"Basic   YTpi", "a", "b", true},
		{"Basic\tYTpi", "a", "b", true},
		{" Basic YTpi ", "a", "b", true},
		{"Basic YTpiOmM=", "a", "b:c", true},
		{"Basic YTo=", "a", "", true},
		{"Basic OmI=", "", "b", true},
		{"Basic YQ==", "a", "", false}, // no colon
		{"Basic", "", "", false},
		{"BasicYTpi", "", "", false},
		{"Basic YTp i", "", "", false},
		{"Basic YTo", "", "", false}, // RFC 4648 §3.2: padding is required
		{"Basic YTp=", "", "", false},
		{"Basic YT\npi", "", "", false},
		{"Bearer YTpi", "", "", false},
		{"Basic " + strings.Repeat("YTpi", httpsyntax.MaxCredentials/4), "", "", false},
	} {
		user, password, ok := httpsyntax.ParseBasic(tc.credentials)
		if ok != tc.ok || ok && (user != tc.user || password != tc.password) {
			t.Errorf("%.40q is read as %q, %q, %v", tc.credentials, user, password, ok)
		}
	}
}

// FuzzAuthParams checks that what parses prints back the same, and stays within its bounds.
func FuzzAuthParams(f *testing.F) {
	for _, list := range []string{
		`realm="Example", oauth_token="ad180jjd733klru7",oauth_signature="wOJIO9A2%2FPY%3D"`, `, ,a = b ,,c="d\"e" ,`, "a\t=\t\"b\\\\\"", `a=`, `a="`, `a="b"c`,
	} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		params, err := httpsyntax.ParseAuthParams(list)
		if err != nil {
			return
		}
		if len(params) > httpsyntax.MaxAuthParams || len(list) > httpsyntax.MaxCredentials {
			t.Fatalf("%d parameters in %d bytes are read", len(params), len(list))
		}
		printed := make([]string, len(params))
		for n, p := range params {
			printed[n] = p.Name + "=" + httpsyntax.Quote(p.Value)
		}
		again, err := httpsyntax.ParseAuthParams(strings.Join(printed, ", "))
		if len(strings.Join(printed, ", ")) <= httpsyntax.MaxCredentials && (err != nil || !slices.Equal(params, again)) {
			t.Fatalf("%q is read as %q, and read again as %q: %v", list, params, again, err)
		}
		scheme, rest := httpsyntax.CutScheme("OAuth " + list)
		if scheme != "OAuth" || rest != strings.Trim(list, " \t") {
			t.Fatalf("%q after a scheme is cut to %q, %q", list, scheme, rest)
		}
	})
}
