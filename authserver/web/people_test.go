// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/authserver/oauth2"
)

// bobsTokens has Bob allow a client of each profile, and returns for each place where a token is
// shown a function that reports whether it is still good there.
func bobsTokens(t *testing.T, h *house) map[string]func() bool {
	t.Helper()
	good := map[string]func() bool{}
	tokens := h.tokens(t)
	good["OAuth2, introspection"] = func() bool { return h.active(t, tokens.text("access_token")) }
	for name, o := range olders {
		given := o.tokens(t, h).fields
		good[name+", introspection"] = func() bool { return h.active(t, given["access_token"]) }
		if name == "ConnectionsCloudOAuth2" {
			good[name+", getUserIdentity"] = func() bool {
				return h.identity(t, "Bearer "+given["access_token"]).StatusCode == http.StatusOK
			}
		}
	}
	for name, app := range map[string]*signer{"OAuth1": h.photoBook(t), "ConnectionsCloudOAuth1": h.scrapbook(t)} {
		token := app.tokens()
		good[name+", verification"] = func() bool { return app.works(token) }
		if name == "ConnectionsCloudOAuth1" {
			good[name+", getUserIdentity"] = func() bool {
				return h.identity(t, app.authorization("GET", h.issuer+identityPath, token, nil)).StatusCode == http.StatusOK
			}
		}
	}
	for place, isGood := range good {
		if !isGood() {
			t.Fatalf("%s: the token is not good at first", place)
		}
	}
	return good
}

// refreshTokens has Bob allow a client of each profile that refreshes, and returns how each asks.
func refreshTokens(t *testing.T, h *house) map[string]func() int {
	t.Helper()
	given := h.tokens(t)
	status := map[string]func() int{
		"OAuth2": func() int { return h.client(t, authtest.PhotoPrint).refresh(given.text("refresh_token")).StatusCode },
	}
	for name, o := range olders {
		token := o.tokens(t, h).fields["refresh_token"]
		status[name] = func() int { return h.ask(t, o.token, o.refresh(h, token)).StatusCode }
	}
	return status
}

func allRefused(t *testing.T, tokens map[string]func() bool, refreshes map[string]func() int) {
	t.Helper()
	for place, isGood := range tokens {
		if isGood() {
			t.Errorf("%s: the token is still good", place)
		}
	}
	for profile, status := range refreshes {
		if got := status(); got/100 != 4 {
			t.Errorf("%s, refresh: status %d", profile, got)
		}
	}
}

func TestN91ARemovedPersonIsRefusedInEveryProfile(t *testing.T) {
	h := newHouse(t)
	tokens, refreshes := bobsTokens(t, h), refreshTokens(t, h)
	h.Directory.Remove(authtest.Bob)
	allRefused(t, tokens, refreshes)
}

func TestN90TheNextPersonOfTheNameIsNotServedByTheTokensOfTheOneBefore(t *testing.T) {
	h := newHouse(t)
	tokens, refreshes := bobsTokens(t, h), refreshTokens(t, h)
	h.Directory.Put(authserver.Owner{Subject: authtest.SubjectOf("the next bob"), Name: authtest.Bob}, "next")
	h.signedIn(t, authtest.Bob, "next")
	allRefused(t, tokens, refreshes)
}

func TestN92WhoLosesTheRoleBindingIsRefusedInEveryProfile(t *testing.T) {
	h := newHouse(t)
	tokens, refreshes := bobsTokens(t, h), refreshTokens(t, h)
	for _, id := range []string{authtest.PhotoPrint, authtest.Album, authtest.Flows, authtest.PhotoBook, authtest.Scrapbook} {
		h.Entitlement.Withdraw(authtest.Bob, id)
	}
	allRefused(t, tokens, refreshes)
}

func TestN94TheTokenOfAClientIsNotTakenForAPersonsWhateverTheClientIsCalled(t *testing.T) {
	h := newHouse(t)
	bobs := h.tokens(t).text("access_token")
	ask := func(token string) *answer {
		return h.client(t, authtest.PhotoStorage).post(oauth2.PathIntrospect, url.Values{"token": {token}}).wants(http.StatusOK)
	}
	person := ask(bobs)
	if person.text("sub") != authtest.SubjectOf(authtest.Bob) || person.text("username") != authtest.Bob {
		t.Fatalf("of Bob's token the API learns %s", person.raw)
	}
	for n, id := range []string{authtest.Bob, authtest.SubjectOf(authtest.Bob), "client-" + authtest.Bob} {
		eve := *mustClient(t, h, authtest.BookShelf)
		eve.UID, eve.ID, eve.Credentials = "66666666-0000-4000-8000-00000000000"+string(rune('0'+n)), id, nil
		h.AddClient(eve)
		got := h.client(t, id).post(oauth2.PathToken, url.Values{"grant_type": {"client_credentials"}, "scope": {"photos.read"}}).wants(http.StatusOK)
		about := ask(got.text("access_token"))
		if about.body["active"] != true || about.text("sub") != "client:"+id || about.body["username"] != nil {
			t.Errorf("of the token of the client %s the API learns %s", id, about.raw)
		}
	}
}

func mustClient(t *testing.T, h *house, id string) *authserver.Client {
	t.Helper()
	c, ok := h.Clients.ByID(id)
	if !ok {
		t.Fatalf("there is no client %s", id)
	}
	return c
}
