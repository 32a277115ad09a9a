// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

// claimRow is one kind of claim, as a test makes objects with it. All speak of one name.
type claimRow struct {
	kind   v1alpha1.ClaimKind
	reason v1alpha1.AcceptedReason
	// object makes an object that claims nothing; claim has it claim what the test is about.
	object func(*fixture, string)
	claim  func(*fixture, string)
	// settle reconciles the object and returns its status.
	settle func(*fixture, string) v1alpha1.IssuedStatus
	remove func(*fixture, string)
}

// claimRows are the four kinds. name is unique for a test.
func claimRows(name string) []claimRow {
	oauthClient := func(change func(*v1alpha1.OAuthClient)) claimRow {
		return claimRow{
			object: func(s *fixture, object string) {
				s.client(object, func(oc *v1alpha1.OAuthClient) {
					oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeClientCredentials}}
					oc.Spec.CallbackURLs = nil
				})
			},
			claim:  func(s *fixture, object string) { s.update(object, change) },
			settle: func(s *fixture, object string) v1alpha1.IssuedStatus { return s.settle(object).Status.IssuedStatus },
			remove: func(s *fixture, object string) { s.must(s.api.Delete(s.t.Context(), s.get(object))) },
		}
	}
	server := func(change func(*v1alpha1.ResourceServer)) claimRow {
		return claimRow{
			object: func(s *fixture, object string) { s.server(object, object+"."+s.ns) },
			claim:  func(s *fixture, object string) { s.updateServer(object, change) },
			settle: func(s *fixture, object string) v1alpha1.IssuedStatus {
				return s.settleServer(object).Status.IssuedStatus
			},
			remove: func(s *fixture, object string) { s.must(s.api.Delete(s.t.Context(), s.getServer(object))) },
		}
	}
	callback := oauthClient(func(oc *v1alpha1.OAuthClient) {
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + name + ".example/callback")}
	})
	callback.kind, callback.reason = v1alpha1.ClaimCallback, v1alpha1.AcceptedReasonCallbackConflict
	scope := server(func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Scopes = append(rs.Spec.Scopes, v1alpha1.ScopeDeclaration{Name: v1alpha1.Scope(name), Description: "See your photos"})
	})
	scope.kind, scope.reason = v1alpha1.ClaimScope, v1alpha1.AcceptedReasonScopeConflict
	identifier := server(func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Identifiers = []v1alpha1.Identifier{v1alpha1.Identifier("https://" + name + ".example")}
	})
	identifier.kind, identifier.reason = v1alpha1.ClaimIdentifier, v1alpha1.AcceptedReasonIdentifierConflict
	// A client ID cannot be added later: the object is made with it.
	clientID := oauthClient(func(*v1alpha1.OAuthClient) {})
	clientID.kind, clientID.reason = v1alpha1.ClaimClientID, v1alpha1.AcceptedReasonClientIDConflict
	clientID.object = func(*fixture, string) {}
	clientID.claim = func(s *fixture, object string) {
		s.client(object, func(oc *v1alpha1.OAuthClient) { oc.Spec.ClientID = v1alpha1.ClientID("app_" + name) })
	}
	return []claimRow{callback, scope, identifier, clientID}
}

// forEachClaim runs the test with each kind of claim, in two namespaces under one operator.
func forEachClaim(t *testing.T, test func(t *testing.T, row claimRow, a, b *fixture)) {
	for i := range claimRows("x") {
		t.Run(string(claimRows("x")[i].kind), func(t *testing.T) {
			a := newFixture(t)
			b := a.beside()
			test(t, claimRows(a.ns)[i], a, b)
		})
	}
}

