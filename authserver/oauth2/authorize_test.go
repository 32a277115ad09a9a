// SPDX-License-Identifier: Apache-2.0

package oauth2_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// challenge is the example of RFC 7636 appendix B.
const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

func validQuery() url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"photos.photoprint"}, "redirect_uri": {"https://app.example/cb"},
		"state": {"xyz"}, "scope": {"photos.read photos.write"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
}

func get(query string) *http.Request {
	return httptest.NewRequest(http.MethodGet, oauth2.PathAuthorize+"?"+query, nil)
}

func TestAnAuthorizationRequestIsReadFromQueryAndForm(t *testing.T) {
	v := validQuery()
	v.Set("prompt", "login consent")
	want := authserver.AuthorizeRequest{
		Profile: authserver.ProfileOAuth2, ClientID: "photos.photoprint", Callback: "https://app.example/cb", State: "xyz",
		Scopes: []string{"photos.read", "photos.write"}, CodeChallenge: challenge,
		Prompt: authserver.Prompt{Login: true, Consent: true},
	}
	post := httptest.NewRequest(http.MethodPost, oauth2.PathAuthorize, strings.NewReader(v.Encode()))
	post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, r := range map[string]*http.Request{"GET": get(v.Encode()), "POST": post} {
		t.Run(name, func(t *testing.T) {
			got, err := oauth2.ParseAuthorize(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsWrongWithAnAuthorizationRequestIsItsProblem(t *testing.T) {
	for _, tc := range []struct {
		name, key string
		values    []string
		want      authserver.Code
	}{
		{"N05 state twice", "state", []string{"a", "b"}, authserver.InvalidRequest},
		{"N06 a method without a challenge", "code_challenge", nil, authserver.InvalidRequest},
		{"N06 a method with an empty challenge", "code_challenge", []string{""}, authserver.InvalidRequest},
		{"N06 method plain", "code_challenge_method", []string{"plain"}, authserver.InvalidRequest},
		{"N06 no method", "code_challenge_method", nil, authserver.InvalidRequest},
		{"N06 method in lower case", "code_challenge_method", []string{"s256"}, authserver.InvalidRequest},
		{"N06 challenge of 42 characters", "code_challenge", []string{challenge[1:]}, authserver.InvalidRequest},
		{"N06 challenge of 44 characters", "code_challenge", []string{challenge + "A"}, authserver.InvalidRequest},
		{"N06 padded challenge", "code_challenge", []string{challenge + "="}, authserver.InvalidRequest},
		{"N06 challenge with a foreign character", "code_challenge", []string{"+" + challenge[1:]}, authserver.InvalidRequest},
		{"N06 challenge with bits left over", "code_challenge", []string{challenge[:42] + "N"}, authserver.InvalidRequest},
		{"N07 no response_type", "response_type", nil, authserver.InvalidRequest},
		{"N07 empty response_type", "response_type", []string{""}, authserver.InvalidRequest},
		{"N07 response_type token", "response_type", []string{"token"}, authserver.UnsupportedResponseType},
		{"N07 response_type code token", "response_type", []string{"code token"}, authserver.UnsupportedResponseType},
		{"N07 response_type unknown", "response_type", []string{"CODE"}, authserver.UnsupportedResponseType},
		{"response_mode fragment", "response_mode", []string{"fragment"}, authserver.InvalidRequest},
		{"N05 response_mode twice", "response_mode", []string{"query", "query"}, authserver.InvalidRequest},
		{"N05 scope twice", "scope", []string{"a", "b"}, authserver.InvalidRequest},
		{"scope with a quote", "scope", []string{`a"b`}, authserver.InvalidScope},
		{"scope with a line break", "scope", []string{"a\nb"}, authserver.InvalidScope},
		{"too many scopes", "scope", []string{strings.Repeat("a ", 70) + "a"}, authserver.InvalidScope},
		{"prompt unknown", "prompt", []string{"create"}, authserver.InvalidRequest},
		{"prompt none with login", "prompt", []string{"none login"}, authserver.InvalidRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := validQuery()
			v[tc.key] = tc.values
			req, err := oauth2.ParseAuthorize(get(v.Encode()))
			if err != nil {
				t.Fatalf("not even client and callback were read: %v", err)
			}
			if req.Problem == nil || req.Problem.Code() != tc.want {
				t.Errorf("the problem is %v, want %s", req.Problem, tc.want)
			}
		})
	}
}

func TestN05AClientOrCallbackGivenTwiceGoesNowhere(t *testing.T) {
	for _, key := range []string{"client_id", "redirect_uri"} {
		v := validQuery()
		v.Add(key, v.Get(key))
		if _, err := oauth2.ParseAuthorize(get(v.Encode())); err == nil {
			t.Errorf("%s given twice is accepted", key)
		}
	}
	r := httptest.NewRequest(http.MethodPost, oauth2.PathAuthorize+"?client_id=a", strings.NewReader("client_id=b"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := oauth2.ParseAuthorize(r); err == nil {
		t.Error("client_id in both query and form is accepted")
	}
}

// FuzzAuthorize checks that a request without a problem says the same when it is written
// out again, and that what counts is there.
func FuzzAuthorize(f *testing.F) {
	f.Add(validQuery().Encode())
	f.Add("client_id=a&client_id=b")
	f.Add("response_type=code&code_challenge_method=S256&code_challenge=%00")
	f.Add("scope=+&prompt=none;x=%zz")
	f.Fuzz(func(t *testing.T, query string) {
		r := get("")
		r.URL.RawQuery = query
		req, err := oauth2.ParseAuthorize(r)
		if err != nil || req.Problem != nil {
			return
		}
		if n := len(req.CodeChallenge); n != 43 && n != 0 {
			t.Fatalf("%q has no problem with half a code_challenge", query)
		}
		v := url.Values{
			"response_type": {"code"}, "client_id": {req.ClientID}, "redirect_uri": {req.Callback}, "state": {req.State},
			"scope": {strings.Join(req.Scopes, " ")}, "prompt": {promptText(req.Prompt)},
		}
		if req.CodeChallenge != "" {
			v.Set("code_challenge", req.CodeChallenge)
			v.Set("code_challenge_method", "S256")
		}
		again, err := oauth2.ParseAuthorize(get(v.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(req, again); diff != "" {
			t.Fatalf("%q changes when written out again: %s", query, diff)
		}
	})
}

func promptText(p authserver.Prompt) string {
	var words []string
	if p.None {
		words = append(words, "none")
	}
	if p.Login {
		words = append(words, "login")
	}
	if p.Consent {
		words = append(words, "consent")
	}
	return strings.Join(words, " ")
}
