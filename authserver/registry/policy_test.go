// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

func accepted(r *Registry) bool {
	c, ok := r.ByID("photos.photoprint")
	return ok && c.Accepted
}

func noSkip(s *v1alpha1.OAuthClientPolicySpec) { s.Clients.ConsentSkip = false }

func TestN78WhatPolicyDeniesIsOutOfServiceUntilItFitsAgain(t *testing.T) {
	skipping := photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.Consent = v1alpha1.ConsentSkip })
	r := fill(t, skipping)
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"the policy allows it", func() {}, true},
		{"the policy changes", func() { put(t, r, policyNamed("default", noSkip)) }, false},
		{"the spec fits again", func() { put(t, r, photoprint()) }, true},
		{"and not any more", func() { put(t, r, skipping) }, false},
		{"the label names another policy", func() {
			put(t, r, policyNamed("trusted"))
			put(t, r, namespaceNamed("photos", v1alpha1.LabelPolicy, "trusted"))
		}, true},
		{"the label names one that is not there", func() { put(t, r, namespaceNamed("photos", v1alpha1.LabelPolicy, "nothing")) }, false},
		{"then it is there", func() { put(t, r, policyNamed("nothing")) }, true},
		{"it is deleted", func() { take(t, r, policyNamed("nothing")) }, false},
		{"the label goes", func() { put(t, r, namespaceNamed("photos")) }, false},
		{"the policy is as it was", func() { put(t, r, policyNamed("default")) }, true},
		{"all policies go", func() { r.policies.replace(nil) }, false},
	} {
		step.do()
		if got := accepted(r); got != step.want {
			t.Errorf("%s: accepted is %v", step.name, got)
		}
		if _, known := r.ByUID("u-1"); !known {
			t.Errorf("%s: the client is not known any more", step.name)
		}
	}
}

func TestN406AClusterThatThePolicyNoLongerListsIsOutOfService(t *testing.T) {
	lists := func(clusters ...v1alpha1.ClusterName) func(*v1alpha1.OAuthClientPolicySpec) {
		return func(s *v1alpha1.OAuthClientPolicySpec) { s.Secrets.ServiceAccountClusters = clusters }
	}
	r := fill(t, photoprint(func(o *v1alpha1.OAuthClient) {
		o.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{
			Names: []v1alpha1.ServiceAccountName{"a"}, Clusters: []v1alpha1.ClusterName{"in-cluster", "east"}}}
	}))
	for n, step := range []struct {
		policy func(*v1alpha1.OAuthClientPolicySpec)
		want   bool
	}{{lists("west", "east"), true}, {lists("west"), false}, {lists("east"), true}, {lists(), false}} {
		put(t, r, policyNamed("default", step.policy))
		if accepted(r) != step.want {
			t.Errorf("step %d: accepted is %t", n, !step.want)
		}
	}
}

// A policy adds to what the client says, at once, and the client stays accepted.
func TestAPolicyThatDemandsASecondStepWinsOverTheClient(t *testing.T) {
	r := fill(t, photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.SecondFactor = v1alpha1.SecondFactorOptional }))
	for _, demands := range []bool{false, true, false} {
		put(t, r, policyNamed("default", func(s *v1alpha1.OAuthClientPolicySpec) { s.Clients.RequireSecondFactor = demands }))
		if c, ok := r.ByID("photos.photoprint"); !ok || !c.Accepted || c.SecondFactor != demands {
			t.Errorf("with a policy that says %t the client is %+v", demands, c)
		}
	}
}

func TestNothingOfAnUnknownNamespaceIsServedYet(t *testing.T) {
	r := fill(t, photoprint(), api("storage", 0, "x"))
	r.namespaces.replace(nil)
	wantState(t, r, "without namespaces", map[string]string{})
	put(t, r, namespaceNamed("photos"))
	put(t, r, namespaceNamed("storage"))
	wantState(t, r, "with them", map[string]string{"client photos.photoprint": "u-1", "api_storage.api": "u-storage x", "scope x": "x of storage"})
}

