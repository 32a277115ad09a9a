// SPDX-License-Identifier: Apache-2.0

package oauth2_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// refusalOf returns code and description of a refusal.
func refusalOf(err error) (authserver.Code, string) {
	if e, ok := errors.AsType[authserver.Refusal](err); ok {
		return e.Code(), e.Description()
	}
	return "", ""
}

// authorizers are the authorization endpoints that follow RFC 6749.
var authorizers = map[string]func(*http.Request) (authserver.AuthorizeRequest, error){
	"OAuth2": oauth2.ParseAuthorize, "IntegrationCloud": oauth2.ParseIntegrationCloudAuthorize,
}

// tokenEndpoints are the token endpoints that follow RFC 6749.
var tokenEndpoints = map[string]func(*http.Request) (authserver.ClientSecret, authserver.TokenRequest, error){
	"OAuth2": oauth2.ParseToken, "IntegrationCloud": oauth2.ParseIntegrationCloudToken,
}

func TestN140AuthorizeTakesAParameterWithoutAValueAsOmitted(t *testing.T) {
	plain := "response_type=code&client_id=a"
	for endpoint, parse := range authorizers {
		want, err := parse(get(plain))
		if err != nil || want.Problem != nil {
			t.Fatalf("%s: %v, %v", endpoint, err, want.Problem)
		}
		for _, extra := range []string{
			"redirect_uri=&scope=&state=&code_challenge=&code_challenge_method=&prompt=&response_mode=&resource=&nonce=",
			"redirect_uri&scope&state&code_challenge&code_challenge_method&prompt&response_mode",
			"state=&state=&scope=&scope=&redirect_uri=&redirect_uri=", "client_id=&response_type=", "&&",
		} {
			got, err := parse(get(plain + "&" + extra))
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, %s: %v %s", endpoint, extra, err, diff)
			}
		}
		with, err := parse(get(plain + "&state=&state=s&scope=a&scope="))
		if err != nil || with.Problem != nil || with.State != "s" || !slices.Equal(with.Scopes, []string{"a"}) {
			t.Errorf("%s: an empty value beside another: %+v, %v", endpoint, with, err)
		}
	}
}

func TestN140AnUnknownParameterIsIgnoredWhateverItIs(t *testing.T) {
	for _, unknown := range []string{"resources=a&resources=b", "audience=a&audience=b", "utm=100%&utm=%zz&%zz=1", "x=a;b;c&;=&=", "RESPONSE_TYPE=token&Scope=x"} {
		for endpoint, parse := range authorizers {
			req, err := parse(get("response_type=code&client_id=a&state=s&" + unknown))
			if err != nil || req.Problem != nil || req.State != "s" {
				t.Errorf("%s, %s: %+v, %v", endpoint, unknown, req, err)
			}
			r := post("response_type=code&client_id=a&state=s&"+unknown, "")
			if req, err = parse(r); err != nil || req.Problem != nil || req.State != "s" {
				t.Errorf("%s, %s by POST: %+v, %v", endpoint, unknown, req, err)
			}
		}
		for endpoint, parse := range tokenEndpoints {
			secret, req, err := parse(post("grant_type=refresh_token&refresh_token=r&"+unknown, basic("a", "s")))
			if err != nil || secret.ID != "a" || req.RefreshToken != "r" {
				t.Errorf("%s, %s: %+v, %v", endpoint, unknown, req, err)
			}
			r := post("grant_type=refresh_token&refresh_token=r", basic("a", "s"))
			r.URL.RawQuery = unknown
			if _, req, err = parse(r); err != nil || req.RefreshToken != "r" {
				t.Errorf("%s, %s in the URL: %+v, %v", endpoint, unknown, req, err)
			}
		}
		_, token, err := oauth2.ParseTokenParameter(post("token=t&token_type_hint=a&token_type_hint=b&grant_type=x&grant_type=y&"+unknown, basic("a", "s")))
		if err != nil || token != "t" {
			t.Errorf("%s, at introspection and revocation: %q, %v", unknown, token, err)
		}
	}
}

