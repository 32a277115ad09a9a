// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
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

// OpenID Connect Core §5.5.1.1: a level that is essential is demanded.
func TestTheClaimsParameterAsksForALevel(t *testing.T) {
	for text, want := range map[string]authserver.LevelRequest{
		`{"essential":true,"values":["urn:gatehouse:acr:2fa"]}`:                         {TwoFactors: true, Prefer: true},
		`{"essential":true,"value":"urn:gatehouse:acr:2fa"}`:                            {TwoFactors: true, Prefer: true},
		`{"essential":true,"values":["urn:gatehouse:acr:2fa","urn:gatehouse:acr:1fa"]}`: {Prefer: true},
		`{"values":["urn:gatehouse:acr:2fa"]}`:                                          {Prefer: true},
		`{"essential":true}`:                                                            {},
		`{"values":["urn:other"]}`:                                                      {},
		`null`:                                                                          {},
	} {
		if got, problem := parseClaims(`{"id_token":{"acr":` + text + `}}`); problem != nil || got.Level != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got.Level, problem, want)
		}
	}
	if _, problem := parseClaims(`{"id_token":{"acr":{"essential":true,"values":["urn:other"]}}}`); problem == nil || problem.Code() != authserver.UnmetAuthenticationRequirements {
		t.Errorf("a level that is not known and essential: %v", problem)
	}
	if _, problem := parseClaims(`{"id_token":{"acr":{"values":[2]}}}`); problem == nil {
		t.Error("a level that is a number is taken")
	}
}
