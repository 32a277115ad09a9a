// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// pairwise gives PhotoPrint's subjects a sector; empty: the public ones.
func (p *relyingParty) pairwise(sector string) {
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.OpenID.Sector = sector })
}

// known returns the subject that an answer's ID token says.
func (p *relyingParty) known(got *answer) string {
	p.t.Helper()
	token, _ := p.verified(got.text("id_token"), "RS256")
	return token.Subject
}

// introspect asks about a token.
func (p *relyingParty) introspect(id, token string) *answer {
	p.t.Helper()
	return p.client(p.t, id).post("/oauth2/introspect", url.Values{"token": {token}}).wants(http.StatusOK)
}

// N287: two sectors know Bob by two subjects, neither of which is the public one. One sector knows him by one, which does not change.
func TestN287TwoSectorsCannotTellThatTheyKnowOnePerson(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	public, seen := p.known(p.login("openid", nil)), map[string]string{}
	if public != p.subject() {
		t.Fatalf("without a sector the subject is %s, want %s", public, p.subject())
	}
	for _, sector := range []string{"photos/photoprint.example", "books/photoprint.example", "photos/bookshelf.example"} {
		p.pairwise(sector)
		subject := p.known(p.login("openid", nil))
		if other, found := seen[subject]; found || subject == public || !regexp.MustCompile(`^[a-z2-7]{26}$`).MatchString(subject) {
			t.Errorf("sector %s knows Bob as %s, as sector %q does", sector, subject, other)
		}
		seen[subject] = sector
		if again := p.known(p.login("openid", nil)); again != subject {
			t.Errorf("sector %s knows Bob as %s, then as %s", sector, subject, again)
		}
	}
	first := p.known(p.login("openid", nil))
	alice := p.signedIn(t, authtest.Alice, authtest.AlicePassword)
	p.Entitlement.Allow(authtest.Alice, authtest.PhotoPrint)
	if p.known(p.tokensOf(alice)) == first {
		t.Error("two people have one subject")
	}
}

