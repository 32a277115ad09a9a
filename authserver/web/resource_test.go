// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// The APIs of the tests of resource. Nobody who asks here may have a scope of the third.
const (
	photosAPI = "https://photos.example"
	albumsAPI = "api://albums/v1"
	farAPI    = "https://far.example"
	albums    = "api_albums.albums"
)

// apis gives the APIs identifiers, and PhotoPrint scopes of two of them. Those that JWT names take JWTs.
func (h *house) apis(t *testing.T, jwt map[string]credential.SigningAlgorithm) *relyingParty {
	t.Helper()
	h.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) {
		r.Identifiers, r.JWTAlgorithm = []string{photosAPI, "urn:photos"}, jwt[photosAPI]
	})
	h.AddResourceServer(authserver.ResourceServer{UID: "33333333-0000-4000-8000-000000000001", ID: albums, Namespace: "albums", Name: "albums",
		Identifiers: []string{albumsAPI}, OwnedScopes: []string{"albums.read"}, Accepted: true, JWTAlgorithm: jwt[albumsAPI]})
	h.AddResourceServer(authserver.ResourceServer{UID: "33333333-0000-4000-8000-000000000002", ID: "api_far.far", Namespace: "far", Name: "far",
		Identifiers: []string{farAPI}, OwnedScopes: []string{"far.read"}, Accepted: true})
	p := h.openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	h.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) {
		c.Scopes = append(slices.Clone(c.Scopes), "photos.write", "albums.read")
		c.ScopesWithoutOwner = []string{"photos.read", "photos.write", "albums.read"}
		c.GrantTypes = append(slices.Clone(c.GrantTypes), authserver.GrantClientCredentials)
	})
	return p
}

// token asks the token endpoint for a token for resources.
func (a *app) token(form url.Values, resources ...string) *answer {
	a.t.Helper()
	form = url.Values{"resource": resources, "grant_type": form["grant_type"], "code": form["code"], "redirect_uri": form["redirect_uri"],
		"code_verifier": form["code_verifier"], "refresh_token": form["refresh_token"], "scope": form["scope"]}
	return a.post("/oauth2/token", form)
}