// has checks that the object holds the claim.
func (s *fixture) has(row claimRow, object string) {
	s.t.Helper()
	status := row.settle(s, object)
	s.says(status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
	s.says(status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	for _, c := range status.Claims {
		if c.Since == nil || c.HeldBy != "" {
			s.t.Errorf("the claim is recorded as %+v", c)
		}
	}
}

// waits checks that the object waits for the claim, and returns what is recorded of it.
func (s *fixture) waits(row claimRow, object string) v1alpha1.ClaimStatus {
	s.t.Helper()
	status := row.settle(s, object)
	s.says(status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionFalse, string(row.reason))
	message := s.says(status.Conditions, v1alpha1.ConditionReady, metav1.ConditionFalse, string(row.reason))
	if strings.Contains(message, " test-") {
		s.t.Errorf("message %q names a namespace", message)
	}
	at := slices.IndexFunc(status.Claims, func(c v1alpha1.ClaimStatus) bool { return c.Kind == row.kind && c.Since == nil })
	if at < 0 {
		s.t.Fatalf("no waiting claim in %+v", status.Claims)
	}
	return status.Claims[at]
}

// N65: whoever parks an old object and claims later takes nothing from who had it first.
func TestN65AnOlderObjectTakesNothingThatAnotherHolds(t *testing.T) {
	forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
		row.object(b, "parked")
		if row.kind != v1alpha1.ClaimClientID {
			row.settle(b, "parked")
		}
		a.clock.advance(time.Minute)
		row.object(a, "shop")
		row.claim(a, "shop")
		a.has(row, "shop")
		a.clock.advance(time.Hour)

		row.claim(b, "parked")
		waiting := b.waits(row, "parked")
		if waiting.HeldBy == "" || waiting.HeldSince == nil {
			t.Errorf("who holds it is not recorded: %+v", waiting)
		}
		a.has(row, "shop")
		b.writes.reset()
		row.settle(b, "parked")
		b.wantWrites()

		// The same after another operator has taken over.
		a.restarted()
		b.claims = a.claims
		b.r = b.reconciler(b.writes.watch(b.api))
		b.waits(row, "parked")
		a.has(row, "shop")
	})
}

// N66: whoever waits gets nothing while the holder is re-created, and gets it after a day.
func TestN66WhoeverWaitsGetsNothingWhileTheHolderIsReplaced(t *testing.T) {
	forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
		row.contest(a, b)

		held := row.settle(b, "waiting").Conditions
		b.says(held, v1alpha1.ConditionStalled, metav1.ConditionTrue, string(row.reason))

		row.remove(a, "shop") // kubectl replace --force: delete and create
		if _, err := a.reconcileOnce(row, "shop"); err != nil {
			t.Fatal(err)
		}
		b.waits(row, "waiting")
		reserved := row.settle(b, "waiting").Conditions // it comes by itself, and the message says when
		message := b.says(reserved, v1alpha1.ConditionReconciling, metav1.ConditionTrue, string(row.reason))
		if until := a.clock.Now().Add(reservation).Format(time.RFC3339); !strings.Contains(message, until) {
			t.Errorf("message %q does not say %s", message, until)
		}
		if result, err := b.reconcileOnce(row, "waiting"); err != nil || result.RequeueAfter != reservation {
			t.Errorf("result %v, error %v: nobody looks again when it is free", result, err)
		}
		a.clock.advance(reservation - 5*time.Minute)
		b.waits(row, "waiting")
		row.object(a, "shop")
		row.claim(a, "shop")
		a.has(row, "shop")
		b.waits(row, "waiting")

		// It is gone for a day: then it is free.
		row.remove(a, "shop")
		if _, err := a.reconcileOnce(row, "shop"); err != nil {
			t.Fatal(err)
		}
		a.restarted() // the reservation survives the operator
		b.claims = a.claims
		b.r = b.reconciler(b.writes.watch(b.api))
		waiting := b.waits(row, "waiting")
		if waiting.HeldBy == "" {
			t.Errorf("who held it is not recorded: %+v", waiting)
		}
		a.clock.advance(reservation)
		b.has(row, "waiting")
	})
}

