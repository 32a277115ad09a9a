// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"slices"
	"strings"
	"testing"
)

func TestTheClaimsParameterAsksForScopes(t *testing.T) {
	for text, want := range map[string][]string{
		``:   nil,
		`{}`: nil,
		`{"userinfo":{"name":{"essential":true},"email":null}}`:               {"profile", "email"},
		`{"id_token":{"groups":{"values":["a","b"]},"auth_time":null}}`:       {"groups"},
		`{"id_token":{"nickname":null,"acr":null},"x":1,"userinfo":null}`:     nil,
		`{"id_token":{"email_verified":null},"userinfo":{"email":{"x":"y"}}}`: {"email"},
	} {
		got, problem := parseClaims(text)
		slices.Sort(got.Scopes)
		slices.Sort(want)
		if problem != nil || !slices.Equal(slices.Compact(got.Scopes), want) || got.Subject != "" {
			t.Errorf("%s: got %+v, %v; want %q", text, got, problem, want)
		}
	}
	for _, place := range []string{"id_token", "userinfo"} {
		got, problem := parseClaims(`{"` + place + `":{"sub":{"value":"abc"}}}`)
		if problem != nil || got.Subject != "abc" {
			t.Errorf("sub in %s: %+v, %v", place, got, problem)
		}
	}
}

// N298: what a claims parameter says must be one thing, and bounded.
func TestN298AClaimsParameterThatSaysNothingClearIsRefused(t *testing.T) {
	for _, text := range []string{
		`x`, `[]`, `"openid"`, `{"userinfo":["name"]}`, `{"userinfo":{"name":true}}`, `{"userinfo":{}} {}`,
		`{"userinfo":{"email":null},"userinfo":{}}`, `{"userinfo":{"email":null,"email":null}}`,
		`{"id_token":{"sub":{"value":1}}}`, `{"id_token":{"sub":{"value":""}}}`,
		`{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`,
		`{"x":"` + strings.Repeat("y", maxClaimsRequest) + `"}`, strings.Repeat(`{"a":`, 800) + "1" + strings.Repeat("}", 800),
	} {
		if got, problem := parseClaims(text); problem == nil {
			t.Errorf("%.60s: taken as %+v", text, got)
		}
	}
}
