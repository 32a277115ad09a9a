// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

const explainPhotoPrint = "/admin/v1/namespaces/photos/clients/photoprint/explain"

// failing returns the names of the steps that do not pass.
func failing(e adminapi.Explanation) string {
	var names []string
	for _, c := range e.Checks {
		if !c.Passes {
			names = append(names, c.Name)
		}
		if c.Text == "" {
			names = append(names, c.Name+" without words")
		}
	}
	return strings.Join(names, " ")
}

func TestExplainSaysWhatEachStepOfTheFlowWouldSay(t *testing.T) {
	s := newFixture(t)
	s.subject(authtest.Bob, authtest.BobPassword)
	good := url.Values{"redirect_uri": {authtest.PhotoPrintCallback}, "scope": {"photos.read"}, "person": {authtest.Bob}}
	for name, row := range map[string]struct {
		set, to string
		edit    func(*authserver.Client)
		want    string
	}{
		"all is well":        {},
		"another callback":   {set: "redirect_uri", to: "https://other.example/", want: "callback"},
		"another scope":      {set: "scope", to: "photos.read photos.burn", want: "scopes"},
		"somebody else":      {set: "person", to: "mallory", want: "entitlement"},
		"suspended":          {edit: func(c *authserver.Client) { c.Suspended = true }, want: "client"},
		"expired":            {edit: func(c *authserver.Client) { c.ExpiresAt = s.Clock.Now() }, want: "client"},
		"not accepted":       {edit: func(c *authserver.Client) { c.Accepted = false }, want: "client"},
		"no code":            {edit: func(c *authserver.Client) { c.GrantTypes = nil }, want: "grant-type"},
		"everybody may":      {set: "person", to: "mallory", edit: func(c *authserver.Client) { c.EveryoneEntitled = true }},
		"no callback at all": {edit: func(c *authserver.Client) { c.CallbackURLs = nil }, want: "callback"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := s.Clients.ByID(authtest.PhotoPrint)
			if row.edit != nil {
				s.Clients.Change(authtest.PhotoPrint, row.edit)
				defer s.Clients.Put(*before)
			}
			query := url.Values{}
			for key := range good {
				query.Set(key, good.Get(key))
			}
			if row.set != "" {
				query.Set(row.set, row.to)
			}
			audited := len(s.Audit.Events(authserver.EventEntitlementRefused))
			e := get[adminapi.Explanation](s, explainPhotoPrint+"?"+query.Encode())
			if got := failing(e); got != row.want {
				t.Errorf("%q fails, want %q: %+v", got, row.want, e)
			}
			if e.Checks[0].Name != "client" {
				t.Errorf("the order is not that of the flow: %+v", e)
			}
			if len(s.Audit.Events(authserver.EventEntitlementRefused)) != audited {
				t.Error("a question is audited as a refusal")
			}
		})
	}
}

func TestExplainAboutAClientThatIsNotServed(t *testing.T) {
	s := newFixture(t)
	e := get[adminapi.Explanation](s, "/admin/v1/namespaces/photos/clients/nothing/explain")
	if failing(e) != "client" {
		t.Errorf("%+v", e)
	}
	for _, query := range []string{"?scope=" + strings.Repeat("x", maxScope+1), "?user=bob", "?redirect_uri=" + strings.Repeat("x", maxCallback+1)} {
		if code, body := s.send(http.MethodGet, explainPhotoPrint+query); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query[:10], code, body)
		}
	}
}

// N325: who may ask about a client of one namespace does not learn the groups of people.
func TestN325ExplainTellsNobodysGroups(t *testing.T) {
	s := newFixture(t)
	s.subject(authtest.Bob, authtest.BobPassword) // of the group family
	for _, allowed := range []bool{true, false} {
		if !allowed {
			s.Entitlement.Withdraw(authtest.Bob, authtest.PhotoPrint)
		}
		_, body := s.send(http.MethodGet, explainPhotoPrint+"?person=bob")
		if !strings.Contains(body, `{"name":"entitlement","passes":`+strconv.FormatBool(allowed)) || strings.Contains(body, "family") {
			t.Error(body)
		}
	}
}