// N453: what was released is kept for a day, by the API server's clock where that of the operator is wrong.
func TestN453AWrongClockGivesNothingToAnotherNamespace(t *testing.T) {
	for name, off := range map[string]struct{ released, looked time.Duration }{
		"ahead later":            {0, 48 * time.Hour},
		"behind at the release":  {-48 * time.Hour, 0},
		"ahead at the release":   {48 * time.Hour, 0},
		"ahead for all the time": {48 * time.Hour, 48 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
				var skew time.Duration
				shows := func(ahead time.Duration) {
					a.clock.advance(ahead - skew)
					skew = ahead
				}
				a.claims.Skew = func() (time.Duration, bool) { return skew, true }
				a.r.Skew, b.r.Skew = a.claims.Skew, a.claims.Skew
				row.contest(a, b)

				shows(off.released)
				row.remove(a, "shop")
				if _, err := a.reconcileOnce(row, "shop"); err != nil {
					t.Fatal(err)
				}
				shows(off.looked)
				b.waits(row, "waiting")
				if result, err := b.reconcileOnce(row, "waiting"); err != nil || result.RequeueAfter < foreignEvery {
					t.Errorf("it is looked at again after %s, %v", result.RequeueAfter, err)
				}
				shows(0)
				a.clock.advance(reservation - 5*time.Minute)
				b.waits(row, "waiting")
				a.clock.advance(5 * time.Minute)
				b.has(row, "waiting")
			})
		})
	}
}

// N66: the holder was replaced while no operator ran, and the operator saw the one that waits first.
func TestN66WhoeverWaitsGetsNothingThatWasReleasedWhileTheOperatorWasAway(t *testing.T) {
	forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
		row.contest(a, b)

		row.remove(a, "shop")
		a.restarted()
		b.claims = a.claims
		b.r = b.reconciler(b.writes.watch(b.api))
		b.waits(row, "waiting")
		row.remove(b, "waiting") // a new object of the same namespace waits as well
		row.object(b, "waiting")
		row.claim(b, "waiting")
		b.waits(row, "waiting")
		row.object(a, "shop")
		row.claim(a, "shop")
		a.has(row, "shop")
		b.waits(row, "waiting")
	})
}

// contest has shop in a hold the claim, and waiting in b want it.
func (row claimRow) contest(a, b *fixture) {
	row.object(a, "shop")
	row.claim(a, "shop")
	a.has(row, "shop")
	row.object(b, "waiting")
	row.claim(b, "waiting")
	b.waits(row, "waiting")
}

// reconcileOnce reconciles an object once, also one that is gone.
func (s *fixture) reconcileOnce(row claimRow, object string) (ctrl.Result, error) {
	kind := v1alpha1.KindOAuthClient
	if row.kind == v1alpha1.ClaimScope || row.kind == v1alpha1.ClaimIdentifier {
		kind = v1alpha1.KindResourceServer
	}
	ref := objectRef{kind: kind, namespace: s.ns, name: object}
	if kind == v1alpha1.KindResourceServer {
		return s.r.reconcile(s.t.Context(), ref, &v1alpha1.ResourceServer{})
	}
	return s.r.reconcile(s.t.Context(), ref, &v1alpha1.OAuthClient{})
}

// N67: addresses are compared as addresses.
func TestN67AnotherSpellingOfACallbackIsTheSameClaim(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	host := "https://" + a.ns + ".example"
	use := func(url string) func(*v1alpha1.OAuthClient) {
		return func(oc *v1alpha1.OAuthClient) {
			oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(url)}
		}
	}
	row := claimRows(a.ns)[0]
	a.client("shop", use(host+"/callback"))
	a.has(row, "shop")
	a.client("root", use(host))
	a.has(row, "root")
	b.client("thief", use(host+"/callback"))
	for _, url := range []string{"/callback?x=1", "/callback/", "//callback", "/callback;a", "/callback?", "", "/", "/?x"} {
		b.update("thief", use(host+url))
		b.waits(row, "thief")
	}
	a.has(row, "shop")
	b.update("thief", use(host+"/other"))
	b.has(row, "thief")
}

