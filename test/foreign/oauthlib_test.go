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

// signed are the settings of PhotoBook, which signs with the method and puts its parameters in the place.
func (e *environment) signed(method, place, callback string) settings {
	s := e.settings(authtest.PhotoBook, callback)
	s["method"], s["place"] = method, place
	return s
}

func startOAuthlib(t *testing.T, e *environment, s settings) *driver {
	t.Helper()
	provide(t)
	return start(t, e, s, python, "python/requests_oauthlib_1.py")
}

// request is one that the app is asked to make.
type request struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Data   map[string]string `json:"data,omitempty"`
	JSON   map[string]string `json:"json,omitempty"`
	Times  int               `json:"times"`
}

// call has the app make a request.
func call(d *driver, r request) report {
	d.t.Helper()
	r.Times = max(r.Times, 1)
	d.write(r)
	return d.read()
}

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
			e := newEnvironment(t)
			app, bob := startOAuthlib(t, e, e.signed(c.method, c.place, authtest.PhotoBookCallback)), e.bob(t)
			location, _ := bob.decide(app.read().Open, "allow")
			if !strings.HasPrefix(location, authtest.PhotoBookCallback+"&oauth_token=") {
				t.Fatalf("Bob is sent to %s", strings.SplitN(location, "&", 2)[0])
			}
			app.write(back{location})
			if answer := app.read(); answer.Did != "token" {
				t.Fatalf("no access token: %s", answer.Refused)
			}
			e.callsOfAllShapes(t, app)
			bob.revoke()
			if got := call(app, request{Method: "GET", URL: e.photos.URL + "/photos"}); !slices.Equal(got.Statuses, []int{401}) {
				t.Errorf("after Bob took it back: %v %s", got.Statuses, got.Body)
			}
		})
	}
}

// callsOfAllShapes makes API calls whose signatures cover different things.
func (e *environment) callsOfAllShapes(t *testing.T, app *driver) {
	t.Helper()
	for _, c := range []struct {
		request request
		query   string
		body    string
	}{
		{request{Method: "GET", URL: e.photos.URL + "/photos"}, "", ""},
		{request{Method: "GET", URL: e.photos.URL + "/caf%C3%A9/a%2Fb~?b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q"},
			"b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=2+q", ""},
		{request{Method: "POST", URL: e.photos.URL + "/photos?size=s", Data: map[string]string{"caption": "grandma & I = ~100%"}},
			"size=s", "caption=grandma+%26+I+%3D+~100%25"},
		{request{Method: "PUT", URL: e.photos.URL + "/photos/1", JSON: map[string]string{"a": "b"}}, "", `{"a": "b"}`},
		{request{Method: "DELETE", URL: e.photos.URL + "/photos/1"}, "", ""},
	} {
		got := call(app, c.request)
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
	e := newEnvironment(t)
	app, bob := startOAuthlib(t, e, e.signed("HMAC-SHA256", inHeader, "oob")), e.bob(t)
	location, page := bob.decide(app.read().Open, "allow")
	if location != "" {
		t.Fatal("Bob is sent somewhere")
	}
	app.write(back{bob.shown(page)})
	if answer := app.read(); answer.Did != "token" {
		t.Fatalf("no access token: %s", answer.Refused)
	}
	if got := call(app, request{Method: "GET", URL: e.photos.URL + "/photos"}); !slices.Equal(got.Statuses, []int{200}) {
		t.Errorf("%v %s", got.Statuses, got.Body)
	}
}

func TestASignedRequestIsTakenOnce(t *testing.T) {
	for _, method := range []string{"HMAC-SHA1", "HMAC-SHA256"} {
		t.Run(method, func(t *testing.T) {
			e := newEnvironment(t)
			app, bob := startOAuthlib(t, e, e.signed(method, inHeader, authtest.PhotoBookCallback)), e.bob(t)
			location, _ := bob.decide(app.read().Open, "allow")
			app.write(back{location})
			app.read()
			got := call(app, request{Method: "GET", URL: e.photos.URL + "/photos", Times: 3})
			if diff := cmp.Diff([]int{200, 401, 401}, got.Statuses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatOAuthlibIsToldWhenItIsRefused(t *testing.T) {
	t.Run("a wrong secret", func(t *testing.T) {
		e := newEnvironment(t)
		s := e.signed("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)
		s["client-secret"] += "x"
		if got := startOAuthlib(t, e, s).read().Refused; got != "401 oauth_problem=signature_invalid" {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a signature method that the client may not use", func(t *testing.T) {
		e := newEnvironment(t)
		e.mayUse("HMAC-SHA256")
		s := e.signed("PLAINTEXT", inHeader, authtest.PhotoBookCallback)
		if got := startOAuthlib(t, e, s).read().Refused; !strings.HasPrefix(got, "400 oauth_problem=signature_method_rejected") {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a forged verifier", func(t *testing.T) {
		e := newEnvironment(t)
		app, bob := startOAuthlib(t, e, e.signed("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)), e.bob(t)
		location, _ := bob.decide(app.read().Open, "allow")
		app.write(back{strings.Replace(location, "oauth_verifier=", "oauth_verifier=x", 1)})
		if got := app.read().Refused; !strings.HasPrefix(got, "401 oauth_problem=token_rejected") {
			t.Errorf("refused: %q", got)
		}
	})
	t.Run("a denial", func(t *testing.T) {
		e := newEnvironment(t)
		app, bob := startOAuthlib(t, e, e.signed("HMAC-SHA256", inHeader, authtest.PhotoBookCallback)), e.bob(t)
		location, _ := bob.decide(app.read().Open, "deny")
		to, err := url.Parse(location)
		if err != nil || to.Query().Get("oauth_problem") != "user_refused" || to.Query().Has("oauth_verifier") {
			t.Fatalf("Bob is sent back with %v, %v", to.Query(), err)
		}
		app.write(back{location})
		if got := app.read().Refused; got != "no verifier" {
			t.Errorf("oauthlib makes of it: %q", got)
		}
	})
}
