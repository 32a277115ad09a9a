// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// TestN61N62NoSecretOfAnOldAppIsWhereItDoesNotBelong walks the other profiles, some of which carry
// codes and tokens in addresses, and then looks wherever somebody might read them.
func TestN61N62NoSecretOfAnOldAppIsWhereItDoesNotBelong(t *testing.T) {
	w := start(t)
	bob := w.person(t, w.Issuer)
	secrets, mayTravel := map[string]string{}, map[string]bool{}
	for name, walk := range map[string]func(*testing.T, *person) (kept map[string]string, proof string){
		"PhotoBook": w.walkSigner(devenv.PhotoBook), "CloudAlbum": w.walkSigner(devenv.CloudAlbum),
		"CloudPrint": w.walkCloudPrint, "Integrator": w.walkIntegrator,
	} {
		w.forget(t, w.mounted(t, strings.ToLower(name), "client-id"))
		kept, proof := walk(t, bob)
		mayTravel[proof] = true
		for what, secret := range kept {
			if secret == "" {
				t.Fatalf("%s has no %s, so this test would look for none", name, what)
			}
			secrets[name+"'s "+what] = secret
		}
	}
	maps.Copy(secrets, cookies(t, bob))
	for place, text := range w.places(t) {
		for what, secret := range secrets {
			if strings.Contains(string(text), secret) || strings.Contains(string(text), url.QueryEscape(secret)) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
	if len(*bob.seen) == 0 {
		t.Error("no redirect was seen: the test shows nothing of them")
	}
	for _, location := range *bob.seen {
		for what, secret := range secrets {
			toItsApp := mayTravel[secret] && strings.HasPrefix(location, w.PhotoPrintURL+"/")
			if strings.Contains(location, secret) && !toItsApp {
				t.Errorf("%s is in the redirect to %s", what, strings.SplitN(location, "?", 2)[0])
			}
		}
	}
}

// walkSigner is the flow of an app that signs. It also sends its secrets where they do not belong.
func (w *environment) walkSigner(app string) func(*testing.T, *person) (map[string]string, string) {
	return func(t *testing.T, bob *person) (map[string]string, string) {
		s := w.signer(t, app, w.Callback(app))
		verifier := bob.authorize(s.ask(), w.Bob.Name, w.Bob.Password).Get("oauth_verifier")
		token, secret, err := s.AccessToken(s.token, s.secret, verifier)
		if err != nil {
			t.Fatal(err)
		}
		query := url.Values{"oauth_consumer_key": {s.ConsumerKey}, "oauth_token": {token}, "oauth_signature_method": {"PLAINTEXT"},
			"oauth_signature": {s.ConsumerSecret + "&" + secret}, "oauth_verifier": {verifier}}
		bob.open(s.Endpoint.AccessTokenURL+"?"+query.Encode(), nil)
		bob.open(w.Issuer+"/manage/oauth/getUserIdentity?"+query.Encode(), nil)
		return map[string]string{"secret": s.ConsumerSecret, "request token's secret": s.secret, "verifier": verifier,
			"access token": token, "access token's secret": secret}, verifier
	}
}

// walkCloudPrint also sends its secret in the address, which it may not.
func (w *environment) walkCloudPrint(t *testing.T, bob *person) (map[string]string, string) {
	id, secret := w.mounted(t, devenv.CloudPrint, "client-id"), w.mounted(t, devenv.CloudPrint, "client-secret")
	endpoint, callback := w.mounted(t, devenv.CloudPrint, "token-endpoint"), w.Callback(devenv.CloudPrint)
	code := bob.authorize(w.mounted(t, devenv.CloudPrint, "authorization-endpoint")+"?"+url.Values{
		"response_type": {"code"}, "client_id": {id}, "callback_uri": {callback}}.Encode(), w.Bob.Name, w.Bob.Password).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {id}, "client_secret": {secret}, "code": {code}, "callback_uri": {callback}}
	if status, _, _ := bob.open(endpoint+"?"+form.Encode(), nil); status == http.StatusOK {
		t.Error("a secret in the address is taken")
	}
	_, _, line := bob.open(endpoint, form)
	tokens, err := url.ParseQuery(line)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"secret": secret, "code": code, "access token": tokens.Get("access_token"),
		"refresh token": tokens.Get("refresh_token")}, code
}

// walkIntegrator sends code and refresh token in the address, which it may.
func (w *environment) walkIntegrator(t *testing.T, bob *person) (map[string]string, string) {
	id, secret := w.mounted(t, devenv.Integrator, "client-id"), w.mounted(t, devenv.Integrator, "client-secret")
	callback := w.Callback(devenv.Integrator)
	code := bob.authorize(w.mounted(t, devenv.Integrator, "authorization-endpoint")+"?"+url.Values{
		"response_type": {"code"}, "client_id": {id}, "redirect_uri": {callback}}.Encode(), w.Bob.Name, w.Bob.Password).Get("code")
	ask := func(query url.Values) (tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.mounted(t, devenv.Integrator, "token-endpoint")+"?"+query.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(id, secret)
		res, err := bob.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&tokens); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("getToken: %s, %v", res.Status, err)
		}
		return tokens
	}
	first := ask(url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
	second := ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Refresh}})
	return map[string]string{"secret": secret, "code": code, "access token": first.Access, "refresh token": first.Refresh,
		"second access token": second.Access, "second refresh token": second.Refresh}, code
}