// N68: of two reconciles at once one wins, whichever.
func TestN68OfManyThatClaimAtOnceOneNamespaceWins(t *testing.T) {
	const namespaces, objects, rounds = 8, 4, 20
	for round := range rounds {
		l := &Claims{Now: func() time.Time { return time.Unix(1, 0) }, ledger: newLedger(newReleased())}
		claim := policy.Claim{Kind: v1alpha1.ClaimCallback, Name: fmt.Sprintf("https://x.example/%d", round)}
		var mu sync.Mutex
		winners := map[string]int{}
		var group sync.WaitGroup
		for n := range namespaces {
			for o := range objects {
				group.Go(func() {
					ref := objectRef{kind: v1alpha1.KindOAuthClient, namespace: fmt.Sprint(n), name: fmt.Sprint(o)}
					results, err := l.settle(t.Context(), claimant{ref: ref, uid: types.UID(ref.namespace + "/" + ref.name), wants: []policy.Claim{claim}})
					if err != nil {
						t.Error(err)
						return
					}
					if results[0].held() {
						mu.Lock()
						winners[ref.namespace]++
						mu.Unlock()
					}
				})
			}
		}
		group.Wait()
		if len(winners) != 1 {
			t.Fatalf("winners %v", winners)
		}
		for namespace, n := range winners {
			if n != objects {
				t.Errorf("of namespace %s %d objects hold it, want all %d", namespace, n, objects)
			}
		}
	}
}

// N69: a status that was restored from a backup counts by its time, whoever came first.
func TestN69AClaimThatIsRecordedTwiceBelongsToTheEarlier(t *testing.T) {
	forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
		row.object(a, "shop")
		row.claim(a, "shop")
		a.has(row, "shop")
		recorded := row.settle(a, "shop").Claims
		row.remove(a, "shop")
		if _, err := a.reconcileOnce(row, "shop"); err != nil {
			t.Fatal(err)
		}
		a.clock.advance(2 * reservation)
		row.object(b, "later")
		row.claim(b, "later")
		b.has(row, "later")

		row.object(a, "shop") // a backup brings the object back, and its status
		row.claim(a, "shop")
		a.restoreClaims(row, "shop", recorded)
		a.has(row, "shop")
		b.waits(row, "later")
	})
}

// N69: two of one moment exclude each other, but a status that was copied from another object yields.
func TestN69AClaimOfOneMomentBelongsToNobody(t *testing.T) {
	now := time.Unix(100, 0).UTC()
	claim := policy.Claim{Kind: v1alpha1.ClaimScope, Name: "photos.read"}
	recorded := []v1alpha1.ClaimStatus{{Kind: claim.Kind, Name: claim.Name, Since: new(metav1.NewMicroTime(now))}}
	of := func(name string, copied bool) claimant {
		return claimant{
			ref: objectRef{kind: v1alpha1.KindResourceServer, namespace: name, name: name}, uid: types.UID(name),
			wants: []policy.Claim{claim}, recorded: recorded, copied: copied,
		}
	}
	for _, row := range []struct {
		name             string
		aCopied, bCopied bool
		aHolds           bool
	}{
		{name: "both their own", aHolds: false},
		{name: "one is a copy", bCopied: true, aHolds: true},
		{name: "both are copies", aCopied: true, bCopied: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLedger(newReleased())
			l.settle(of("a", row.aCopied), now)
			b, concerned := l.settle(of("b", row.bCopied), now)
			a, _ := l.settle(of("a", row.aCopied), now)
			if a[0].held() != row.aHolds || b[0].held() {
				t.Errorf("a holds it: %t, b holds it: %t", a[0].held(), b[0].held())
			}
			if !slices.Contains(concerned, of("a", false).ref) {
				t.Error("a is not told")
			}
			l.forget(of("a", false).ref, now)
			if b, _ = l.settle(of("b", row.bCopied), now); !b[0].held() && !row.aHolds {
				t.Error("b does not hold it although a is gone")
			}
		})
	}
}

