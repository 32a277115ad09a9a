// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"testing"
	"time"

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
		secret = withLabel(secret.DeepCopy()) // as the cache hands it out
		wantClient.ManagedFields, wantSecret.ManagedFields = nil, nil
		wantClient.Annotations = nil
		wantSecret.Data, wantSecret.StringData = nil, dataIsAsRecorded
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

// What anybody changed is seen in the cache as it is at the API server: the same is decided.
func TestDataThatIsNotAsRecordedIsKept(t *testing.T) {
	var small transforms
	for name, change := range map[string]func(*corev1.Secret){
		"another value":             func(s *corev1.Secret) { s.Data[v1alpha1.KeyClientSecret] = []byte("x") },
		"another issuer":            func(s *corev1.Secret) { s.Data[v1alpha1.KeyIssuer] = []byte("https://attacker.example") },
		"a value is gone":           func(s *corev1.Secret) { delete(s.Data, v1alpha1.KeyClientID) },
		"all data is gone":          func(s *corev1.Secret) { s.Data = nil },
		"one key more":              func(s *corev1.Secret) { s.Data["password"] = []byte("of somebody else") },
		"one label more":            func(s *corev1.Secret) { s.Labels["app"] = "photoprint" },
		"one annotation":            func(s *corev1.Secret) { s.Annotations["example.com/note"] = "x" },
		"another type":              func(s *corev1.Secret) { s.Type = "example.com/other" },
		"another owner":             func(s *corev1.Secret) { s.OwnerReferences[0].UID = "of-an-older-object" },
		"no record":                 func(s *corev1.Secret) { delete(s.Annotations, v1alpha1.AnnotationIssued) },
		"an unclear record":         func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationIssued] = "x" },
		"an empty record":           func(s *corev1.Secret) { s.Annotations[v1alpha1.AnnotationIssued] = "{}" },
		"another owner label":       func(s *corev1.Secret) { s.Labels[v1alpha1.LabelOwnerUID] = "of-an-older-object" },
		"immutable, one label more": func(s *corev1.Secret) { s.Labels["app"], s.Immutable = "photoprint", new(true) },
	} {
		oc, secret := asRead(t, 1)
		change(secret)
		whole := secret.DeepCopy()
		if _, err := small.secret(secret); err != nil {
			t.Fatal(err)
		}
		cached := withLabel(secret.DeepCopy())
		if isWithoutData(cached) || !maps.EqualFunc(cached.Data, whole.Data, bytes.Equal) {
			t.Errorf("%s: the cache holds the data %q", name, cached.Data)
		}
		want, got := linesOf(decide(inputOf(oc, observation{secret: whole}))), linesOf(decide(inputOf(oc, observation{secret: cached})))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: decided (-on the whole Secret +on the transformed one)\n%s", name, diff)
		}
	}
}

// Whoever writes a record that fits what they changed has it put right all the same.
func TestARecordOfSomebodyElseIsNotBelieved(t *testing.T) {
	var small transforms
	oc, secret := asRead(t, 1)
	secret.Data[v1alpha1.KeyIssuer] = []byte("https://attacker.example")
	in := inputOf(oc, observation{})
	forged := contentOf(in, issue{secret: derive(in, oldN)})
	forged.data = secret.Data
	delete(forged.annotations, v1alpha1.AnnotationIssued)
	var r record
	if err := json.Unmarshal([]byte(secret.Annotations[v1alpha1.AnnotationIssued]), &r); err != nil {
		t.Fatal(err)
	}
	r.Content = forged.digestOf()
	secret.Annotations[v1alpha1.AnnotationIssued] = r.text()
	if _, err := small.secret(secret); err != nil || !isWithoutData(secret) {
		t.Fatalf("the record does not fit the data (%v)", err)
	}
	want := []string{"apply client-1-oauth at 7", "event " + eventRestored}
	if diff := cmp.Diff(want, linesOf(decide(inputOf(oc, observation{secret: withLabel(secret)})))); diff != "" {
		t.Errorf("decided (-want +got)\n%s", diff)
	}
}

// With other keys it depends on the data of the Secret whether the client is served.
func TestADecisionThatNeedsTheDataAsksForIt(t *testing.T) {
	var small transforms
	oc, whole := asRead(t, 1)
	secret := whole.DeepCopy()
	if _, err := small.secret(secret); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		root byte
		seen *corev1.Secret
		want bool
	}{
		{name: "the keys make the client secret", root: 1, seen: secret, want: false},
		{name: "they do not", root: 3, seen: secret, want: true},
		{name: "they do not, and the data is there", root: 3, seen: whole, want: false},
		{name: "they do not, and there is no Secret", root: 3, seen: nil, want: false},
	} {
		in := inputOf(oc, observation{secret: row.seen})
		in.keys.root = fixed(row.root)
		if d := decide(in); d.wantsData != row.want {
			t.Errorf("%s: wants the data: %t", row.name, d.wantsData)
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

// 10,000 clients shall add less than 60 MB. What is kept of them is three fifths of that; the
// rest is for fragments and for garbage. Counted is all that grows with the clients: the objects in
// their stores and who holds which claim.
func TestAClientTakesLessThanThreeAndAHalfKilobytes(t *testing.T) {
	const clients, limit = 2000, 3500
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
	for _, o := range ofClients.List() { // every client is looked at after a start
		s := clientSubject(o.(*v1alpha1.OAuthClient).DeepCopy())
		l.settle(claimant{ref: s.ref(), uid: s.uid(), wants: s.claims, recorded: s.status.Claims}, time.Now())
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
