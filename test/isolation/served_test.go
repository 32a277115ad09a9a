// SPDX-License-Identifier: Apache-2.0

package isolation

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func TestN111ATenantCannotSkipConsent(t *testing.T) {
	w := start(t)
	alice := w.loggedIn("alice")
	plan{
		draft: func(x *tenant) *v1alpha1.OAuthClient {
			return x.draft("silent", func(s *v1alpha1.OAuthClientSpec) {
				s.Consent, s.Entitlement = v1alpha1.ConsentSkip, v1alpha1.EntitlementEveryone
			})
		},
		field: "spec.consent",
		works: func(x *tenant, oc *v1alpha1.OAuthClient) bool {
			_, location, _ := alice.follow(newRequest(v1alpha1.ClientIDOf(oc), x.callback(oc), "").address())
			return strings.HasPrefix(location, x.callback(oc)+"?") && strings.Contains(location, "code=")
		},
	}.foil(w)
}

func TestN112ATenantCannotOpenAClientToEveryone(t *testing.T) {
	w := start(t)
	bob := w.loggedIn("bob")
	plan{
		draft: func(x *tenant) *v1alpha1.OAuthClient {
			return x.draft("wide", func(s *v1alpha1.OAuthClientSpec) { s.Entitlement = v1alpha1.EntitlementEveryone })
		},
		field: "spec.entitlement",
		works: func(x *tenant, oc *v1alpha1.OAuthClient) bool {
			status, _, page := bob.follow(newRequest(v1alpha1.ClientIDOf(oc), x.callback(oc), "").address())
			return status == http.StatusOK && len(values(t, page, "ticket")) > 0
		},
	}.foil(w)
}

func TestN117ATenantCannotChooseAClientID(t *testing.T) {
	w := start(t)
	alice := w.loggedIn("alice")
	plan{
		draft: func(x *tenant) *v1alpha1.OAuthClient {
			return x.draft("posing", func(s *v1alpha1.OAuthClientSpec) {
				s.ClientID = v1alpha1.ClientID("well_known_" + x.namespace)
			})
		},
		field: "spec.clientID",
		works: func(x *tenant, oc *v1alpha1.OAuthClient) bool {
			status, location, _ := alice.open(newRequest(v1alpha1.ClientIDOf(oc), x.callback(oc), "").address(), nil)
			return status == http.StatusSeeOther && strings.Contains(location, "/interaction/")
		},
	}.foil(w)
}

// N118: nobody is sent to an address of a tenant before they have logged in.
func TestN118ATenantCannotRedirectAPassingPerson(t *testing.T) {
	w := start(t)
	x := w.tenant("mallory", "")
	oc := x.draft("lure")
	x.apply(oc)
	w.app(oc)
	for name, change := range map[string]func(url.Values){
		"an unknown scope":         func(q url.Values) { q.Set("scope", "zz") },
		"no response type":         func(q url.Values) { q.Del("response_type") },
		"another response type":    func(q url.Values) { q.Set("response_type", "token") },
		"no code challenge":        func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") },
		"a plain code challenge":   func(q url.Values) { q.Set("code_challenge_method", "plain") },
		"a state that is too long": func(q url.Values) { q.Set("state", strings.Repeat("s", 20000)) },
		"another response mode":    func(q url.Values) { q.Set("response_mode", "form_post") },
		"a parameter twice":        func(q url.Values) { q.Add("scope", "a"); q.Add("scope", "b") },
		"nothing wrong":            func(url.Values) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			r := newRequest(v1alpha1.ClientIDOf(oc), x.callback(oc), "")
			change(r.query)
			status, location, page := w.person().follow(r.address())
			if location != "" || strings.Contains(page, `http-equiv="refresh"`) {
				t.Errorf("a person who passes by is sent to %s (%d)", location, status)
			}
		})
	}
}

func TestN114ATenantCannotTakeACallback(t *testing.T) { callbackClaim.defend(t) }

func TestN117ATenantCannotTakeAClientID(t *testing.T) { clientIDClaim.defend(t) }

// N114: an address has more than one spelling, and a claim is for the address.
func TestN114AnotherSpellingOfACallbackIsTheSameAddress(t *testing.T) {
	w := start(t)
	d := &duel{w: w, mallory: w.tenant("mallory", ""), owner: w.tenant("owner", "")}
	d.value = callbackClaim.value(d.owner.namespace)
	callbackClaim.owned(d)
	host := d.owner.namespace + ".example"
	for i, spelling := range []string{
		"https://" + host + "/callback?x=1", "https://" + host + "/callback?", "https://" + host + ":443/callback", "https://" + strings.ToUpper(host) + "/callback",
		"https://" + host + "/%63allback", "https://" + host + "//callback", "https://" + host + "/callback/", "https://" + host + "/callback;a",
		"https://" + host + "/./callback", "https://" + host + "/x/../callback", "https://" + host + "./callback", "HTTPS://" + host + "/callback",
	} {
		oc := callbackClaim.draft(d.mallory, fmt.Sprintf("spelling-%d", i), spelling)
		if err := d.mallory.api.Create(t.Context(), oc); err != nil {
			continue // not a form that the API accepts
		}
		w.condition(oc, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))
	}
}