// What no other test reaches.
func TestCornersOfTheLedger(t *testing.T) {
	now := time.Unix(100, 0).UTC()
	callback := policy.Claim{Kind: v1alpha1.ClaimCallback, Name: "https://x.example/"}
	scope := policy.Claim{Kind: v1alpha1.ClaimScope, Name: "photos.read"}
	of := func(namespace, name string, wants ...policy.Claim) claimant {
		return claimant{ref: objectRef{kind: "Any", namespace: namespace, name: name}, uid: types.UID(namespace + "/" + name), wants: wants}
	}
	recorded := func(c policy.Claim, since time.Time) []v1alpha1.ClaimStatus {
		return []v1alpha1.ClaimStatus{{Kind: c.Kind, Name: c.Name, Since: new(metav1.NewMicroTime(since))}}
	}
	t.Run("a denied object does not keep the callback of its namespace alive", func(t *testing.T) {
		l := newLedger(newReleased())
		l.settle(of("a", "one", callback), now)
		denied := of("a", "two", callback)
		denied.denied = true
		if got, _ := l.settle(denied, now); got[0].held() {
			t.Error("it holds the claim")
		}
		l.forget(of("a", "one").ref, now)
		if n := l.released.count(now); n != 1 {
			t.Errorf("%d claims are released, want 1", n)
		}
	})
	t.Run("a restored status does not take what is kept for another namespace since before", func(t *testing.T) {
		for since, want := range map[time.Time]bool{now.Add(-time.Second): true, now: false, now.Add(time.Second): false} {
			l := newLedger(newReleased())
			l.settle(of("a", "one", scope), now)
			l.forget(of("a", "one").ref, now.Add(time.Minute))
			restored := of("b", "two", scope)
			restored.recorded = recorded(scope, since)
			if got, _ := l.settle(restored, now.Add(2*time.Minute)); got[0].held() != want {
				t.Errorf("recorded since %s: holds it %t, want %t", since, got[0].held(), want)
			}
		}
	})
	t.Run("a claim that a status lists twice is given up once", func(t *testing.T) {
		l := newLedger(newReleased())
		rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "one", UID: "u"}}
		rs.Status.Claims = append(recorded(scope, now), recorded(scope, now)...)
		l.enter(resourceServerSubject(rs))
		l.forget(resourceServerSubject(rs).ref(), now)
		if len(l.entries) != 0 || len(l.objects) != 0 {
			t.Errorf("left: %v, %v", l.entries, l.objects)
		}
	})
	t.Run("what is over leaves nothing behind", func(t *testing.T) {
		l := newLedger(newReleased())
		for n := range 100 {
			l.settle(of("a", fmt.Sprint(n), scope, callback), now)
		}
		for n := range 100 {
			l.settle(of("a", fmt.Sprint(n)), now)
			l.forget(of("a", fmt.Sprint(n)).ref, now)
		}
		if len(l.entries) != 0 || len(l.objects) != 0 {
			t.Errorf("left: %d claims, %d objects", len(l.entries), len(l.objects))
		}
	})
	t.Run("a ResourceServer that is younger waits for the scope, whoever settles first", func(t *testing.T) {
		l := newLedger(newReleased())
		first, _ := l.settle(of("a", "one", scope), now)
		second, concerned := l.settle(of("b", "two", scope), now.Add(-time.Hour)) // a clock that went back
		if !first[0].held() || second[0].held() || len(concerned) != 0 {
			t.Errorf("first %+v, second %+v, concerned %v", first, second, concerned)
		}
	})
}

