// SPDX-License-Identifier: Apache-2.0

package oauth2_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

const bearer = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"

func TestAnAssertionIsReadWithAndWithoutTheClientID(t *testing.T) {
	for body, want := range map[string]authserver.ClientSecret{
		"grant_type=x&client_assertion=a.b.c" + bearer:                             {Assertion: "a.b.c"},
		"grant_type=x&client_id=me&client_assertion=a.b.c" + bearer:                {ID: "me", Assertion: "a.b.c"},
		"grant_type=x&client_id=me&client_assertion=a.b.c&client_secret=" + bearer: {ID: "me", Assertion: "a.b.c"},
	} {
		got, _, err := oauth2.ParseToken(post(body, ""))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
	}
}

func TestN354ARequestAuthenticatesInOneWay(t *testing.T) {
	const sent = "token=x&grant_type=x&client_assertion=a.b.c" + bearer
	twice := post(sent, basic("a", "s"))
	twice.Header.Add("Authorization", "")
	for name, row := range map[string]struct {
		body, header string
		want         authserver.Code
	}{
		"a secret beside it":           {sent + "&client_id=a&client_secret=s", "", authserver.InvalidRequest},
		"a secret for another client":  {sent + "&client_id=b&client_secret=s", "", authserver.InvalidRequest},
		"Basic beside it":              {sent, basic("a", "s"), authserver.InvalidRequest},
		"Basic with an empty secret":   {sent, basic("a", ""), authserver.InvalidRequest},
		"a bearer token beside it":     {sent, "Bearer gha_x", authserver.InvalidRequest},
		"two assertions":               {sent + "&client_assertion=d.e.f", "", authserver.InvalidRequest},
		"the same one twice":           {sent + "&client_assertion=a.b.c", "", authserver.InvalidRequest},
		"two types":                    {sent + bearer, "", authserver.InvalidRequest},
		"no type":                      {"token=x&grant_type=x&client_id=a&client_assertion=a.b.c", "", authserver.InvalidRequest},
		"no assertion":                 {"token=x&grant_type=x&client_id=a" + bearer, "", authserver.InvalidRequest},
		"an empty assertion":           {"token=x&grant_type=x&client_id=a&client_assertion=" + bearer, "", authserver.InvalidRequest},
		"the type of SAML":             {"token=x&grant_type=x&client_assertion=a&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Asaml2-bearer", "", authserver.InvalidClient},
		"the type of grants":           {"token=x&grant_type=x&client_assertion=a&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer", "", authserver.InvalidClient},
		"the type in upper case":       {"token=x&grant_type=x&client_assertion=a&client_assertion_type=URN%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer", "", authserver.InvalidClient},
		"a type without its beginning": {"token=x&grant_type=x&client_assertion=a&client_assertion_type=jwt-bearer", "", authserver.InvalidClient},
	} {
		_, _, err := oauth2.ParseToken(post(row.body, row.header))
		if refusal, ok := errors.AsType[authserver.Refusal](err); !ok || refusal.Code() != row.want {
			t.Errorf("%s at the token endpoint: %v, want %s", name, err, row.want)
		}
		_, _, err = oauth2.ParseTokenParameter(post(row.body, row.header))
		if refusal, ok := errors.AsType[authserver.Refusal](err); !ok || refusal.Code() != row.want {
			t.Errorf("%s about a token: %v, want %s", name, err, row.want)
		}
	}
	for _, body := range []string{sent, "token=x&grant_type=x&client_id=a&client_secret=s"} {
		inURL := func() *http.Request {
			r := post(body, "")
			r.URL.RawQuery = "client_assertion=a.b.c" + bearer
			return r
		}
		if _, _, err := oauth2.ParseToken(inURL()); !errors.Is(err, authserver.ParameterMisplaced) {
			t.Errorf("in the URL, beside %s: %v", body, err)
		}
		if _, _, err := oauth2.ParseTokenParameter(inURL()); !errors.Is(err, authserver.ParameterMisplaced) {
			t.Errorf("in the URL about a token, beside %s: %v", body, err)
		}
	}
}