// N115: while somebody else wants a scope, its owner's API still sees its tokens, and nobody else does.
func TestN115TheTokensOfAScopeAreSeenByItsOwnerAlone(t *testing.T) {
	w := start(t)
	d := &duel{w: w, mallory: w.tenant("mallory", lax), owner: w.tenant("owner", lax)}
	d.value = scopeClaim.value(d.owner.namespace)
	parked := scopeClaim.empty(d.mallory, "parked")
	d.mallory.apply(parked)
	spy := w.app(parked)
	shop := w.app(scopeClaim.owned(d))
	oc := d.owner.draft("app", func(s *v1alpha1.OAuthClientSpec) { s.Scopes = []v1alpha1.Scope{v1alpha1.Scope(d.value)} })
	d.owner.apply(oc)
	w.entitle(d.owner.namespace, "app", "alice")
	customer := w.app(oc)
	r := newRequest(customer.id, d.owner.callback(oc), d.value)
	status, tokens := customer.redeem(r, w.loggedIn("alice").allow(r))
	if status != http.StatusOK {
		t.Fatalf("no token: %d %v", status, tokens)
	}
	see := func() {
		t.Helper()
		if answer := shop.introspect(tokens["access_token"]); answer["active"] != true || answer["scope"] != d.value {
			t.Errorf("the owner's API sees %v", answer)
		}
		if answer := spy.introspect(tokens["access_token"]); answer["active"] != false {
			t.Errorf("the tenant's API sees %v", answer)
		}
	}
	see()
	w.withoutOperator(func() {
		d.mallory.patch(parked, func() { scopeClaim.add(parked, d.value) })
		see()
	})
	scopeClaim.loses(d, parked)
	see()
}

// N113: a scope that is not open to the tenant's namespace is in no token of the tenant, with or without a person.
func TestN113ATenantGetsNoTokenForAnothersScope(t *testing.T) {
	w := start(t)
	owner, mallory := w.tenant("owner", ""), w.tenant("mallory", "")
	machine := func(d *v1alpha1.ScopeDeclaration) { d.WithoutOwner = true }
	everywhere := func(d *v1alpha1.ScopeDeclaration) { d.From = v1alpha1.ScopeFromAll }
	own, sync, read := owner.namespace+".own", owner.namespace+".sync", owner.namespace+".read"
	rs := owner.server("api", scope(own, machine), scope(sync, machine, everywhere), scope(read, everywhere))
	owner.apply(rs)
	api := w.app(rs)
	oc := mallory.draft("thief", func(s *v1alpha1.OAuthClientSpec) {
		s.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeClientCredentials}}
		s.Scopes = []v1alpha1.Scope{v1alpha1.Scope(own), v1alpha1.Scope(sync), v1alpha1.Scope(read), v1alpha1.Scope(owner.namespace + ".undeclared")}
	})
	mallory.apply(oc)
	left := w.condition(oc, v1alpha1.ConditionScopesResolved, metav1.ConditionFalse)
	if !strings.Contains(left.Message, own) || strings.Contains(left.Message, sync) {
		t.Errorf("the condition says: %s", left.Message)
	}
	if !meta.IsStatusConditionTrue(w.issued(oc).Conditions, string(v1alpha1.ConditionAccepted)) {
		t.Error("the client is not accepted any more")
	}
	thief := w.app(oc)
	for name, want := range map[string]string{own: "", sync: sync, read: "", owner.namespace + ".undeclared": "", own + " " + sync: "", "": sync} {
		status, answer := thief.machine(name)
		if want == "" {
			if status == http.StatusOK {
				if seen := api.introspect(answer["access_token"]); seen["active"] != false {
					t.Errorf("asked for %q the tenant gets a token that the API takes: %v", name, seen)
				}
			}
			continue
		}
		if status != http.StatusOK || answer["scope"] != want {
			t.Errorf("asked for %q: %d %v, want scope %q", name, status, answer, want)
		}
	}
}

// N119: what stands in sub can be taken for a person in no token that a tenant gets for itself.
func TestN119ATokenWithoutAPersonLooksLikeNoPerson(t *testing.T) {
	w := start(t)
	mallory, owner := w.tenant("mallory", lax), w.tenant("owner", lax)
	name := owner.namespace + ".sync"
	rs := owner.server("api", scope(name, func(d *v1alpha1.ScopeDeclaration) { d.WithoutOwner, d.From = true, v1alpha1.ScopeFromAll }))
	owner.apply(rs)
	api := w.app(rs)
	person := owner.draft("app", func(s *v1alpha1.OAuthClientSpec) {
		s.Scopes = []v1alpha1.Scope{v1alpha1.Scope(name)}
	})
	owner.apply(person)
	w.entitle(owner.namespace, "app", "alice")
	customer := w.app(person)
	r := newRequest(customer.id, owner.callback(person), name)
	_, tokens := customer.redeem(r, w.loggedIn("alice").allow(r))
	subject, _ := api.introspect(tokens["access_token"])["sub"].(string)
	if subject == "" || strings.HasPrefix(subject, "client:") {
		t.Fatalf("Alice's token has sub %q", subject)
	}
	for i, id := range []string{"alice", subject, strings.ToUpper(subject), "1001", ""} {
		oc := mallory.draft(fmt.Sprintf("poser-%d", i), func(s *v1alpha1.OAuthClientSpec) {
			s.ClientID = v1alpha1.ClientID(id)
			s.Scopes = []v1alpha1.Scope{v1alpha1.Scope(name)}
			s.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeClientCredentials}}
		})
		mallory.apply(oc)
		poser := w.app(oc)
		status, answer := poser.machine(name)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", id, status, answer)
		}
		seen := api.introspect(answer["access_token"])
		if seen["sub"] != "client:"+poser.id || seen["username"] != nil {
			t.Errorf("client %q gets a token with sub %v and username %v", poser.id, seen["sub"], seen["username"])
		}
	}
}