// restoreClaims writes the claims into the status, as a restore does.
func (s *fixture) restoreClaims(row claimRow, object string, claims []v1alpha1.ClaimStatus) {
	s.t.Helper()
	if row.kind == v1alpha1.ClaimScope || row.kind == v1alpha1.ClaimIdentifier {
		rs := s.getServer(object)
		rs.Status.Claims = claims
		s.must(s.api.Status().Update(s.t.Context(), rs))
		return
	}
	oc := s.get(object)
	oc.Status.Claims = claims
	s.must(s.api.Status().Update(s.t.Context(), oc))
}

// A namespace that floods the released claims drops its own, and people are told.
func TestReleasedClaimsAreBounded(t *testing.T) {
	s := newFixture(t)
	now := s.clock.Now()
	s.must(s.claims.load(t.Context()))
	l := s.claims.ledger
	release := func(namespace, name string, at time.Time) {
		l.released.add(releasedClaim{Kind: v1alpha1.ClaimCallback, Name: name, Namespace: namespace, Since: at, ReleasedAt: at})
	}
	release("victim", "https://victim.example/", now)
	for n := range 3 * releasedShards * releasedPerShard {
		release("flood", fmt.Sprintf("https://flood.example/%d/%s", n, strings.Repeat("x", 480)), now.Add(time.Second))
	}
	if n := l.released.count(now); n > releasedShards*releasedPerShard {
		t.Errorf("%d are kept", n)
	}
	victim := policy.Claim{Kind: v1alpha1.ClaimCallback, Name: "https://victim.example/"}
	if _, kept := l.released.against(victim, "other", now); !kept {
		t.Error("the claim of another namespace was dropped")
	}
	s.must(s.claims.store(t.Context(), true))
	if got := s.events.reasons(); !slices.Equal(got, []string{reasonClaimsDropped}) {
		t.Errorf("events %q", got)
	}
	if kept, dropped := s.claims.counts(); kept == 0 || dropped == 0 {
		t.Errorf("%d are kept, %d dropped", kept, dropped)
	}

	again := s.newClaims()
	s.must(again.load(t.Context()))
	if _, kept := again.ledger.released.against(victim, "other", now); !kept {
		t.Error("another operator does not know it")
	}
	s.clock.advance(reservation + time.Minute)
	fresh := s.newClaims()
	s.must(fresh.load(t.Context()))
	if n := fresh.ledger.released.count(s.clock.Now()); n != 0 {
		t.Errorf("%d have expired and are kept", n)
	}
}

// A claim goes to whoever waits in the same namespace at once, and a change tells who waits.
func TestAClaimGoesOnWithinItsNamespace(t *testing.T) {
	forEachClaim(t, func(t *testing.T, row claimRow, a, b *fixture) {
		if row.kind == v1alpha1.ClaimCallback {
			return // shared within a namespace
		}
		var woken []objectRef
		a.claims.Wake = func(ref objectRef) { woken = append(woken, ref) }
		row.object(a, "one")
		row.claim(a, "one")
		a.has(row, "one")
		row.object(a, "two")
		row.claim(a, "two")
		a.waits(row, "two")
		row.object(b, "three")
		row.claim(b, "three")
		b.waits(row, "three")
		row.remove(a, "one")
		woken = nil
		if _, err := a.reconcileOnce(row, "one"); err != nil {
			t.Fatal(err)
		}
		if len(woken) != 2 {
			t.Errorf("woken %v", woken)
		}
		b.waits(row, "three")
		a.has(row, "two")
	})
}

func TestACallbackIsSharedWithinItsNamespace(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	row := claimRows(a.ns)[0]
	for _, name := range []string{"one", "two"} {
		row.object(a, name)
		row.claim(a, name)
		a.has(row, name)
	}
	row.object(b, "three")
	row.claim(b, "three")
	b.waits(row, "three")
	row.remove(a, "one")
	if _, err := a.reconcileOnce(row, "one"); err != nil {
		t.Fatal(err)
	}
	a.has(row, "two")
	b.waits(row, "three")
	if n, _ := a.claims.counts(); n != 0 {
		t.Errorf("%d claims are kept although one object has it still", n)
	}
}