func byRefresh(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

var byCredentials = url.Values{"grant_type": {"client_credentials"}}

// codeFor walks Bob through a request, and returns the code.
func (h *house) codeFor(t *testing.T, scope string, resources ...string) string {
	t.Helper()
	bob := h.bob(t)
	changes := url.Values{"resource": resources, "scope": {scope}}
	return bob.consentTo(bob.begin(changes), "allow").back(authtest.PhotoPrintCallback).Get("code")
}

// A token that a resource was named for has the scopes of that API and no others.
func TestAResourceNarrowsTheScopes(t *testing.T) {
	h := newHouse(t)
	h.apis(t, nil)
	app := h.client(t, authtest.PhotoPrint)
	const all = "openid offline_access photos.read photos.write albums.read"
	for name, tc := range map[string]struct {
		granted, asked []string
		want           string
	}{
		"none":                                   {nil, nil, "photos.read openid offline_access photos.write albums.read"},
		"one at the token endpoint":              {nil, []string{photosAPI}, "photos.read photos.write"},
		"one at both":                            {[]string{albumsAPI}, []string{albumsAPI}, "albums.read"},
		"one at the authorization endpoint":      {[]string{albumsAPI}, nil, "albums.read"},
		"two, then one":                          {[]string{albumsAPI, photosAPI}, []string{photosAPI}, "photos.read photos.write"},
		"two":                                    {[]string{albumsAPI, photosAPI}, nil, "photos.read photos.write albums.read"},
		"one twice, with the slash of a library": {[]string{photosAPI + "/", photosAPI}, []string{photosAPI + "/"}, "photos.read photos.write"},
		"another name of the API":                {nil, []string{"urn:photos"}, "photos.read photos.write"},
	} {
		code := h.codeFor(t, all, tc.granted...)
		first := app.token(redemption(code, authtest.PhotoPrintCallback), tc.asked...).wants(http.StatusOK)
		for range 2 { // the second is repeated
			again := app.token(byRefresh(first.text("refresh_token")), tc.asked...).wants(http.StatusOK)
			if first.text("scope") != tc.want || again.text("scope") != tc.want {
				t.Errorf("%s: the scopes are %q and after a refresh %q, want %q", name, first.text("scope"), again.text("scope"), tc.want)
			}
			if again.text("id_token") == "" || first.text("id_token") == "" {
				t.Errorf("%s: there is no ID token", name)
			}
		}
	}
	if got := app.token(byCredentials, albumsAPI).wants(http.StatusOK); got.text("scope") != "albums.read" {
		t.Errorf("by client credentials the scope is %q", got.text("scope"))
	}
}

// An API learns by introspection what it is called in the token.
func TestIntrospectionTellsTheAudience(t *testing.T) {
	h := newHouse(t)
	h.apis(t, nil)
	token := h.client(t, authtest.PhotoPrint).token(byCredentials).wants(http.StatusOK).text("access_token")
	for api, want := range map[string]any{albums: albumsAPI, authtest.PhotoStorage: []any{photosAPI, "urn:photos"}} {
		got := h.client(t, api).post("/oauth2/introspect", url.Values{"token": {token}}).wants(http.StatusOK)
		if diff := cmp.Diff(want, got.body["aud"]); diff != "" {
			t.Errorf("%s: %s", api, diff)
		}
	}
}

var badResources = map[string][]string{
	"unknown":                       {"https://nobody.example"},
	"not open to the client":        {farAPI},
	"without one of the scopes":     {albumsAPI},
	"one of two is unknown":         {photosAPI, "https://nobody.example"},
	"no URI":                        {"photos"},
	"relative":                      {"/photos"},
	"a fragment":                    {photosAPI + "#a"},
	"an empty fragment":             {photosAPI + "#"},
	"a blank":                       {photosAPI + " " + albumsAPI},
	"no ASCII":                      {photosAPI + "/ä"},
	"a line break":                  {photosAPI + "\n"},
	"other case":                    {"https://PHOTOS.example"},
	"another path":                  {photosAPI + "/v1"},
	"two slashes":                   {photosAPI + "//"},
	"nine of them":                  slices.Repeat([]string{photosAPI}, 9),
	"too long":                      {photosAPI + "/" + strings.Repeat("a", 1024)},
	"too long together":             {"urn:" + strings.Repeat("a", 600), "urn:" + strings.Repeat("b", 600)},
	"one that is good and too many": append(slices.Repeat([]string{photosAPI}, 40), "https://nobody.example"),
}

// N215: what names no API of the client is invalid_target, at both endpoints, and takes nothing.
func TestN215AResourceThatIsNoneOfTheClientsIsRefused(t *testing.T) {
	h := newHouse(t)
	h.apis(t, nil)
	app, bob := h.client(t, authtest.PhotoPrint), h.bob(t)
	for name, resources := range badResources {
		changes := url.Values{"resource": resources, "scope": {"openid photos.read offline_access"}}
		if got := bob.get(request(changes)).back(authtest.PhotoPrintCallback); got.Get("error") != "invalid_target" {
			t.Errorf("%s: the application is told %v", name, got)
		}
		h.browser(t).get(request(changes)).shown(http.StatusBadRequest)
		code := h.codeFor(t, "openid photos.read offline_access")
		app.token(redemption(code, authtest.PhotoPrintCallback), resources...).refused(http.StatusBadRequest, "invalid_target")
		tokens := app.token(redemption(code, authtest.PhotoPrintCallback), photosAPI).wants(http.StatusOK)
		app.token(byRefresh(tokens.text("refresh_token")), resources...).refused(http.StatusBadRequest, "invalid_target")
		app.token(byRefresh(tokens.text("refresh_token")), photosAPI).wants(http.StatusOK)
		machine := url.Values{"grant_type": {"client_credentials"}, "scope": {"photos.read"}}
		app.token(machine, resources...).refused(http.StatusBadRequest, "invalid_target")
	}
	query := url.Values{"resource": {photosAPI}}.Encode()
	app.post("/oauth2/token?"+query, byCredentials).refused(http.StatusBadRequest, "invalid_request")
}

// N215: an API that is suspended, or not accepted any more, is no resource, and its scopes are gone.
func TestN215AnAPIThatIsGoneIsNoResource(t *testing.T) {
	h := newHouse(t)
	h.apis(t, nil)
	app := h.client(t, authtest.PhotoPrint)
	tokens := app.redeem(h.codeFor(t, "openid offline_access photos.read", photosAPI), authtest.PhotoPrintCallback).wants(http.StatusOK)
	h.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Accepted = false })
	app.token(byRefresh(tokens.text("refresh_token")), photosAPI).refused(http.StatusBadRequest, "invalid_target")
	got := app.refresh(tokens.text("refresh_token")).wants(http.StatusOK)
	if got.text("scope") != "" || got.text("id_token") == "" {
		t.Errorf("without its API the grant yields %s", got.raw)
	}
}

