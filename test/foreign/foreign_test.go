// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// Where oauthlib puts the protocol parameters.
const (
	inHeader = "AUTH_HEADER"
	inBody   = "BODY"
	inQuery  = "QUERY"
)

func TestOAuthlibWalksTheWholeFlow(t *testing.T) {
	for _, c := range []struct{ method, place string }{
		{"HMAC-SHA1", inHeader},
		{"HMAC-SHA256", inHeader},
		{"PLAINTEXT", inHeader},
		{"HMAC-SHA1", inBody},
		{"HMAC-SHA256", inBody},
		{"PLAINTEXT", inBody},
		{"HMAC-SHA1", inQuery},
		{"HMAC-SHA256", inQuery},
	} {
		t.Run(c.method+" "+c.place, func(t *testing.T) {
			w := newWorld(t)
			app, bob := start(t, w.settings(c.method, c.place, authtest.PhotoBookCallback)), w.bob(t)
			back, _ := bob.decide(app.read().Open, "allow")
			if !strings.HasPrefix(back, authtest.PhotoBookCallback+"&oauth_token=") {
				t.Fatalf("Bob is sent to %s", strings.SplitN(back, "&", 2)[0])
			}
			app.say(back)
			if answer := app.read(); !answer.Ready {
				t.Fatalf("no access token: %s", answer.Refused)
			}
			w.callsOfAllShapes(t, app)
			bob.revoke()
			if got := app.call(request{Method: "GET", URL: w.photos.URL + "/photos"}); !slices.Equal(got.Statuses, []int{401}) {
				t.Errorf("after Bob took it back: %v %s", got.Statuses, got.Body)
			}
		})
	}
}

// callsOfAllShapes makes API calls whose signatures cover different things.
func (w *world) callsOfAllShapes(t *testing.T, app *app) {
	t.Helper()
	for _, c := range []struct {
		request request
		query   string
		body    string
	}{
		{request{Method: "GET", URL: w.photos.URL + "/photos"}, "", ""},
		{request{Method: "GET", URL: w.photos.URL + "/caf%C3%A9/a%2Fb~?b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q"},
			"b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q", ""},
		{request{Method: "POST", URL: w.photos.URL + "/photos?size=s", Data: map[string]string{"caption": "grandma & I = ~100%"}},
			"size=s", "caption=grandma+%26+I+%3D+~100%25"},
		{request{Method: "PUT", URL: w.photos.URL + "/photos/1", JSON: map[string]string{"a": "b"}}, "", `{"a": "b"}`},
		{request{Method: "DELETE", URL: w.photos.URL + "/photos/1"}, "", ""},
	} {
		got := app.call(c.request)
		want, err := json.Marshal([]string{authtest.Bob, authtest.PhotoBook, c.request.Method, c.query, c.body})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{[]int{200}, string(want)}, []any{got.Statuses, strings.TrimSpace(got.Body)}); diff != "" {
			t.Errorf("%s %s: %s", c.request.Method, c.request.URL, diff)
		}
	}
}

func TestOAuthlibTakesAVerifierThatBobCopies(t *testing.T) {
	w := newWorld(t)
	app, bob := start(t, w.settings("HMAC-SHA256", inHeader, "oob")), w.bob(t)
	location, page := bob.decide(app.read().Open, "allow")
	if location != "" {
		t.Fatal("Bob is sent somewhere")
	}
	app.say(bob.shown(page))
	if answer := app.read(); !answer.Ready {
		t.Fatalf("no access token: %s", answer.Refused)
	}
	if got := app.call(request{Method: "GET", URL: w.photos.URL + "/photos"}); !slices.Equal(got.Statuses, []int{200}) {
		t.Errorf("%v %s", got.Statuses, got.Body)
	}
}

func TestASignedRequestIsTakenOnce(t *testing.T) {
	for _, method := range []string{"HMAC-SHA1", "HMAC-SHA256"} {
		t.Run(method, func(t *testing.T) {
			w := newWorld(t)
			app, bob := start(t, w.settings(method, inHeader, authtest.PhotoBookCallback)), w.bob(t)
			back, _ := bob.decide(app.read().Open, "allow")
			app.say(back)
			app.read()
			got := app.call(request{Method: "GET", URL: w.photos.URL + "/photos", Times: 3})
			if diff := cmp.Diff([]int{200, 401, 401}, got.Statuses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatOAuthlibIsToldWhenItIsRefused(t *testing.T) {
	t.Run("a wrong secret", func(t *testing.T) {
		w := newWorld(t)
		s := w.settings("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)
		s.Secret += "x"
		if got := start(t, s).read().Refused; got != "401 oauth_problem=signature_invalid" {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a signature method that the client may not use", func(t *testing.T) {
		w := newWorld(t)
		w.mayUse("HMAC-SHA256")
		s := w.settings("PLAINTEXT", inHeader, authtest.PhotoBookCallback)
		if got := start(t, s).read().Refused; !strings.HasPrefix(got, "400 oauth_problem=signature_method_rejected") {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a forged verifier", func(t *testing.T) {
		w := newWorld(t)
		app, bob := start(t, w.settings("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)), w.bob(t)
		back, _ := bob.decide(app.read().Open, "allow")
		app.say(strings.Replace(back, "oauth_verifier=", "oauth_verifier=x", 1))
		if got := app.read().Refused; !strings.HasPrefix(got, "401 oauth_problem=token_rejected") {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a denial", func(t *testing.T) {
		w := newWorld(t)
		app, bob := start(t, w.settings("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)), w.bob(t)
		back, _ := bob.decide(app.read().Open, "deny")
		to, err := url.Parse(back)
		if err != nil || to.Query().Get("oauth_problem") != "user_refused" || to.Query().Has("oauth_verifier") {
			t.Fatalf("Bob is sent back with %v, %v", to.Query(), err)
		}
		app.say(back)
		if got := app.read().Refused; got != "no verifier" {
			t.Errorf("oauthlib makes of it: %q", got)
		}
	})
}