func TestN140AParameterGivenTwiceIsRefusedByItsName(t *testing.T) {
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method"} {
		for endpoint, parse := range authorizers {
			v := validQuery()
			v[name] = []string{"a", "b"}
			req, err := parse(get(v.Encode()))
			if err == nil && req.Problem != nil {
				err = req.Problem
			}
			if code, text := refusalOf(err); code != authserver.InvalidRequest || text != "the parameter "+name+" is given more than once" {
				t.Errorf("%s, %s: %s %s", endpoint, name, code, text)
			}
		}
	}
	for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_id", "client_secret"} {
		_, _, err := oauth2.ParseToken(post(name+"=a&"+name+"=a&"+name+"=", ""))
		if code, text := refusalOf(err); code != authserver.InvalidRequest || text != "the parameter "+name+" is given more than once" {
			t.Errorf("OAuth2, %s: %s %s", name, code, text)
		}
		_, _, err = oauth2.ParseIntegrationCloudToken(post(name+"=a&"+name+"=a&"+name+"=", ""))
		if code, text := refusalOf(err); code != authserver.InvalidRequest || !strings.HasSuffix(text, ": "+name) {
			t.Errorf("IntegrationCloud, %s: %s %s", name, code, text)
		}
	}
	if _, _, err := oauth2.ParseTokenParameter(post("token=a&token=b", basic("a", "s"))); err == nil {
		t.Error("two tokens at introspection and revocation")
	}
}

func TestN140TheTokenEndpointTakesAParameterWithoutAValueAsOmitted(t *testing.T) {
	for endpoint, parse := range tokenEndpoints {
		for _, tc := range []struct {
			name, body, authorization string
			want                      authserver.ClientSecret
		}{
			{"beside Basic", "client_id=&client_secret=&scope=&redirect_uri=&code_verifier=&refresh_token=&resource=", basic("a", "s"), authserver.ClientSecret{ID: "a", Secret: "s"}},
			{"twice beside Basic", "client_id&client_secret=&client_secret=", basic("a", "s"), authserver.ClientSecret{ID: "a", Secret: "s"}},
			{"in the body", "client_id=a&client_secret=&client_secret=s&scope=", "", authserver.ClientSecret{ID: "a", Secret: "s"}},
			{"without a secret", "client_id=a&client_secret=", "", authserver.ClientSecret{ID: "a", None: true}},
			{"with an empty header", "client_id=a&client_secret=s", " ", authserver.ClientSecret{ID: "a", Secret: "s"}},
		} {
			secret, req, err := parse(post("grant_type=authorization_code&code=c&"+tc.body, tc.authorization))
			want := authserver.TokenRequest{GrantType: authserver.GrantAuthorizationCode, Proof: "c"}
			if diff := cmp.Diff(tc.want, secret) + cmp.Diff(want, req); err != nil || diff != "" {
				t.Errorf("%s, %s: %v %s", endpoint, tc.name, err, diff)
			}
		}
		for _, body := range []string{"grant_type=", "grant_type=authorization_code&code=", "grant_type=refresh_token&refresh_token="} {
			if _, _, err := parse(post(body, basic("a", "s"))); err == nil {
				t.Errorf("%s takes %s", endpoint, body)
			}
		}
	}
}

func TestN140OnlyWhatTheEndpointKnowsIsRefusedInTheURL(t *testing.T) {
	for _, query := range []string{"client_secret=s", "grant_type=x", "code=%zz", "scope=a&scope=b", "refresh_token=r&utm=1"} {
		r := post("grant_type=refresh_token&refresh_token=r", basic("a", "s"))
		r.URL.RawQuery = query
		name, _, _ := strings.Cut(query, "=")
		_, _, err := oauth2.ParseToken(r)
		if code, text := refusalOf(err); code != authserver.InvalidRequest || text != "the parameter "+name+" belongs in the body, not in the URL" {
			t.Errorf("%s: %s %s", query, code, text)
		}
	}
}

func TestN141BlanksInAScopeListSeparateNothingMore(t *testing.T) {
	for scope, want := range map[string][]string{
		"a+b": {"a", "b"}, "a++b": {"a", "b"}, "+a+b+": {"a", "b"}, "++a": {"a"}, "a%09b%09": {"a", "b"}, "+": nil, "%09+": nil, "": nil,
	} {
		for endpoint, parse := range authorizers {
			req, err := parse(get("response_type=code&client_id=a&scope=" + scope))
			if err != nil || req.Problem != nil || !slices.Equal(req.Scopes, want) || (req.Scopes == nil) != (want == nil) {
				t.Errorf("%s, %q: %q, %v, %v", endpoint, scope, req.Scopes, req.Problem, err)
			}
		}
		for endpoint, parse := range tokenEndpoints {
			for _, grant := range []string{"authorization_code&code=c", "refresh_token&refresh_token=r", "client_credentials"} {
				_, req, err := parse(post("grant_type="+grant+"&scope="+scope, basic("a", "s")))
				if err != nil || !slices.Equal(req.Scopes, want) || (req.Scopes == nil) != (want == nil) {
					t.Errorf("%s, %s, %q: %q, %v", endpoint, grant, scope, req.Scopes, err)
				}
			}
		}
	}
	for _, scope := range []string{"a%0Ab", "a%0D%0A", "a%00", "a%22b", "a%5Cb", "%C3%A4", "a%C2%A0b", "%7F"} {
		for endpoint, parse := range authorizers {
			req, err := parse(get("response_type=code&client_id=a&scope=" + scope))
			if err != nil || req.Problem == nil {
				t.Errorf("%s takes %q", endpoint, scope)
			}
		}
		for endpoint, parse := range tokenEndpoints {
			if _, _, err := parse(post("grant_type=client_credentials&scope="+scope, basic("a", "s"))); err == nil {
				t.Errorf("%s takes %q", endpoint, scope)
			}
		}
	}
}