// N216: a token request names no resource that the authorization request did not name.
func TestN216ATokenRequestDoesNotWidenTheResources(t *testing.T) {
	for _, algorithm := range []credential.SigningAlgorithm{"", credential.ES256} {
		testTokensOfFewerResources(t, algorithm)
	}
}

func testTokensOfFewerResources(t *testing.T, algorithm credential.SigningAlgorithm) {
	t.Helper()
	h := newHouse(t)
	h.apis(t, map[string]credential.SigningAlgorithm{photosAPI: algorithm})
	app := h.client(t, authtest.PhotoPrint)
	code := h.codeFor(t, "openid offline_access photos.read albums.read", photosAPI)
	app.token(redemption(code, authtest.PhotoPrintCallback), albumsAPI).refused(http.StatusBadRequest, "invalid_target")
	app.token(redemption(code, authtest.PhotoPrintCallback), "urn:photos").refused(http.StatusBadRequest, "invalid_target")
	tokens := app.redeem(code, authtest.PhotoPrintCallback).wants(http.StatusOK)
	if tokens.text("scope") != "photos.read" {
		t.Errorf("the scope is %q", tokens.text("scope"))
	}
	refresh := tokens.text("refresh_token")
	for range 2 {
		app.token(byRefresh(refresh), albumsAPI).refused(http.StatusBadRequest, "invalid_target")
		app.token(byRefresh(refresh), photosAPI, albumsAPI).refused(http.StatusBadRequest, "invalid_target")
		refresh = app.token(byRefresh(refresh), photosAPI).wants(http.StatusOK).text("refresh_token")
	}
	// A scope that another API has taken over since is not that API's.
	h.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.OwnedScopes = []string{"photos.write"} })
	h.Clients.ChangeResourceServer(albums, func(r *authserver.ResourceServer) { r.OwnedScopes = []string{"albums.read", "photos.read"} })
	if got := app.refresh(refresh).wants(http.StatusOK); got.text("scope") != "" || got.isJWT() {
		t.Errorf("after the move the scope is %q of %s", got.text("scope"), got.text("access_token"))
	}
}

// N217: a token for an API opens nothing elsewhere: not the UserInfo endpoint, and not another API.
func TestN217ATokenForAResourceOpensNothingElse(t *testing.T) {
	h := newHouse(t)
	p := h.apis(t, nil)
	app := h.client(t, authtest.PhotoPrint)
	tokens := app.token(redemption(h.codeFor(t, "openid photos.read albums.read"), authtest.PhotoPrintCallback), photosAPI).wants(http.StatusOK)
	token := tokens.text("access_token")
	p.userInfo(token, "").refused(http.StatusForbidden, "insufficient_scope")
	if got := h.client(t, albums).post("/oauth2/introspect", url.Values{"token": {token}}).wants(http.StatusOK); got.body["active"] != false {
		t.Errorf("another API is told %s", got.raw)
	}
	if !h.active(t, token) {
		t.Error("its own API is told that it is inactive")
	}
}

// What a request is for travels in its cookie, in as much room as there is.
func TestARequestWithManyResourcesIsKept(t *testing.T) {
	h := newHouse(t)
	h.apis(t, nil)
	var names []string
	for n := range authserver.MaxResources {
		names = append(names, "https://photos.example/"+strings.Repeat(string(rune('a'+n)), 100))
	}
	h.Clients.ChangeResourceServer(authtest.PhotoStorage, func(r *authserver.ResourceServer) { r.Identifiers = names })
	bob := h.bob(t)
	changes := url.Values{"resource": names, "state": {strings.Repeat("s", 500)}, "nonce": {strings.Repeat("n", 512)}}
	code := bob.consentTo(bob.begin(changes), "allow").back(authtest.PhotoPrintCallback).Get("code")
	h.Clock.Advance(time.Second)
	h.client(t, authtest.PhotoPrint).token(redemption(code, authtest.PhotoPrintCallback), names[7]).wants(http.StatusOK)
}