func TestN78APolicyThatDeniesAResourceServerTakesItsScopesFromEverybody(t *testing.T) {
	asks := photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.Scopes = []v1alpha1.Scope{"x"} })
	r := fill(t, asks, api("storage", 0, "x"))
	scopes := func() string { c, _ := r.ByID("photos.photoprint"); return strings.Join(c.Scopes, " ") }
	if scopes() != "x" {
		t.Fatalf("at first %q", scopes())
	}
	put(t, r, policyNamed("strict", func(s *v1alpha1.OAuthClientPolicySpec) { s.ResourceServers.Scopes = nil }))
	put(t, r, namespaceNamed("storage", v1alpha1.LabelPolicy, "strict"))
	s, ok := r.ResourceServerByID("api_storage.api")
	if _, explained := r.Scope("x"); !ok || s.Accepted || scopes() != "" || explained {
		t.Errorf("denied, it is %+v, and the client has %q", s, scopes())
	}
	put(t, r, namespaceNamed("storage"))
	if s, _ := r.ResourceServerByID("api_storage.api"); !s.Accepted || scopes() != "x" {
		t.Errorf("allowed again, it is %+v, and the client has %q", s, scopes())
	}
	suspended := api("storage", 0, "x")
	suspended.Spec.Suspend = true
	put(t, r, suspended)
	if s, _ := r.ResourceServerByID("api_storage.api"); s.Accepted || scopes() != "" {
		t.Errorf("suspended, it is %+v, and the client has %q", s, scopes())
	}
}

func TestN76AScopeIsGrantedOnlyWhereItIsOpen(t *testing.T) {
	storage := api("storage", 0, "all", "same", "selected", "alone")
	storage.Spec.Scopes[1].From = "" // Same
	storage.Spec.Scopes[2].From = v1alpha1.ScopeFromSelector
	storage.Spec.Scopes[2].Selector = &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "photos"}}
	storage.Spec.Scopes[3].WithoutOwner = true
	asks := func(o *v1alpha1.OAuthClient) {
		o.Spec.Scopes = []v1alpha1.Scope{"selected", "all", "same", "nobodys", "alone"}
	}
	sister := photoprint(asks, func(o *v1alpha1.OAuthClient) {
		o.Namespace, o.UID, o.Status.ClientID = "storage", "u-9", "storage.photoprint"
		o.Spec.CallbackURLs = nil
	})
	r := fill(t, photoprint(asks), sister, storage)
	want := func(when, id, scopes string) {
		t.Helper()
		c, _ := r.ByID(id)
		if got := strings.Join(c.Scopes, " "); got != scopes || !slices.Equal(c.ScopesWithoutOwner, []string{"alone"}) {
			t.Errorf("%s: %s has %q, and %q without an owner; want %q", when, id, got, c.ScopesWithoutOwner, scopes)
		}
	}
	want("at first", "photos.photoprint", "all alone")
	want("at first", "storage.photoprint", "selected all same alone")
	put(t, r, namespaceNamed("photos", "team", "photos"))
	want("with the label", "photos.photoprint", "selected all alone")
	put(t, r, namespaceNamed("photos", "team", "other"))
	want("with another label", "photos.photoprint", "all alone")
	storage.Spec.Scopes[0].From = v1alpha1.ScopeFromSame
	put(t, r, storage)
	want("closed", "photos.photoprint", "alone")
	storage.Spec.Scopes[2].Selector = &v1alpha1.NamespaceSelector{MatchExpressions: []v1alpha1.NamespaceRequirement{{Key: "team", Operator: "Near"}}}
	put(t, r, storage)
	want("a selector that cannot be read", "photos.photoprint", "alone")
}

// The metadata are for everybody, so they say nothing of what is open to some namespaces alone.
func TestN146OnlyWhatIsOpenToAllIsAPublicScope(t *testing.T) {
	storage := api("storage", 0, "z.all", "same", "selected", "a.all")
	storage.Spec.Scopes[1].From = "" // Same
	storage.Spec.Scopes[2].From = v1alpha1.ScopeFromSelector
	storage.Spec.Scopes[2].Selector = &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "photos"}}
	r := fill(t, storage)
	want := func(when string, names ...string) {
		t.Helper()
		if got := r.PublicScopes(); !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", when, got, names)
		}
	}
	want("at first", "a.all", "z.all")
	put(t, r, namespaceNamed("photos", "team", "photos"))
	want("with a label that the selector matches", "a.all", "z.all")
	closed := api("storage", 0, "z.all", "same", "selected", "a.all")
	closed.Spec.Scopes[0].From = v1alpha1.ScopeFromSame
	put(t, r, closed)
	want("one closed, two opened", "a.all", "same", "selected")
	closed = api("storage", 0, "z.all", "same", "selected", "a.all")
	closed.Spec.Suspend = true
	put(t, r, closed)
	want("suspended")

	many := make([]string, authserver.MaxPublicScopes+1)
	for n := range many {
		many[n] = fmt.Sprintf("scope%04d", n)
	}
	r = fill(t, api("storage", 0, many...))
	want("more than the bound", many[:authserver.MaxPublicScopes]...)
}
