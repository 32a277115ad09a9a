// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// label has the namespace of the fixture be under the policy. Empty: the default one.
func (s *fixture) label(policy string) {
	s.t.Helper()
	ns := &corev1.Namespace{}
	s.must(s.api.Get(s.t.Context(), client.ObjectKey{Name: s.ns}, ns))
	before := ns.DeepCopy()
	delete(ns.Labels, v1alpha1.LabelPolicy)
	if policy != "" {
		ns.Labels[v1alpha1.LabelPolicy] = policy
	}
	s.must(s.api.Patch(s.t.Context(), ns, client.MergeFrom(before)))
}

// policy makes a policy of the fixture's own: everything but what change takes away.
func (s *fixture) policy(change func(*v1alpha1.OAuthClientPolicySpec)) string {
	s.t.Helper()
	spec := testenv.Permissive()
	change(&spec)
	name := "policy-" + s.ns
	s.must(s.env.Policy(s.t.Context(), name, spec))
	return name
}

func skip(oc *v1alpha1.OAuthClient) { oc.Spec.Consent = v1alpha1.ConsentSkip }

func noSkip(spec *v1alpha1.OAuthClientPolicySpec) { spec.Clients.ConsentSkip = false }

// N70: what the policy of the namespace does not allow is not accepted: it gets no credential, no
// Secret and no claim, and it keeps what it had.
func TestN70WhatPolicyDeniesIsNotAcceptedAndTakesNothing(t *testing.T) {
	s := newFixture(t)
	policy := s.policy(noSkip)
	s.label(policy)
	s.client("photoprint", skip)
	oc := s.settle("photoprint")
	message := s.says(oc.Status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.says(oc.Status.Conditions, v1alpha1.ConditionStalled, metav1.ConditionTrue, string(v1alpha1.AcceptedReasonPolicyDenied))
	for _, word := range []string{policy, "spec.consent"} {
		if !strings.Contains(message, word) {
			t.Errorf("message %q does not name %s", message, word)
		}
	}
	s.wantWrites("status photoprint")
	s.noSecret("photoprint-oauth")
	if len(oc.Status.Credentials) != 0 || len(oc.Status.Claims) != 1 || oc.Status.Claims[0].Since != nil {
		t.Errorf("it has %d credentials and the claims %+v", len(oc.Status.Credentials), oc.Status.Claims)
	}
	s.settle("photoprint")
	s.wantWrites()

	// Its callback is free for the namespace next door, which has another policy.
	other := s.beside()
	other.client("photoprint", func(taker *v1alpha1.OAuthClient) { taker.Spec.CallbackURLs = oc.Spec.CallbackURLs })
	other.wantReady(other.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// N70: a label that changes takes it out of service and gives it back, with the same secret.
func TestN70AChangedLabelTakesAwayAndGivesBack(t *testing.T) {
	s := newFixture(t)
	denying := s.policy(noSkip)
	s.issued("photoprint", skip)
	before, claims := value(s.secret("photoprint-oauth")), s.get("photoprint").Status.Claims
	for _, label := range []string{denying, "does-not-exist"} {
		s.label(label)
		oc := s.settle("photoprint")
		message := s.says(oc.Status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
		if !strings.Contains(message, label) {
			t.Errorf("message %q does not name the policy", message)
		}
		if got := oc.Status.Claims; len(got) != 1 || got[0].Since == nil || !got[0].Since.Equal(claims[0].Since) {
			t.Errorf("claims %+v, had %+v", got, claims)
		}
		other := s.beside()
		other.client("thief", func(taker *v1alpha1.OAuthClient) { taker.Spec.CallbackURLs = oc.Spec.CallbackURLs })
		other.wantReady(other.settle("thief"), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonCallbackConflict))

		s.label("")
		s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		if value(s.secret("photoprint-oauth")) != before {
			t.Error("another client secret")
		}
	}
}

// N70: under a manager the change is seen by itself, for both kinds.
func TestN70UnderAManagerAChangedPolicyTakesEffectByItself(t *testing.T) {
	s := newFixture(t)
	s.start()
	name := s.policy(func(*v1alpha1.OAuthClientPolicySpec) {})
	s.label(name)
	s.client("photoprint", skip)
	s.server("api", "photos."+s.ns)
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.serverBecomes("api", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))

	s.policy(func(spec *v1alpha1.OAuthClientPolicySpec) {
		spec.Clients.ConsentSkip, spec.ResourceServers.Scopes = false, nil
	})
	s.becomes("photoprint", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.serverBecomes("api", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.label("")
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.serverBecomes("api", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.label(name)
	s.becomes("photoprint", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonPolicyDenied))
	s.policy(func(*v1alpha1.OAuthClientPolicySpec) {})
	s.becomes("photoprint", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.serverBecomes("api", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// An informer that is behind is no reason to deny: the labels may name a policy.
func TestANamespaceThatTheCacheDoesNotKnowYetIsWaitedFor(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint")
	r := s.reconciler(withoutNamespaces(s.api))
	result, err := s.reconcile(r, "photoprint")
	if err != nil || result.RequeueAfter != namespaceLag {
		t.Errorf("result %v, error %v", result, err)
	}
	s.wantReady(s.get("photoprint"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonPending))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// A scope that nobody declares, or opens to the namespace, is said; the client stays accepted.
func TestAScopeThatIsNotOpenIsSaidAndTheClientStaysAccepted(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	scope := "photos." + a.ns
	b.client("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = []v1alpha1.Scope{v1alpha1.Scope(scope)} })
	open := func(want bool) {
		t.Helper()
		oc := b.settle("photoprint")
		b.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		b.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
		said := slices.ContainsFunc(oc.Status.Conditions, func(c metav1.Condition) bool { return c.Type == string(v1alpha1.ConditionScopesResolved) })
		if said == want {
			t.Errorf("the scope is open: %t, said: %t", want, said)
		}
		if said {
			message := b.says(oc.Status.Conditions, v1alpha1.ConditionScopesResolved, metav1.ConditionFalse, string(v1alpha1.ScopesResolvedReasonNotOpen))
			if !strings.Contains(message, scope) {
				t.Errorf("message %q", message)
			}
		}
	}
	from := func(from v1alpha1.ScopeAudience, selector *v1alpha1.NamespaceSelector) {
		a.updateServer("api", func(rs *v1alpha1.ResourceServer) { rs.Spec.Scopes[0].From, rs.Spec.Scopes[0].Selector = from, selector })
		a.settleServer("api")
	}
	open(false)
	a.server("api", scope)
	a.settleServer("api")
	open(false)
	from(v1alpha1.ScopeFromAll, nil)
	open(true)
	from(v1alpha1.ScopeFromSelector, &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": v1alpha1.LabelValue(a.ns)}})
	open(false)
	from(v1alpha1.ScopeFromSelector, &v1alpha1.NamespaceSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": v1alpha1.LabelValue(b.ns)}})
	open(true)
	a.updateServer("api", func(rs *v1alpha1.ResourceServer) { rs.Spec.Suspend = true })
	a.settleServer("api")
	open(false)
	if woken := b.r.clientsThatAsk(t.Context(), a.getServer("api")); len(woken) != 1 || woken[0].Name != "photoprint" {
		t.Errorf("woken %v", woken)
	}
}

// N211: a client of profile OAuth2 has the scopes of OpenID Connect without a ResourceServer; another one is told that it has not.
func TestN211TheScopesOfOpenIDConnectNeedNoResourceServer(t *testing.T) {
	s := newFixture(t)
	scopes := []v1alpha1.Scope{"openid", "groups"}
	s.client("grafana", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = scopes })
	s.client("old", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes, oc.Spec.Profile = scopes, v1alpha1.ProfileOAuth1 })
	for name, want := range map[string]bool{"grafana": true, "old": false} {
		oc := s.settle(name)
		said := slices.ContainsFunc(oc.Status.Conditions, func(c metav1.Condition) bool { return c.Type == string(v1alpha1.ConditionScopesResolved) })
		if said == want {
			t.Errorf("%s has its scopes: %t, want %t", name, !said, want)
		}
	}
}

// N297: a client whose claims cannot be made is not accepted, and is told which expression it is and why.
func TestN297AnExpressionThatCannotBeUsedIsSaid(t *testing.T) {
	s := newFixture(t)
	s.client("wiki", func(oc *v1alpha1.OAuthClient) {
		oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{OpenID: &v1alpha1.OpenIDSpec{Claims: v1alpha1.IDTokenClaims{Mappings: []v1alpha1.ClaimMapping{
			{Claim: "login", Expression: "owner.name"}, {Claim: "team", Expression: "owner.team"},
		}}}}
	})
	conditions := s.settle("wiki").Status.Conditions
	accepted := meta.FindStatusCondition(conditions, string(v1alpha1.ConditionAccepted))
	if accepted == nil || accepted.Reason != string(v1alpha1.AcceptedReasonInvalidExpression) || !strings.Contains(accepted.Message, `"team"`) ||
		!strings.Contains(accepted.Message, "undeclared reference") || strings.Contains(accepted.Message, "\n") {
		t.Errorf("the client is told %+v", accepted)
	}
	s.says(conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonInvalidExpression))
	s.update("wiki", func(oc *v1alpha1.OAuthClient) { oc.Spec.OAuth2.OpenID.Claims.Mappings[1].Expression = "owner.groups" })
	s.says(s.settle("wiki").Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestAResourceServerGetsASecretWithWhatItAsks(t *testing.T) {
	s := newFixture(t)
	s.server("api", "photos."+s.ns)
	rs := s.settleServer("api")
	s.says(rs.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	secret := s.secret("api-resource-server")
	want := map[string]string{
		"client-id": "api_" + s.ns + ".api", "issuer": issuer,
		"introspection-endpoint": issuer + "/oauth2/introspect", "verification-endpoint": issuer + "/oauth1/verify",
		"jwks-uri": issuer + "/oauth2/keys",
	}
	for key, value := range want {
		if got := string(secret.Data[key]); got != value {
			t.Errorf("%s is %q, want %q", key, got, value)
		}
	}
	if len(secret.Data) != len(want)+1 || rs.Status.ClientID != want["client-id"] {
		t.Errorf("%d keys, client ID %q", len(secret.Data), rs.Status.ClientID)
	}
	s.wantWrites("create api-resource-server", "status api")

	before := value(secret)
	s.must(s.api.Delete(t.Context(), secret))
	s.settleServer("api")
	if value(s.secret("api-resource-server")) != before {
		t.Error("it came back with another value")
	}
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) {
		metav1.SetMetaDataAnnotation(&rs.ObjectMeta, v1alpha1.AnnotationResetCredentials, "1")
	})
	rs = s.settleServer("api")
	if value(s.secret("api-resource-server")) == before || rs.Status.LastHandledReset != "1" {
		t.Error("it was not reset")
	}
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) { rs.Spec.Suspend = true })
	rs = s.settleServer("api")
	s.says(rs.Status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonSuspended))
	s.says(rs.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, string(v1alpha1.ReadyReasonSuspended))
	s.must(s.api.Delete(t.Context(), rs))
	if _, err := s.r.reconcile(t.Context(), resourceServerSubject(rs).ref(), &v1alpha1.ResourceServer{}); err != nil {
		t.Error(err)
	}
}

// N71: an installation never touches what another one serves.
func TestN71AnObjectOfAnotherClassIsNeverTouched(t *testing.T) {
	s := newFixture(t)
	s.start()
	second := newFixture(t)
	second.class = "second"
	second.start()
	shared := v1alpha1.CallbackURL("https://" + s.ns + ".example/callback")
	of := func(class v1alpha1.ClassName) func(*v1alpha1.OAuthClient) {
		return func(oc *v1alpha1.OAuthClient) {
			oc.Spec.ClassName, oc.Spec.CallbackURLs = class, []v1alpha1.CallbackURL{shared}
		}
	}
	s.client("first", of(""))
	second.client("other", of("second")) // the same callback: another installation's claim
	s.becomes("first", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	second.becomes("other", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.update("first", reset("1"))
	second.update("other", reset("1"))
	s.eventually("the resets are handled", func() bool {
		return s.get("first").Status.LastHandledReset == "1" && second.get("other").Status.LastHandledReset == "1"
	})
	s.becomes("first", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	second.becomes("other", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	// Each of them looks at a later object only after it has seen everything before.
	s.awaitCache("last")
	second.client("last", func(oc *v1alpha1.OAuthClient) { oc.Spec.ClassName = "second" })
	second.becomes("last", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	ours, theirs := s.writes.take(), second.writes.take()
	if len(ours) < 2 || len(theirs) < 2 {
		t.Errorf("calls %q and %q: the test shows nothing", ours, theirs)
	}
	for _, call := range ours {
		if strings.Contains(call, "other") {
			t.Errorf("the first installation made the call %q", call)
		}
	}
	for _, call := range theirs {
		if strings.Contains(call, "first") {
			t.Errorf("the second installation made the call %q", call)
		}
	}
}

// N71: what another installation serves is in no count, holds no claim, opens no scope and needs no key.
func TestN71AnObjectOfAnotherClassCountsNowhere(t *testing.T) {
	s := newFixture(t)
	scope := "photos." + s.ns
	s.server("api", scope)
	s.updateServer("api", func(rs *v1alpha1.ResourceServer) { rs.Spec.Scopes[0].From = v1alpha1.ScopeFromAll })
	s.settleServer("api")
	oc := s.issued("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Scopes = []v1alpha1.Scope{v1alpha1.Scope(scope)} })

	other := s.beside()
	other.claims = other.newClaims()
	other.claims.Class = "second"
	other.r = other.reconciler(other.writes.watch(other.api))
	other.r.Class = "second"
	other.client("copy", func(c *v1alpha1.OAuthClient) {
		c.Spec.ClassName, c.Spec.Scopes, c.Spec.CallbackURLs = "second", oc.Spec.Scopes, oc.Spec.CallbackURLs
	})
	copied := other.settle("copy")
	other.wantReady(copied, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	other.says(copied.Status.Conditions, v1alpha1.ConditionScopesResolved, metav1.ConditionFalse, string(v1alpha1.ScopesResolvedReasonNotOpen))
	for _, row := range []struct {
		class  v1alpha1.ClassName
		issued bool
	}{{"", true}, {"second", true}, {"third", false}} {
		keys := &KeysReconciler{Client: s.api, Live: s.api, Class: row.class}
		if issued, err := keys.issued(t.Context()); err != nil || issued != row.issued {
			t.Errorf("class %q: keys are needed: %t (%v), want %t", row.class, issued, err, row.issued)
		}
	}
	elected := make(chan struct{})
	close(elected)
	registry := prometheus.NewRegistry()
	counts := NewMetrics(&Claims{Class: "third"}, elected)
	s.feed(counts)
	s.must(registry.Register(counts))
	families, err := registry.Gather()
	s.must(err)
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "gatehouse_oauth") || strings.HasPrefix(family.GetName(), "gatehouse_resource") {
			t.Errorf("class third counts %v", family)
		}
	}
}

// N72: a reset that cannot be written changes nothing: the old secret goes on working.
func TestN72AResetThatCannotBeWrittenChangesNothing(t *testing.T) {
	for _, row := range []struct {
		name  string
		touch func(*fixture)
		mend  func(*fixture)
	}{
		{
			name: "an immutable Secret, and the quota leaves no room for another",
			touch: func(s *fixture) {
				s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Immutable = new(true) })
				s.quota("0")
				s.awaitQuota()
			},
			mend: func(s *fixture) {
				s.must(s.api.Delete(s.t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "none"}}))
			},
		},
		{
			name: "an admission policy denies it",
			touch: func(s *fixture) {
				s.r = s.reconciler(s.writes.watch(refusingSecrets(s.api, apierrors.NewForbidden(corev1.Resource("secrets"), "photoprint-oauth", nil))))
			},
			mend: func(s *fixture) { s.r = s.reconciler(s.writes.watch(s.api)) },
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newFixture(t)
			s.issued("photoprint")
			before := s.secret("photoprint-oauth")
			row.touch(s)
			s.events.reasons()
			s.update("photoprint", reset("1"))
			for range 2 {
				if _, err := s.reconcile(s.r, "photoprint"); err == nil {
					t.Fatal("nobody will retry")
				}
			}
			oc := s.checked("photoprint")
			s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
			s.wantAccepted("photoprint", metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
			if !s.accepts(oc, value(before)) || oc.Status.LastHandledReset != "" || value(s.secret("photoprint-oauth")) != value(before) {
				t.Error("the old secret is no longer accepted, or gone")
			}
			if !strings.Contains(message(oc), "stay as they are") {
				t.Errorf("message %q", message(oc))
			}
			if got := s.events.reasons(); !slices.Equal(got, []string{"SecretNotWritten"}) {
				t.Errorf("events %q", got)
			}

			row.mend(s)
			s.eventually("the reset is done", func() bool {
				_, err := s.reconcile(s.r, "photoprint")
				return err == nil
			})
			oc = s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if s.accepts(oc, value(before)) || oc.Status.LastHandledReset != "1" {
				t.Error("it was not reset")
			}
		})
	}
}

// N159: in a namespace that is being deleted the API server takes no new Secret. That is no failure: nothing is tried again,
// nothing is logged as an error, and no status says that somebody has to help.
func TestN159ANamespaceThatIsBeingDeletedIsNoFailure(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.issued("photobook")
	s.client("photoframe")
	s.server("photostorage", s.ns+".read")
	s.must(s.api.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}}))
	s.eventually("the API server takes nothing new", func() bool {
		err := s.api.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "any"}}, client.DryRunAll)
		return isTerminating(err)
	})
	s.must(s.api.Delete(t.Context(), s.secret("photoprint-oauth")))
	s.update("photobook", reset("1"))
	s.edit("photobook-oauth", func(secret *corev1.Secret) { secret.Immutable = new(true) })
	server := &ResourceServerReconciler{s.r.Issuance}
	for name, reconcile := range map[string]func(context.Context, ctrl.Request) (ctrl.Result, error){
		"photoprint": s.r.Reconcile, "photobook": s.r.Reconcile, "photoframe": s.r.Reconcile, "photostorage": server.Reconcile,
	} {
		var log strings.Builder
		ctx := ctrl.LoggerInto(t.Context(), logr.FromSlogHandler(slog.NewTextHandler(&log, nil)))
		result, err := reconcile(ctx, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.ns, Name: name}})
		if err != nil || !result.IsZero() || log.Len() > 0 {
			t.Errorf("%s: result %v, error %v, log %q", name, result, err, log.String())
		}
	}
	s.wantReady(s.get("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantReady(s.get("photobook"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantReady(s.get("photoframe"), metav1.ConditionUnknown, string(v1alpha1.ReadyReasonPending))
	if got := s.events.reasons(); len(got) > 0 {
		t.Errorf("events %q", got)
	}
}

// L2: what is remembered of an object goes with it.
func TestExpectationsGoWithTheObject(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint")
	s.update("photoprint", reset("1"))
	s.settle("photoprint")
	if len(s.r.expected.latest) == 0 {
		t.Fatal("nothing is expected: the test shows nothing")
	}
	s.must(s.api.Delete(t.Context(), oc))
	if _, err := s.reconcile(s.r, "photoprint"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.r.expected.latest) + len(s.r.expected.byName); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}
