// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/oidc"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
)

func mapping(t *testing.T, claim, expression string) claimmap.Mapping {
	t.Helper()
	m, err := claimmap.Compile(claim, expression)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A program that wants GitLab's claims finds them in the ID token and at the UserInfo endpoint.
func TestAClientHasClaimsOfItsOwn(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", Groups: []string{"nobody"}, Mappings: []claimmap.Mapping{
		mapping(t, "id", "numericID(owner.subject)"),
		mapping(t, "login", `owner.email.split("@")[0]`),
		mapping(t, "role", `"family" in owner.groups ? "Admin" : "Viewer"`),
		mapping(t, "name", `owner.name + " of " + owner.email.split("@")[1]`),
	}})
	got := p.login("openid profile email groups", nil)
	_, inToken := p.verified(got.text("id_token"), "RS256")
	atUserInfo := p.userInfo(got.text("access_token"), "").body
	want := map[string]any{"id": float64(claimmap.NumericID(p.subject())), "login": "bob", "role": "Admin", "name": "bob of photos.example"}
	for from, claims := range map[string]map[string]any{"the ID token": inToken, "UserInfo": atUserInfo} {
		mapped := map[string]any{}
		for name := range want {
			mapped[name] = claims[name]
		}
		if diff := cmp.Diff(want, mapped); diff != "" {
			t.Errorf("%s has other claims (-want +got):\n%s", from, diff)
		}
		if claims["sub"] != p.subject() {
			t.Errorf("%s is about %v", from, claims["sub"])
		}
	}
}

// A mapping is no way round the scopes: one that uses what the owner did not release makes no claim. A claim that cannot be made is left out,
// and whoever writes the log hears why.
func TestN296AMappingKnowsNoMoreThanTheScopesRelease(t *testing.T) {
	p := newHouse(t).openID(t, authserver.OpenIDSettings{SigningAlgorithm: "RS256", Mappings: []claimmap.Mapping{
		mapping(t, "all", `owner.name + owner.displayName + owner.email`),
		mapping(t, "teams", `owner.groups`),
		mapping(t, "role", `"contractors" in owner.groups ? "Viewer" : "Admin"`), // what people leave out of a request makes nobody an Admin
		mapping(t, "login", `owner.email.split("@")[1]`),
	}})
	got := p.login("openid", nil)
	_, claims := p.verified(got.text("id_token"), "RS256")
	for _, name := range []string{"all", "teams", "login", "role"} {
		if value, there := claims[name]; there {
			t.Errorf("without a scope the client has %s: %v", name, value)
		}
	}
	var misfits []string
	info := oidc.UserInfo{
		Client: &authserver.Client{OpenID: authserver.OpenIDSettings{Mappings: []claimmap.Mapping{mapping(t, "login", `owner.email.split("@")[1]`)}}},
		Misfit: func(err error) { misfits = append(misfits, err.Error()) },
	}
	answer := httptest.NewRecorder()
	if err := info.Write(answer); err != nil || len(misfits) != 1 || !strings.Contains(misfits[0], `"login"`) {
		t.Errorf("answered %s, %v; said %q of what does not fit", answer.Body, err, misfits)
	}
}
