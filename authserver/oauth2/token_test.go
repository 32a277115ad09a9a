// SPDX-License-Identifier: Apache-2.0

package oauth2_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

func post(body, authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, oauth2.PathToken, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// basic joins two parts as they stand.
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestAClientSaysWhoItIsInOneOfThreeWays(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    *http.Request
		want authserver.ClientSecret
	}{
		{"basic", post("grant_type=x", basic("a.b", "ghs_1")), authserver.ClientSecret{ID: "a.b", Secret: "ghs_1"}},
		{"N31 basic with encoded colon, percent and plus", post("grant_type=x", basic("a%3Ab", "c%3Ad%25e%2Bf+g")),
			authserver.ClientSecret{ID: "a:b", Secret: "c:d%e+f g"}},
		{"basic and the same client_id", post("grant_type=x&client_id=a", basic("a", "s")), authserver.ClientSecret{ID: "a", Secret: "s"}},
		{"post", post("grant_type=x&client_id=a&client_secret=s", ""), authserver.ClientSecret{ID: "a", Secret: "s"}},
		{"none", post("grant_type=x&client_id=a", ""), authserver.ClientSecret{ID: "a", None: true}},
		{"none with an empty secret", post("grant_type=x&client_id=a&client_secret=", ""), authserver.ClientSecret{ID: "a", None: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, _, err := oauth2.ParseToken(tc.r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAMalformedTokenRequestIsRefused(t *testing.T) {
	secretInURL := post("grant_type=x", "")
	secretInURL.URL.RawQuery = "client_id=a&client_secret=s"
	idInURL := post("grant_type=x", basic("a", "s"))
	idInURL.URL.RawQuery = "client_id=a"
	json := post(`{"grant_type":"x"}`, basic("a", "s"))
	json.Header.Set("Content-Type", "application/json")
	twoHeaders := post("grant_type=x", basic("a", "s"))
	twoHeaders.Header.Add("Authorization", basic("b", "s"))
	for _, tc := range []struct {
		name string
		r    *http.Request
		want authserver.Code
	}{
		{"N31 two ways at once", post("grant_type=x&client_secret=s", basic("a", "s")), authserver.InvalidRequest},
		{"N31 two ways at once, an empty secret in the header", post("grant_type=x&client_id=a&client_secret=s", basic("a", "")), authserver.InvalidRequest},
		{"N31 secret in the URL", secretInURL, authserver.InvalidRequest},
		{"client_id in the URL", idInURL, authserver.InvalidRequest},
		{"client_id of somebody else", post("grant_type=x&client_id=b", basic("a", "s")), authserver.InvalidRequest},
		{"nobody", post("grant_type=x", ""), authserver.InvalidClient},
		{"another scheme", post("grant_type=x", "Bearer gha_x"), authserver.InvalidClient},
		{"two headers", twoHeaders, authserver.InvalidClient},
		{"N31 broken encoding", post("grant_type=x", basic("a", "100%")), authserver.InvalidClient},
		{"parameter twice", post("grant_type=x&grant_type=x", basic("a", "s")), authserver.InvalidRequest},
		{"no grant_type", post("code=x", basic("a", "s")), authserver.InvalidRequest},
		{"no code", post("grant_type=authorization_code", basic("a", "s")), authserver.InvalidRequest},
		{"no refresh_token", post("grant_type=refresh_token", basic("a", "s")), authserver.InvalidRequest},
		{"malformed scope", post("grant_type=client_credentials&scope=a%22b", basic("a", "s")), authserver.InvalidScope},
		{"broken form", post("grant_type=%zz", basic("a", "s")), authserver.InvalidRequest},
		{"JSON", json, authserver.InvalidRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := oauth2.ParseToken(tc.r)
			e, ok := errors.AsType[authserver.Refusal](err)
			if !ok || e.Code() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// FuzzToken checks that no body makes the parser panic, and that what it reads is in
// the body.
func FuzzToken(f *testing.F) {
	f.Add("grant_type=authorization_code&code=a&redirect_uri=b&code_verifier=c&client_id=d&client_secret=e")
	f.Add("grant_type=refresh_token&refresh_token=ghr_a&scope=a+b&client_id=d")
	f.Add("grant_type=x&grant_type=y&client_id=%")
	f.Fuzz(func(t *testing.T, body string) {
		secret, req, err := oauth2.ParseToken(post(body, ""))
		if err != nil {
			return
		}
		for name, got := range map[string]string{"code": req.Proof, "refresh_token": req.RefreshToken, "client_id": secret.ID, "client_secret": secret.Secret} {
			var given []string
			for pair := range strings.SplitSeq(body, "&") {
				key, value, _ := strings.Cut(pair, "=")
				if key, err := url.QueryUnescape(key); err != nil || key != name {
					continue
				}
				if value, err = url.QueryUnescape(value); err != nil {
					t.Fatalf("%q is accepted although its %s is malformed", body, name)
				}
				if value != "" {
					given = append(given, value)
				}
			}
			if len(given) > 1 || strings.Join(given, "") != got {
				t.Fatalf("%q holds %q as %s, and is read as %+v %+v", body, given, name, secret, req)
			}
		}
	})
}

// FuzzBasic checks that what is encoded as RFC 6749 §2.3.1 says is read back.
func FuzzBasic(f *testing.F) {
	for _, seed := range [][2]string{{"a", "b"}, {"a:b", "c:d"}, {"%", "+"}, {" ", "ü"}, {"\x00", "\n"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, id, secret string) {
		got, _, err := oauth2.ParseToken(post("grant_type=x", basic(url.QueryEscape(id), url.QueryEscape(secret))))
		if err != nil || got.ID != id || got.Secret != secret {
			t.Fatalf("%q %q is read as %+v: %v", id, secret, got, err)
		}
		// What was not encoded must not crash, whatever it is taken for.
		_, _, _ = oauth2.ParseToken(post("grant_type=x", basic(id, secret)))
	})
}
