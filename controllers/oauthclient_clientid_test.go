// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

func named(clientID string) func(*v1alpha1.OAuthClient) {
	return func(oc *v1alpha1.OAuthClient) { oc.Spec.ClientID = v1alpha1.ClientID(clientID) }
}

// rivalsOf makes two clients with one client ID and returns the one it belongs to and the other.
func (s *scene) rivalsOf(clientID string) (winner, loser *v1alpha1.OAuthClient) {
	s.t.Helper()
	a, b := s.client("one", named(clientID)), s.client("other", named(clientID))
	if v1alpha1.Older(b, a) { // of one second, by UID
		a, b = b, a
	}
	return a, b
}

func TestAClientIDThatTheSpecNamesIsTheClients(t *testing.T) {
	s := newScene(t)
	oc := s.issued("photoprint", named("app_"+s.ns))
	if oc.Status.ClientID != "app_"+s.ns {
		t.Errorf("status.clientID is %q", oc.Status.ClientID)
	}
	if got := string(s.secret("photoprint-oauth").Data[v1alpha1.KeyClientID]); got != "app_"+s.ns {
		t.Errorf("the Secret holds the client ID %q", got)
	}
}

func TestN63OfTwoClientsWithOneClientIDTheOlderIsServed(t *testing.T) {
	for name, order := range map[string]func(winner, loser string) []string{
		"the older is seen first": func(winner, loser string) []string { return []string{winner, loser} },
		"the older is seen last":  func(winner, loser string) []string { return []string{loser, winner} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			winner, loser := s.rivalsOf("app_" + s.ns)
			for _, name := range order(winner.Name, loser.Name) {
				s.settle(name)
			}
			s.wantReady(s.checked(winner.Name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			lost := s.checked(loser.Name)
			s.wantReady(lost, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonClientIDConflict))
			if lost.Status.ClientID != "" || len(lost.Status.Credentials) != 0 {
				t.Errorf("the other one has the client ID %q and %d credentials", lost.Status.ClientID, len(lost.Status.Credentials))
			}
			s.noSecret(v1alpha1.SecretNameOf(loser))
			s.writes.reset()
			s.settle(winner.Name)
			s.settle(loser.Name)
			s.wantWrites()
			if told := s.events.reasons(); !slices.Contains(told, string(v1alpha1.AcceptedReasonClientIDConflict)) {
				t.Errorf("nobody was told: %v", told)
			}
		})
	}
}

func TestN63AClientIDOfAnotherNamespaceIsRefusedWithoutNamingItsOwner(t *testing.T) {
	const clientID = "app_20000001_1400000000000"
	s, stranger := newScene(t), newScene(t)
	victim := s.issued("photoprint", named(clientID))
	stranger.keys.use(s.pair)
	secret := s.secret("photoprint-oauth")

	claimed := stranger.client("copy", named(clientID))
	if v1alpha1.Older(claimed, victim) {
		claimed, victim = victim, claimed // of one second, by UID: then the second one is the owner
	}
	loser := s
	if claimed.Namespace == stranger.ns {
		loser = stranger
	}
	lost := loser.settle(claimed.Name)
	loser.wantReady(lost, metav1.ConditionFalse, string(v1alpha1.AcceptedReasonClientIDConflict))
	message := meta.FindStatusCondition(lost.Status.Conditions, string(v1alpha1.ConditionReady)).Message
	if strings.Contains(message, victim.Namespace) || !strings.Contains(message, "another namespace") {
		t.Errorf("says %q", message)
	}
	if diff := cmp.Diff(secret.Data, s.secret("photoprint-oauth").Data); diff != "" {
		t.Error("the Secret that was there has changed")
	}
}

func TestTheOtherClientIsIssuedOnceTheOlderOneGoes(t *testing.T) {
	s := newScene(t)
	winner, loser := s.rivalsOf("app_" + s.ns)
	s.settle(winner.Name)
	s.settle(loser.Name)
	s.writes.reset()

	// Its deletion wakes whoever claims the same.
	woken := s.r.rivals(t.Context(), winner)
	if len(woken) != 1 || woken[0].Name != loser.Name {
		t.Fatalf("woken: %v", woken)
	}
	s.must(s.api.Delete(t.Context(), winner))
	oc := s.settle(loser.Name)
	s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.wantWrites("status "+loser.Name, "apply "+v1alpha1.SecretNameOf(loser), "status "+loser.Name)
	if oc.Status.ClientID != "app_"+s.ns {
		t.Errorf("status.clientID is %q", oc.Status.ClientID)
	}
}

func TestN63AForgedStatusDoesNotMakeALoserTheOwner(t *testing.T) {
	s := newScene(t)
	winner, loser := s.rivalsOf("app_" + s.ns)
	owner := s.settle(winner.Name)
	s.settle(loser.Name)
	s.forge(loser.Name, func(status *v1alpha1.OAuthClientStatus) {
		status.ClientID, status.Credentials = owner.Status.ClientID, owner.Status.Credentials
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReadyReasonIssued),
		})
	})
	s.wantReady(s.settle(loser.Name), metav1.ConditionFalse, string(v1alpha1.AcceptedReasonClientIDConflict))
	s.noSecret(v1alpha1.SecretNameOf(loser))
	s.wantReady(s.settle(winner.Name), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// It can lose what it has only to an object of the same second.
func TestAClientThatLosesItsClientIDIsLeftAsItIs(t *testing.T) {
	oc := photoprint(ready, named("app_1"), func(oc *v1alpha1.OAuthClient) { oc.Status.ClientID = "app_1" })
	seen := observation{secret: heldBy(oc, oldN), clientID: &rival{what: "app_1"}}
	for name, change := range map[string]func(*v1alpha1.OAuthClient, *observation){
		"as it is":              func(*v1alpha1.OAuthClient, *observation) {},
		"a reset is asked for":  func(oc *v1alpha1.OAuthClient, _ *observation) { reset("1")(oc) },
		"its Secret is missing": func(_ *v1alpha1.OAuthClient, seen *observation) { seen.secret = nil },
		"its Secret was edited": func(_ *v1alpha1.OAuthClient, seen *observation) {
			seen.secret = heldBy(oc, oldN, func(s *corev1.Secret) { s.Data[v1alpha1.KeyClientSecret] = []byte("x") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			oc, seen := oc.DeepCopy(), seen
			change(oc, &seen)
			want := []string{"status False/ClientIDConflict " + oldN + " photoprint-oauth", "tell ClientIDConflict"}
			if diff := cmp.Diff(want, told(plan(oc, seen, fixedInput()))); diff != "" {
				t.Errorf("steps (-want +got)\n%s", diff)
			}
		})
	}
}
