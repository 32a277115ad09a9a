// SPDX-License-Identifier: Apache-2.0

package oauth1_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	dghubble "github.com/dghubble/oauth1"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// plaintextSigner is the signature method that dghubble/oauth1 leaves to its users.
type plaintextSigner struct{ consumerSecret string }

func (plaintextSigner) Name() string { return "PLAINTEXT" }

func (s plaintextSigner) Sign(tokenSecret, _ string) (string, error) {
	return dghubble.PercentEncode(s.consumerSecret) + "&" + dghubble.PercentEncode(tokenSecret), nil
}

const (
	oddSecret      = "s/+e=c & r%et~\u00e4"
	requestSecret  = "req+secret"
	requestToken   = "req/token"
	accessToken    = "acc=token"
	oddVerifier    = "v+/&"
	clientCallback = "https://app.example/cb?a=b+c&d=%26"
)

// server is the three server-to-server steps with everything known in advance.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	step := func(path string, rules oauth1.Rules, secret string, done func(http.ResponseWriter, *oauth1.Request), required ...string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			req, err := oauth1.ParseRequest(r, "", rules, required...)
			if err == nil && !req.Verify(oddSecret, secret) {
				err = authserver.Refuse(authserver.SignatureInvalid, "")
			}
			if e, ok := errors.AsType[authserver.Refusal](err); ok {
				oauth1.WriteProblem(w, rules, oauth1.ProblemOf(e))
				return
			}
			done(w, req)
		})
	}
	step(oauth1.PathRequestToken, oauth1.Strict(), "", func(w http.ResponseWriter, r *oauth1.Request) {
		if r.Callback != clientCallback || r.ConsumerKey != "photos.photoprint" {
			t.Errorf("callback %q, consumer key %q", r.Callback, r.ConsumerKey)
		}
		oauth1.WriteTemporary(w, oauth1.Strict(), &authserver.TemporaryCredentials{Token: requestToken, Secret: requestSecret})
	}, oauth1.ParamCallback)
	step(oauth1.PathAccessToken, oauth1.Strict(), requestSecret, func(w http.ResponseWriter, r *oauth1.Request) {
		if r.Token != requestToken || r.Verifier != oddVerifier {
			t.Errorf("token %q, verifier %q", r.Token, r.Verifier)
		}
		oauth1.WriteToken(w, oauth1.Strict(), &authserver.Tokens{AccessToken: accessToken, TokenSecret: tokenSecret})
	}, oauth1.ParamToken, oauth1.ParamVerifier)
	step("/photos/", oauth1.Resource(), tokenSecret, func(w http.ResponseWriter, r *oauth1.Request) {
		_, _ = io.WriteString(w, r.Token)
	}, oauth1.ParamToken)
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestClientsOfDghubbleOAuth1AreUnderstood(t *testing.T) {
	for name, signer := range map[string]dghubble.Signer{
		"HMAC-SHA1":   &dghubble.HMACSigner{ConsumerSecret: oddSecret},
		"HMAC-SHA256": &dghubble.HMAC256Signer{ConsumerSecret: oddSecret},
		"PLAINTEXT":   plaintextSigner{oddSecret},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			config := &dghubble.Config{
				ConsumerKey: "photos.photoprint", ConsumerSecret: oddSecret, CallbackURL: clientCallback, Signer: signer,
				Realm: "Photos", HTTPClient: s.Client(),
				Endpoint: dghubble.Endpoint{RequestTokenURL: s.URL + oauth1.PathRequestToken, AccessTokenURL: s.URL + oauth1.PathAccessToken},
			}
			token, secret, err := config.RequestToken()
			if err != nil || token != requestToken || secret != requestSecret {
				t.Fatalf("temporary credentials %q %q: %v", token, secret, err)
			}
			back := httptest.NewRequest("GET", oauth1.ApprovalURL("https://app.example/cb", token, oddVerifier), nil)
			token, verifier, err := dghubble.ParseAuthorizationCallback(back)
			if err != nil {
				t.Fatal(err)
			}
			access, secret, err := config.AccessToken(token, secret, verifier)
			if err != nil || access != accessToken || secret != tokenSecret {
				t.Fatalf("token credentials %q %q: %v", access, secret, err)
			}
			callResources(t, s, config, dghubble.NewToken(access, secret))
		})
	}
}

// callResources makes requests of all shapes with an access token.
func callResources(t *testing.T, s *httptest.Server, config *dghubble.Config, token *dghubble.Token) {
	t.Helper()
	client := config.Client(context.WithValue(t.Context(), dghubble.HTTPClient, s.Client()), token)
	form := url.Values{"caption": {"a b+c&d=e%"}, "\u00e4": {"~!*'()"}, "empty": {""}}
	for _, tc := range []struct{ method, path, contentType, body string }{
		{"GET", "/photos/", "", ""},
		{"GET", "/photos/a%20b/%C3%A4~c;d,e?file=vacation+1.jpg&size=%7E*&x", "", ""},
		{"DELETE", "/photos/1", "", ""},
		{"POST", "/photos/?b=1", "application/x-www-form-urlencoded", form.Encode()},
		{"PUT", "/photos/1", "application/json", `{"a":"b=c&d"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tc.method, s.URL+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tc.contentType)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || string(body) != accessToken {
			t.Errorf("%s %s: %s %s %v", tc.method, tc.path, answer.Status, body, err)
		}
	}
}

func TestAClientOfDghubbleOAuth1WithAWrongSecretIsRefused(t *testing.T) {
	s := server(t)
	config := &dghubble.Config{
		ConsumerKey: "photos.photoprint", ConsumerSecret: "wrong", CallbackURL: clientCallback, HTTPClient: s.Client(),
		Endpoint: dghubble.Endpoint{RequestTokenURL: s.URL + oauth1.PathRequestToken},
	}
	_, _, err := config.RequestToken()
	if err == nil || !strings.Contains(err.Error(), "401: oauth_problem=signature_invalid") {
		t.Errorf("got %v", err)
	}
}
