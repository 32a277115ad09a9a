// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// What the claims parameter asks for, the consent page names, and the client gets.
func TestTheClaimsParameterReleasesWhatTheOwnerIsAskedFor(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	claims := url.Values{"claims": {`{"userinfo":{"email":{"essential":true}},"id_token":{"groups":null,"birthdate":null}}`}}
	asked := p.bob(t)
	request := url.Values{"scope": {"openid"}, "claims": claims["claims"]}
	page := asked.get(asked.begin(request))
	page.says("See your mail address", "See the groups that you belong to")
	if strings.Contains(page.text(), "See your name") {
		t.Error("the owner is asked for a scope that the request does not need")
	}

	got := p.login("openid", claims)
	if scope := got.text("scope"); scope != "openid email groups" {
		t.Errorf("the scope is %q", scope)
	}
	info := p.userInfo(got.text("access_token"), "").wants(http.StatusOK)
	if info.text("email") != "bob@photos.example" || info.body["groups"] == nil || info.body["name"] != nil {
		t.Errorf("UserInfo says %s", info.raw)
	}
}

// A client gets no scope by the claims parameter that it may not ask for by itself, and none without openid.
func TestN299TheClaimsParameterIsNoWayRoundTheScopes(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	claims := url.Values{"claims": {`{"userinfo":{"email":null}}`}}
	if scope := p.login("photos.read", claims).text("scope"); scope != "" && scope != "photos.read" {
		t.Errorf("without openid the scope is %q", scope)
	}
	p.Clients.Change(authtest.PhotoPrint, func(c *authserver.Client) { c.Scopes = []string{"openid"} })
	if scope := p.login("openid", claims).text("scope"); scope != "" && scope != "openid" {
		t.Errorf("a client without the scope email has %q", scope)
	}
}

// A request about one person ends without an answer about another (OpenID Connect Core §5.5.1).
func TestN299AClaimsParameterNamesTheOnlyPerson(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256"})
	about := func(subject string) url.Values {
		return url.Values{"scope": {"openid"}, "prompt": {"none"}, "claims": {`{"id_token":{"sub":{"value":"` + subject + `"}}}`}}
	}
	p.login("openid", url.Values{"claims": {`{"id_token":{"sub":{"value":"` + p.subject() + `"}}}`}})
	bob := p.bob(t)
	if back := bob.get(bob.begin(about("somebody"))).back(authtest.PhotoPrintCallback); back.Get("error") != "login_required" {
		t.Errorf("a request about somebody else is answered with %v", back)
	}
	if back := bob.get(bob.begin(about(p.subject()))).back(authtest.PhotoPrintCallback); back.Get("error") == "login_required" {
		t.Errorf("a request about Bob is answered with %v", back)
	}
}