func TestN141TheSchemeOfCredentialsTakesAnyCaseAndAnyBlanks(t *testing.T) {
	encoded := strings.TrimPrefix(basic("a", "s"), "Basic ")
	for _, header := range []string{"Basic  " + encoded, "basic " + encoded, "BASIC\t" + encoded, "bAsIc \t " + encoded + " "} {
		for endpoint, parse := range tokenEndpoints {
			secret, _, err := parse(post("grant_type=client_credentials", header))
			if diff := cmp.Diff(authserver.ClientSecret{ID: "a", Secret: "s"}, secret); err != nil || diff != "" {
				t.Errorf("%s, %q: %v %s", endpoint, header, err, diff)
			}
		}
	}
	for _, header := range []string{"Basic" + encoded, "Basic " + encoded[:3] + " " + encoded[3:], "Basic", "Basic ,", "Basic=" + encoded} {
		for endpoint, parse := range tokenEndpoints {
			_, _, err := parse(post("grant_type=client_credentials", header))
			if code, _ := refusalOf(err); code != authserver.InvalidClient {
				t.Errorf("%s takes %q: %v", endpoint, header, err)
			}
		}
	}
	r := httptest.NewRequest(http.MethodGet, oauth2.PathConnectionsCloudIdentity, nil)
	for _, header := range []string{"Bearer gha_x", "bearer  gha_x", "BEARER\tgha_x "} {
		r.Header.Set("Authorization", header)
		if token, err := oauth2.ParseBearer(r); token != "gha_x" || err != nil {
			t.Errorf("%q: %q, %v", header, token, err)
		}
	}
}

func TestN141TheHeaderOfConnectionsCloudIsAList(t *testing.T) {
	for _, header := range []string{
		`OAuth, grant_type="refresh_token",client_id="a",client_secret="s",refresh_token="r"`,
		`OAuth  grant_type="refresh_token",,client_id="a", ,client_secret="s",refresh_token="r",`,
		"oauth\tgrant_type = \"refresh_token\",client_id\t=\"a\",client_secret= \"s\",refresh_token=r",
		`OAuth grant_type="refresh_token",client_id="a",client_secret="s",refresh_token="r",realm="a, b=\"c",x="%zz"`,
	} {
		r := httptest.NewRequest(http.MethodGet, oauth2.PathConnectionsCloudToken, nil)
		r.Header.Set("Authorization", header)
		secret, req, err := oauth2.ParseConnectionsCloudToken(r)
		if err != nil || secret.ID != "a" || secret.Secret != "s" || req.RefreshToken != "r" || secret.Place != authserver.SecretInHeader {
			t.Errorf("%s: %+v %+v, %v", header, secret, req, err)
		}
	}
}

// No page of Connections Cloud knows state, so nothing there forbids characters in it.
func TestN144ConnectionsCloudTakesAnyTextAsState(t *testing.T) {
	ask := func(name, value string) (authserver.AuthorizeRequest, error) {
		v := url.Values{"response_type": {"code"}, "client_id": {"a"}, "callback_uri": {"https://album.example/cb"}, "state": {"s"}}
		v.Set(name, value)
		return oauth2.ParseConnectionsCloudAuthorize(httptest.NewRequest(http.MethodGet, oauth2.PathConnectionsCloudAuthorize+"?"+v.Encode(), nil))
	}
	for _, state := range []string{"a, b\r\n\x00", "😀", strings.Repeat("s", authserver.MaxState), ""} {
		if req, err := ask("state", state); err != nil || req.State != state {
			t.Errorf("%.20q: %.20q, %v", state, req.State, err)
		}
	}
	for name, value := range map[string]string{"state": "\xff", "client_id": "\xff", "callback_uri": "https://album.example/\n"} {
		if _, err := ask(name, value); !errors.Is(err, authserver.ParameterMalformed) {
			t.Errorf("%s %q: %v", name, value, err)
		}
	}
	if _, err := ask("state", strings.Repeat("s", authserver.MaxState+1)); !errors.Is(err, authserver.ParameterMalformed) {
		t.Errorf("a state that is too long: %v", err)
	}
}
