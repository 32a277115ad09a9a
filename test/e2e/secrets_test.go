// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestN61N62NoSecretIsWhereItDoesNotBelong walks a whole run, keeps every secret of it, and then
// looks for each of them wherever somebody might read it.
func TestN61N62NoSecretIsWhereItDoesNotBelong(t *testing.T) {
	w := start(t)
	app := w.photoPrint(t, w.Issuer)
	bob := w.person(t, w.Issuer)
	address, verifier := app.request()
	code := bob.authorize(address, w.Bob.Name, w.Bob.Password).Get("code")
	tokens, err := app.redeem(t, code, verifier)
	if err != nil {
		t.Fatal(err)
	}
	next, err := app.refresh(t, tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = app.redeem(t, code, verifier) // a refusal is logged too
	_, _ = app.refresh(t, "ghr_nonsense")
	w.person(t, w.Issuer).open("/oauth2/authorize?client_secret="+url.QueryEscape(app.ClientSecret)+"&code="+code, nil)
	app.revoke(t, next.AccessToken)

	secrets := map[string]string{
		"the client secret": app.ClientSecret, "the code": code, "the code verifier": verifier, "Bob's password": w.Bob.Password,
		"the access token": tokens.AccessToken, "the refresh token": tokens.RefreshToken,
		"the second access token": next.AccessToken, "the second refresh token": next.RefreshToken,
	}
	for name, cookie := range cookies(t, bob) {
		secrets["the cookie "+name] = cookie
	}
	for place, text := range w.places(t) {
		for name, secret := range secrets {
			if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, []byte(base64.StdEncoding.EncodeToString([]byte(secret)))) {
				t.Errorf("%s is in %s", name, place)
			}
		}
	}
	if len(*bob.seen) == 0 {
		t.Error("no redirect was seen: the test shows nothing of them")
	}
	for _, location := range *bob.seen {
		for name, secret := range secrets {
			callback := strings.HasPrefix(location, app.RedirectURL+"?")
			if strings.Contains(location, secret) && !(callback && name == "the code") {
				t.Errorf("%s is in the redirect to %s", name, strings.SplitN(location, "?", 2)[0])
			}
		}
	}
}

func cookies(t *testing.T, p *person) map[string]string {
	t.Helper()
	issuer, err := url.Parse(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, c := range p.Jar.Cookies(issuer) {
		out[c.Name] = c.Value
	}
	if len(out) == 0 {
		t.Fatal("the browser has no cookies, so this test would look for none")
	}
	return out
}

// places returns everything that a person with the usual rights, a log collector or a thief
// of the store's file can read, by name.
func (w *environment) places(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"logs/*", "gatehouse.db*"} {
		files, err := filepath.Glob(filepath.Join(w.dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("there is nothing at %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(file)] = text
		}
	}
	for _, kind := range []string{"events", "events.events.k8s.io", "oauthclients", "resourceservers", "leases", "configmaps"} {
		text, err := w.Kubectl(t.Context(), "get", kind, "--all-namespaces", "--output", "json")
		if err != nil {
			t.Fatal(err)
		}
		out["kubectl get "+kind] = []byte(text)
	}
	_, said := tracesSoFar(t)
	out["traces"] = []byte(said)
	res, err := http.Get(w.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if out["metrics"], err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out["traces"], []byte("store.")) {
		t.Fatal("there are no traces, so this test would find nothing there")
	}
	if !bytes.Contains(out["metrics"], []byte("gatehouse_")) || !bytes.Contains(out["audit.log"], []byte("grant.approved")) {
		t.Fatal("the metrics or the audit log are empty, so this test would find nothing there")
	}
	return out
}