// N288: all that a client learns of a person has one subject; APIs see the public one.
func TestN288AClientSeesOneSubjectAndAnAPIThePublicOne(t *testing.T) {
	p := jwtAPIs(t, credential.ES256)
	p.pairwise("photos/photoprint.example")
	got := p.login("openid profile offline_access photos.read", nil)
	subject, access := p.known(got), got.text("access_token")
	refreshed := p.client(t, authtest.PhotoPrint).refresh(got.text("refresh_token")).wants(http.StatusOK)
	var signed struct {
		Subject string `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(p.userInfo(access, "application/jwt").wants(http.StatusOK).raw, ".")[1])
	if err := errors.Join(err, json.Unmarshal(payload, &signed)); err != nil {
		t.Fatal(err)
	}
	for from, said := range map[string]any{
		"a refreshed ID token": p.known(refreshed), "UserInfo": p.userInfo(access, "").text("sub"), "a signed UserInfo": signed.Subject,
		"introspection":                    p.introspect(authtest.PhotoPrint, access).text("sub"),
		"introspection of a refresh token": p.introspect(authtest.PhotoPrint, refreshed.text("refresh_token")).text("sub"),
	} {
		if said != subject || subject == p.subject() {
			t.Errorf("%s is about %v, the ID token about %s, publicly %s", from, said, subject, p.subject())
		}
	}
	if sub := p.introspect(authtest.PhotoStorage, access).text("sub"); sub != p.subject() {
		t.Errorf("the API sees the subject %q, want %s", sub, p.subject())
	}
	jwt := p.client(t, authtest.PhotoPrint).token(byRefresh(refreshed.text("refresh_token")), photosAPI).wants(http.StatusOK).text("access_token")
	if _, claims := p.at(jwt, photosAPI, "ES256"); claims["sub"] != p.subject() {
		t.Errorf("the JWT for the API has the subject %v, want %s", claims["sub"], p.subject())
	}
	if sub := p.introspect(authtest.PhotoStorage, jwt).text("sub"); sub != p.subject() {
		t.Errorf("the API sees the subject %q of the JWT, want %s", sub, p.subject())
	}
	if sub := p.introspect(authtest.PhotoPrint, jwt).text("sub"); sub != subject {
		t.Errorf("the client sees the subject %q of the JWT, want %s", sub, subject)
	}
}

// N289: neither a claim mapping nor introspection leads back to the public subject or to the name.
func TestN289NothingElseTellsAClientWhoAPersonIs(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", Sector: "photos/photoprint.example", Mappings: []claimmap.Mapping{
		mapping(t, "user", "owner.subject"), mapping(t, "id", "numericID(owner.subject)"),
	}})
	got := p.login("openid", nil)
	subject := p.known(got)
	_, inToken := p.verified(got.text("id_token"), "RS256")
	for from, claims := range map[string]map[string]any{"the ID token": inToken, "UserInfo": p.userInfo(got.text("access_token"), "").body} {
		if claims["user"] != subject || claims["id"] != float64(claimmap.NumericID(subject)) {
			t.Errorf("%s says user %v and id %v of %s", from, claims["user"], claims["id"], subject)
		}
	}
	if told := p.introspect(authtest.PhotoPrint, got.text("access_token")); told.body["username"] != nil || strings.Contains(told.raw, p.subject()) {
		t.Errorf("introspection says %s", told.raw)
	}
	named := p.login("openid profile", nil)
	if told := p.introspect(authtest.PhotoPrint, named.text("access_token")); told.text("username") != authtest.Bob {
		t.Errorf("with the scope profile, introspection says %s", told.raw)
	}
}

// N290: what a client says of a person is read as it knows them. The public subject, and the subject of another sector, are nobody's.
func TestN290ARequestNamesAPersonAsItsClientKnowsThem(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", PostLogoutRedirectURIs: []string{photoPrintBye}})
	p.pairwise("books/bookshelf.example")
	elsewhere := p.login("openid", nil)
	p.pairwise("photos/photoprint.example")
	bob := p.bob(t)
	mine := p.tokensOf(bob)
	about := func(subject string) url.Values {
		return url.Values{"claims": {`{"id_token":{"sub":{"value":"` + subject + `"}}}`}}
	}
	for name, row := range map[string]struct {
		ask   url.Values
		known bool
	}{
		"the claim sub":                   {about(p.known(mine)), true},
		"a hint":                          {url.Values{"id_token_hint": {mine.text("id_token")}}, true},
		"the claim sub of another sector": {about(p.known(elsewhere)), false},
		"the public subject":              {about(p.subject()), false},
		"a hint of another sector":        {url.Values{"id_token_hint": {elsewhere.text("id_token")}}, false},
	} {
		row.ask.Set("scope", "openid")
		row.ask.Set("prompt", "none")
		got := bob.get(bob.begin(row.ask)).back(authtest.PhotoPrintCallback).Get("error")
		if refused := got == "login_required"; refused == row.known {
			t.Errorf("%s: answered with %q", name, got)
		}
	}
	bob.logout(url.Values{"id_token_hint": {elsewhere.text("id_token")}}).wants(http.StatusOK, "").says("Sign out?")
	bob.signedOut(false)
	bob.logout(url.Values{"id_token_hint": {mine.text("id_token")}, "post_logout_redirect_uri": {photoPrintBye}}).wants(http.StatusSeeOther, photoPrintBye)
	bob.signedOut(true)
}

// N291: subjects stay while the keys that sign and seal rotate. They hang on the key that does not.
func TestN291SubjectsOutliveTheKeysThatRotate(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", Sector: "photos/photoprint.example"})
	before := p.known(p.login("openid", nil))
	p.RotateKeys(t)
	p.Clock.Advance(3 * time.Hour)
	if after := p.known(p.login("openid", nil)); after != before {
		t.Errorf("Bob was %s and is %s", before, after)
	}
	other := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", Sector: "photos/photoprint.example"})
	if other.known(other.login("openid", nil)) == before {
		t.Error("an installation with another shared key makes the same subject")
	}
}
