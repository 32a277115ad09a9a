// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth1"
)

// about is what PhotoStorage asks about a request for photos.
func (c *signer) about(with pair) url.Values {
	c.t.Helper()
	return url.Values{"method": {"GET"}, "url": {photos}, "authorization": {c.authorization("GET", photos, with, nil)}}
}

func TestVerificationAnswersLikeIntrospection(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		got := h.verify(t, app.about(app.tokens())).wants(http.StatusOK)
		for key, want := range map[string]any{
			"active": true, "scope": "photos.read", "client_id": app.id, "username": "bob", "sub": authtest.SubjectOf("bob"), "iss": h.issuer,
			"exp": float64(authtest.Start.Add(10 * time.Hour).Unix()), "iat": float64(authtest.Start.Unix()), "token_type": nil,
		} {
			if got.body[key] != want {
				t.Errorf("%s is %v, want %v", key, got.body[key], want)
			}
		}
		if got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the header is %v", got.Header)
		}
	})
}

func TestN40VerificationIsForResourceServersThatProveThemselves(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	token := app.tokens()
	question := app.about(token)
	unknown := h.client(t, "photos.nobody")
	unknown.secret = "wrong"
	wrong := h.client(t, authtest.PhotoStorage)
	wrong.secret = "wrong"
	a, b := unknown.post(oauth1.PathVerify, question).refused(http.StatusUnauthorized, "invalid_client"), wrong.post(oauth1.PathVerify, question)
	if b.refused(http.StatusUnauthorized, "invalid_client"); a.raw != b.raw || a.Header.Get("WWW-Authenticate") != b.Header.Get("WWW-Authenticate") {
		t.Errorf("N33: the answers differ: %s %s", a.raw, b.raw)
	}
	h.client(t, "").post(oauth1.PathVerify, question).refused(http.StatusUnauthorized, "invalid_client")
	public := url.Values{"client_id": {authtest.Desktop}}
	for key, values := range question {
		public[key] = values
	}
	h.client(t, "").post(oauth1.PathVerify, public).refused(http.StatusUnauthorized, "invalid_client")

	// Nobody of these has spent the request; and who owns no scope of it learns nothing.
	if got := h.verify(t, question); got.body["active"] != true {
		t.Errorf("PhotoStorage learns %s", got.raw)
	}
	other := h.client(t, authtest.BookShelf).post(oauth1.PathVerify, app.about(token)).wants(http.StatusOK)
	if strings.TrimSpace(other.raw) != `{"active":false}` {
		t.Errorf("a client that owns no scope learns %s", other.raw)
	}
}

func TestWhateverIsWrongWithASignedRequestIsAnInactiveToken(t *testing.T) {
	eachSigned(t, func(t *testing.T, h *house, app *signer) {
		token := app.tokens()
		valid := app.about(token)
		for name, changes := range map[string]url.Values{
			"no signature": {"authorization": nil}, "another scheme": {"authorization": {"Bearer " + token.token}}, "nonsense": {"authorization": {`OAuth "`}},
			"a URL without a host": {"url": {"/photos"}}, "an odd method": {"method": {"G T"}}, "a body that repeats": {"body": {"oauth_token=x"}},
			"another server's URL": {"url": {"http://photostorage.example/photos?size=large"}},
			"two signatures":       {"authorization": {valid.Get("authorization") + ", " + strings.TrimPrefix(valid.Get("authorization"), "OAuth ")}},
		} {
			question := url.Values{}
			for key, values := range valid {
				question[key] = values
			}
			for key, values := range changes {
				question[key] = values
			}
			if got := h.verify(t, question).wants(http.StatusOK); strings.TrimSpace(got.raw) != `{"active":false}` {
				t.Errorf("%s: %s", name, got.raw)
			}
		}
		for name, app := range map[string]*signer{"a wrong secret": {secret: "wrong", id: app.id}, "an unknown client": {secret: app.secret, id: "photos.nobody"}} {
			app.h, app.t, app.method = h, t, oauth1.HMACSHA1
			if app.works(token) {
				t.Errorf("%s opens photos", name)
			}
		}
		if h.verify(t, valid).body["active"] != true {
			t.Error("the request as it was signed is not good any more")
		}
	})
}

func TestAQuestionMustBeOne(t *testing.T) {
	h := newHouse(t)
	app := h.photoBook(t)
	token := app.tokens()
	for _, missing := range []string{"method", "url"} {
		question := app.about(token)
		question.Del(missing)
		h.verify(t, question).refused(http.StatusBadRequest, "invalid_request")
		question[missing] = []string{"a", "b"}
		h.verify(t, question).refused(http.StatusBadRequest, "invalid_request")
	}
	huge := app.about(token)
	huge.Set("body", strings.Repeat("x", 70<<10))
	h.verify(t, huge).refused(http.StatusBadRequest, "invalid_request")
	h.client(t, authtest.PhotoStorage).post(oauth1.PathVerify+"?method=GET", app.about(token)).refused(http.StatusBadRequest, "invalid_request")
	h.Store.Fail(authserver.ErrUnavailable)
	if got := h.verify(t, app.about(token)).refused(http.StatusServiceUnavailable, "temporarily_unavailable"); got.Header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

func TestPlaintextAtAResourceNeedsTLSAndTheHeader(t *testing.T) {
	h := newHouse(t)
	app := h.scrapbook(t)
	token := app.tokens()
	header := app.authorization("GET", photos, token, nil)
	query := strings.NewReplacer("OAuth ", "", ", ", "&", `"`, "").Replace(header)
	for name, tc := range map[string]struct {
		question url.Values
		want     bool
	}{
		"over TLS":     {url.Values{"method": {"GET"}, "url": {photos}, "authorization": {header}}, true},
		"without TLS":  {url.Values{"method": {"GET"}, "url": {strings.Replace(photos, "https", "http", 1)}, "authorization": {header}}, false},
		"in the query": {url.Values{"method": {"GET"}, "url": {photos + "&" + query}}, false},
	} {
		if got := h.verify(t, tc.question).wants(http.StatusOK); got.body["active"] != tc.want {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
}