func TestAnObjectThatIsBeingDeletedHoldsNothing(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	row := claimRows(a.ns)[0]
	row.object(a, "shop")
	a.update("shop", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = []string{"example.com/keep"} })
	row.claim(a, "shop")
	a.has(row, "shop")
	row.object(b, "other")
	row.claim(b, "other")
	b.waits(row, "other")
	row.remove(a, "shop")
	if _, err := a.reconcile(a.r, "shop"); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(reservation)
	b.has(row, "other")
	a.update("shop", func(oc *v1alpha1.OAuthClient) { oc.Finalizers = nil })
}

// The deletion may go unseen, where an object of the same name comes at once.
func TestAnObjectThatIsMadeAnewInAnotherClassHoldsNothing(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	row := claimRows(a.ns)[0]
	row.object(a, "shop")
	row.claim(a, "shop")
	a.has(row, "shop")
	row.remove(a, "shop")
	a.client("shop", func(oc *v1alpha1.OAuthClient) { oc.Spec.ClassName = "second" })
	if _, err := a.reconcile(a.r, "shop"); err != nil {
		t.Fatal(err)
	}
	if kept, _ := a.claims.counts(); kept != 1 {
		t.Errorf("%d claims are released, want 1", kept)
	}
	a.clock.advance(reservation)
	row.object(b, "other")
	row.claim(b, "other")
	b.has(row, "other")
}

func TestALoopbackCallbackBelongsToNobody(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	for _, s := range []*fixture{a, b} {
		s.client("photoprint", func(oc *v1alpha1.OAuthClient) {
			oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
			oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{"http://127.0.0.1/callback", "http://[::1]/callback"}
		})
		s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	}
}

