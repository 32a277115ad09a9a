// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// asRead returns client and Secret number n as they come from the API server, each
// string with its own memory.
func asRead(t testing.TB, n int) (*v1alpha1.OAuthClient, *corev1.Secret) {
	t.Helper()
	oc := photoprint(func(oc *v1alpha1.OAuthClient) {
		oc.Name, oc.UID = fmt.Sprintf("client-%d", n), types.UID(fmt.Sprintf("6f1f7c2e-0d0b-4a52-9d3a-%012d", n))
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL(fmt.Sprintf("https://client-%d.example/callback", n))}
		oc.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: fmt.Sprintf("%01000d", n)}
		oc.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: appliedFields(fmt.Sprintf(`{"f:x":"%01000d"}`, n))}}
	}, ready)
	secret := heldBy(oc, oldN, func(s *corev1.Secret) {
		s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "gatehouse-" + string(oc.UID), FieldsV1: appliedFields(fmt.Sprintf(`{"f:x":"%01000d"}`, n))}}
	})
	return reread(t, oc), reread(t, secret)
}

func reread[T any](t testing.TB, in *T) *T {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func appliedFields(text string) *metav1.FieldsV1 {
	f := &metav1.FieldsV1{}
	f.SetRawString(text)
	return f
}

func TestWhatTheTransformsLeaveDecidesTheSame(t *testing.T) {
	var small transforms
	for n := range 3 {
		oc, secret := asRead(t, n)
		wantClient, wantSecret := oc.DeepCopy(), secret.DeepCopy()
		if _, err := small.client(oc); err != nil {
			t.Fatal(err)
		}
		for range 2 { // client-go may transform an object twice
			if _, err := small.secret(secret); err != nil {
				t.Fatal(err)
			}
		}
		secret = withLabel(secret)
		wantClient.ManagedFields, wantSecret.ManagedFields = nil, nil
		wantClient.Annotations = nil
		if diff := cmp.Diff(wantClient, oc); diff != "" {
			t.Errorf("the client (-whole +transformed)\n%s", diff)
		}
		if diff := cmp.Diff(wantSecret, secret); diff != "" {
			t.Errorf("the Secret (-whole +transformed)\n%s", diff)
		}
		if steps := linesOf(decide(inputOf(oc, observation{secret: secret}))); len(steps) != 0 {
			t.Errorf("transformed copies of an unchanged client take the steps %q", steps)
		}
		in := inputOf(oc, observation{secret: secret})
		in.subject.endpoints = func(string) map[string]string { return map[string]string{} } // written once, wanted no more
		if steps := linesOf(decide(in)); len(steps) == 0 {
			t.Error("the transformed Secret has forgotten what was written")
		}
	}
}

func TestAnInternerIsBounded(t *testing.T) {
	var p interner[string]
	for n := range internSize + 100 {
		text := fmt.Sprint(n)
		if got := p.shared(text, func() string { return text }); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	if len(p.known) != internSize {
		t.Errorf("%d are kept", len(p.known))
	}
}

// 10,000 clients shall add less than 60 MB. What is kept of them is three quarters of that; the
// rest is for fragments and for garbage. Counted is all that grows with the clients: the objects in
// their stores and who holds which claim.
func TestAClientTakesLessThanFourKilobytesAndAThird(t *testing.T) {
	const clients, limit = 2000, 4300
	var small transforms
	byNamespace := toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc}
	ofClients, ofSecrets := toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, byNamespace), toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, byNamespace)
	l := newLedger(newReleased())
	before := heap()
	for n := range clients {
		oc, secret := asRead(t, n)
		l.enter(clientSubject(reread(t, oc))) // was read for the ledger alone
		for store, keep := range map[toolscache.Store]func() (any, error){
			ofClients: func() (any, error) { return small.client(oc) },
			ofSecrets: func() (any, error) { return small.secret(secret) },
		} {
			kept, err := keep()
			if err := errors.Join(err, store.Add(kept)); err != nil {
				t.Fatal(err)
			}
		}
	}
	each := (heap() - before) / clients
	t.Logf("%d bytes a client", each)
	if each > limit {
		t.Errorf("%d bytes a client, want at most %d", each, limit)
	}
	runtime.KeepAlive([]any{ofClients, ofSecrets, l, &small})
}

// A list that is empty and a map that is empty take nothing.
func TestAnEmptyMapIsNotKept(t *testing.T) {
	var small transforms
	oc, secret := asRead(t, 1)
	if _, err := small.client(oc); err != nil || oc.Annotations != nil {
		t.Errorf("the client keeps the annotations %v (%v)", oc.Annotations, err)
	}
	if _, err := small.secret(secret); err != nil || secret.Labels != nil {
		t.Errorf("the Secret keeps the labels %v (%v)", secret.Labels, err)
	}
	_, more := asRead(t, 2)
	more.Labels["app"] = "photoprint"
	if _, err := small.secret(more); err != nil || len(more.Labels) != 2 {
		t.Errorf("the Secret with a label of its own keeps %v (%v)", more.Labels, err)
	}
	_, orphan := asRead(t, 3)
	orphan.OwnerReferences = nil
	if _, err := small.secret(orphan); err != nil || len(withLabel(orphan).Labels) != 1 {
		t.Errorf("the Secret without an owner keeps %v (%v)", orphan.Labels, err)
	}
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
