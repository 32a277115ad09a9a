// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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
		if _, err := small.secret(secret); err != nil {
			t.Fatal(err)
		}
		wantClient.ManagedFields, wantSecret.ManagedFields = nil, nil
		delete(wantClient.Annotations, corev1.LastAppliedConfigAnnotation)
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

// 10,000 clients shall add less than 60 MB. What is kept of them is two thirds of
// that at most; the rest is for the garbage collector.
func TestAClientAndItsSecretTakeLessThanFourKilobytes(t *testing.T) {
	const clients, limit = 2000, 4000
	var small transforms
	kept := make([]any, 0, 2*clients)
	before := heap()
	for n := range clients {
		oc, secret := asRead(t, n)
		for object, transform := range map[any]func(any) (any, error){oc: small.client, secret: small.secret} {
			kept1, err := transform(object)
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, kept1)
		}
	}
	each := (heap() - before) / clients
	t.Logf("%d bytes a client", each)
	if each > limit {
		t.Errorf("%d bytes a client, want at most %d", each, limit)
	}
	runtime.KeepAlive(kept)
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