func TestAClientIDThatTheSpecNamesIsTheClients(t *testing.T) {
	s := newFixture(t)
	oc := s.issued("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.ClientID = v1alpha1.ClientID("app_" + s.ns) })
	if oc.Status.ClientID != "app_"+s.ns {
		t.Errorf("status.clientID is %q", oc.Status.ClientID)
	}
	if got := string(s.secret("photoprint-oauth").Data[v1alpha1.KeyClientID]); got != "app_"+s.ns {
		t.Errorf("the Secret holds the client ID %q", got)
	}
}

// N63: a client whose client ID another one has gets no client ID, no credential and no Secret.
func TestN63AClientIDThatAnotherHoldsGivesNothing(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	row := claimRows(a.ns)[3]
	row.claim(a, "photoprint")
	a.has(row, "photoprint")
	owner := a.get("photoprint")
	row.claim(b, "copy")
	b.waits(row, "copy")
	lost := b.checked("copy")
	if lost.Status.ClientID != "" || len(lost.Status.Credentials) != 0 {
		t.Errorf("it has the client ID %q and %d credentials", lost.Status.ClientID, len(lost.Status.Credentials))
	}
	b.noSecret("copy-oauth")
	// A forged status makes it no owner.
	b.forge("copy", func(status *v1alpha1.OAuthClientStatus) {
		status.ClientID, status.Credentials = owner.Status.ClientID, owner.Status.Credentials
	})
	b.waits(row, "copy")
	b.noSecret("copy-oauth")
	a.has(row, "photoprint")
}

// Under a manager whoever waits is woken when the claim becomes free for it.
func TestUnderAManagerWhoeverWaitsIsServedOnceTheClaimIsFree(t *testing.T) {
	s := newFixture(t)
	s.start()
	scope := "photos." + s.ns
	s.server("one", scope)
	s.serverBecomes("one", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.server("two", scope)
	s.serverBecomes("two", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonScopeConflict))
	s.updateServer("one", func(rs *v1alpha1.ResourceServer) { rs.Spec.Scopes[0].Name = v1alpha1.Scope(scope + ".other") })
	s.serverBecomes("two", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.updateServer("one", func(rs *v1alpha1.ResourceServer) { rs.Spec.Scopes[0].Name = v1alpha1.Scope(scope) })
	s.serverBecomes("one", metav1.ConditionFalse, string(v1alpha1.AcceptedReasonScopeConflict))
	s.must(s.api.Delete(t.Context(), s.getServer("two")))
	s.serverBecomes("one", metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// A release is stored before anything else changes: without it nothing is written.
func TestAReleaseThatCannotBeStoredIsTriedAgain(t *testing.T) {
	a := newFixture(t)
	b := a.beside()
	row := claimRows(a.ns)[0]
	row.contest(a, b)
	a.update("shop", func(oc *v1alpha1.OAuthClient) { oc.Spec.CallbackURLs = nil })
	f := &fault{nth: 1}
	a.claims.Client = f.in(a.api)
	a.writes.reset()
	if _, err := a.reconcile(a.r, "shop"); !errors.Is(err, errFault) {
		t.Errorf("error %v", err)
	}
	a.wantWrites()
	a.claims.Client = a.api
	a.settle("shop")
	a.restarted()
	b.claims = a.claims
	b.r = b.reconciler(b.writes.watch(b.api))
	b.waits(row, "waiting")
}

// However many objects share a claim or wait for it: who comes or goes has only those looked at
// again for which something is different.
func TestTheLedgerWakesOnlyThoseWhoAreConcerned(t *testing.T) {
	const many = 200
	claim := policy.Claim{Kind: v1alpha1.ClaimCallback, Name: "https://broker.example/callback"}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	l := newLedger(newReleased())
	ref := func(namespace string, n int) objectRef {
		return objectRef{kind: v1alpha1.KindOAuthClient, namespace: namespace, name: fmt.Sprint(n)}
	}
	woken := 0
	settle := func(namespace string, n int) claimResult {
		now = now.Add(time.Second)
		results, concerned := l.settle(claimant{
			ref: ref(namespace, n), uid: types.UID(fmt.Sprint(namespace, n)), wants: []policy.Claim{claim},
		}, now)
		woken += len(concerned)
		return results[0]
	}
	forget := func(namespace string, n int) { woken += len(l.forget(ref(namespace, n), now)) }
	wants := func(what string, most int) {
		t.Helper()
		if woken > most {
			t.Errorf("%s: %d objects were woken, want at most %d", what, woken, most)
		}
		woken = 0
	}
	for n := range many {
		if !settle("holders", n).held() || settle("waiters", n).held() {
			t.Fatal("the claim is not that of the first namespace")
		}
	}
	wants("all come", 0)
	for n := range many / 2 {
		forget("waiters", n)
	}
	wants("some that wait go", 0)
	for n := range many / 2 {
		forget("holders", many-1-n)
	}
	wants("some that hold it go", 0)
	forget("holders", 0) // the status of those that wait names it
	wants("the first that holds it goes", many/2)
	if got := settle("waiters", many-1); got.heldBy != types.UID("holders1") {
		t.Errorf("held by %s, want the next one", got.heldBy)
	}
	for n := 1; n < many/2; n++ {
		forget("holders", n)
	}
	if woken < many/2 {
		t.Error("the last that holds it goes, and those that wait are not woken")
	}
}

// The ledger is built even where that takes longer than a reconcile may: the next one would
// begin from the start again.
func TestTheLedgerIsBuiltWhenAReconcileRunsOutOfTime(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	claims := s.newClaims()
	claims.Live = interceptor.NewClient(s.api, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			cancel() // the time of the reconcile is over
			if err := ctx.Err(); err != nil {
				return err
			}
			return c.List(ctx, list, opts...)
		},
	})
	s.must(claims.load(ctx))
	if len(claims.ledger.objects) == 0 {
		t.Error("the ledger is empty")
	}
}
