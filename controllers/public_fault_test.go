// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// mapsWith returns the names of the ConfigMaps with our label.
func (s *fixture) mapsWith() []string {
	s.t.Helper()
	list := &corev1.ConfigMapList{}
	s.must(s.api.List(s.t.Context(), list, client.InNamespace(s.ns), client.MatchingLabelsSelector{Selector: ourSecrets()}))
	var names []string
	for _, cm := range list.Items {
		names = append(names, cm.Name)
	}
	return names
}

// failing returns a client whose API server answers writes of objects of a kind so, while fails says so. The kind is known by two types:
// the object's, and that of what is applied.
func failing[Object, Applied any](c client.WithWatch, fails func() error) client.WithWatch {
	concerns := func(o any) bool {
		_, object := o.(Object)
		_, applied := o.(Applied)
		return object || applied
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := fails(); err != nil && concerns(obj) {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := fails(); err != nil && concerns(obj) {
				return err
			}
			return c.Delete(ctx, obj, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if err := fails(); err != nil && concerns(obj) {
				return err
			}
			return c.Apply(ctx, obj, opts...)
		},
	})
}

// Whichever call fails, before the API server acted or after it, the end is one ConfigMap, as it should be.
func TestWhicheverCallFailsThereIsOneConfigMap(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(*fixture) // a client "photoprint" that wants the ConfigMap "public", not reconciled
	}{
		{"a new client", func(s *fixture) { s.client("photoprint", withMap("public")) }},
		{"a new client without a Secret", func(s *fixture) {
			s.must(s.api.Create(s.t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "printer"}}))
			s.client("photoprint", accountsOf("printer"), withMap("public"))
		}},
		{"another name and a reset", func(s *fixture) {
			s.issued("photoprint", withMap("old"))
			s.update("photoprint", withMap("public"), reset("1"))
		}},
		{"one without its owner, and other keys", func(s *fixture) {
			s.issued("photoprint", withMap("public"))
			cm := s.configMap("public")
			cm.OwnerReferences = nil
			s.must(s.api.Update(s.t.Context(), cm, client.FieldOwner("somebody")))
			s.update("photoprint", func(oc *v1alpha1.OAuthClient) {
				oc.Spec.Credentials.SecretTemplate.Keys = &v1alpha1.SecretKeys{ClientID: "OAUTH_ID"}
			})
		}},
		{"an edited one that was made immutable", func(s *fixture) {
			s.issued("photoprint", withMap("public"))
			cm := s.configMap("public")
			cm.Data[v1alpha1.KeyIssuer], cm.Immutable = "https://evil.example", new(true)
			s.must(s.api.Update(s.t.Context(), cm, client.FieldOwner("somebody")))
		}},
		{"a client created anew", func(s *fixture) {
			s.must(s.api.Delete(s.t.Context(), s.issued("photoprint", withMap("public"))))
			s.client("photoprint", withMap("public"))
		}},
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answer lost %v", row.name, after), func(t *testing.T) {
				for n := 1; ; n++ {
					s := newFixture(t)
					row.start(s)
					f := &fault{nth: n, after: after}
					_, err := s.reconcile(s.reconciler(f.in(s.api)), "photoprint")
					if !f.struck {
						break
					}
					if !errors.Is(err, errFault) {
						t.Errorf("call %d failed and Reconcile returned %v", n, err)
					}
					oc := s.settle("photoprint")
					s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
					s.wantPublic(oc, "public")
					if names := s.mapsWith(); !slices.Equal(names, []string{"public"}) {
						t.Errorf("call %d: the ConfigMaps %q", n, names)
					}
				}
			})
		}
	}
}

func TestReconcilersAtOnceEndWithOneConfigMap(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", withMap("public-0"))
	for round, change := range []func(*v1alpha1.OAuthClient){
		func(*v1alpha1.OAuthClient) {}, withMap("public-1"), reset("1"), withMap(""), withMap("public-4"),
	} {
		s.update("photoprint", change)
		s.reconcileAtOnce(4, "photoprint")
		oc := s.settle("photoprint")
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		var want []string
		if name := string(oc.Spec.Credentials.ConfigMapName); name != "" {
			s.wantPublic(oc, name)
			want = []string{name}
		}
		if names := s.mapsWith(); !slices.Equal(names, want) {
			t.Errorf("round %d: the ConfigMaps %q, want %q", round, names, want)
		}
	}
}

// No application waits for a ConfigMap: what was decided about the credentials is in the status, whyever the ConfigMap is not there.
func TestATroubleWithAConfigMapKeepsNobodyOut(t *testing.T) {
	for name, row := range map[string]struct {
		answer error
		words  string
	}{
		"a webhook that does not answer": {apierrors.NewInternalError(errors.New("failed calling webhook")), "now: it failed, or an admission webhook"},
		"no answer":                      {apierrors.NewServerTimeout(corev1.Resource("configmaps"), "create", 1), "now: it failed, or an admission webhook"},
		"forbidden":                      {apierrors.NewForbidden(corev1.Resource("configmaps"), "public", nil), "quota of the namespace"},
		"invalid":                        {apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("ConfigMap").GroupKind(), "public", nil), "as invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFixture(t)
			answer := row.answer
			s.r = s.reconciler(s.writes.watch(failing[*corev1.ConfigMap, *appliedMap](s.api, func() error { return answer })))
			s.client("photoprint", withMap("public"))
			once := func() *v1alpha1.OAuthClient {
				t.Helper()
				if _, err := s.reconcile(s.r, "photoprint"); !errors.Is(err, answer) {
					t.Fatalf("the error is %v", err)
				}
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapNotWritten))
				if text := message(oc); !strings.Contains(text, `"public"`) || !strings.Contains(text, row.words) || !s.accepted(oc) {
					t.Errorf("accepted %t, Ready says %q", s.accepted(oc), text)
				}
				return oc
			}
			oc := once()
			s.wantWrites("create photoprint-oauth", "create public", "status photoprint")
			if stalled := meta.IsStatusConditionTrue(oc.Status.Conditions, string(v1alpha1.ConditionStalled)); stalled != isPermanent(row.answer) {
				t.Errorf("Stalled=%t: a GitOps tool gives up, or waits for ever", stalled)
			}
			once()
			s.wantWrites("create public") // the same is not said twice
			first := s.valueOf("photoprint")

			s.update("photoprint", rotation("1"))
			once()
			s.clock.advance(publishLag)
			if oc := once(); s.valueOf("photoprint") == first || len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ExpiresAt == nil {
				t.Errorf("the rotation did not end: %+v", oc.Status.Credentials)
			}
			s.update("photoprint", reset("1"))
			if oc := once(); oc.Status.LastHandledReset != "1" || len(oc.Status.Credentials) != 1 {
				t.Errorf("the reset was not made: %+v", oc.Status.Credentials)
			}
			if got := s.events.reasons(); !slices.Contains(got, "ConfigMapNotWritten") || !slices.Contains(got, "Reset") {
				t.Errorf("events %q", got)
			}
			answer = nil
			oc = s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			s.wantPublic(oc, "public")

			s.writes.reset()
			answer = row.answer
			s.must(s.api.Delete(t.Context(), s.configMap("public")))
			_, err := s.reconcile(s.r, "photoprint")
			ready := meta.IsStatusConditionTrue(s.get("photoprint").Status.Conditions, string(v1alpha1.ConditionReady))
			if !errors.Is(err, row.answer) || ready == isPermanent(row.answer) {
				t.Errorf("a fault that may pass at once makes a ready client unready, or a lasting one does not: %v, Ready is True: %t", err, ready)
			}
		})
	}
}

// An old ConfigMap that must not be deleted is said, and keeps nothing else back.
func TestAnOldConfigMapThatStaysIsSaid(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint", withMap("old"))
	s.update("photoprint", withMap("public"), reset("1"))
	var refusal error
	refusing := interceptor.NewClient(s.api, interceptor.Funcs{
		Delete: func(_ context.Context, _ client.WithWatch, obj client.Object, _ ...client.DeleteOption) error {
			refusal = apierrors.NewForbidden(corev1.Resource("configmaps"), obj.GetName(), nil)
			return refusal
		},
	})
	if _, err := s.reconcile(s.reconciler(refusing), "photoprint"); refusal == nil || !errors.Is(err, refusal) {
		t.Fatalf("the error is %v", err)
	}
	oc := s.checked("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapNotWritten))
	if !strings.Contains(message(oc), `delete the old ConfigMap "old"`) || oc.Status.LastHandledReset != "1" || !s.accepted(oc) {
		t.Errorf("Ready says %q", message(oc))
	}
	s.wantPublic(oc, "public")
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
	s.noConfigMap("old")
}

// What the API server stored is asked, not what was sent; and a webhook that stores another value each time is asked seldom.
func TestN387AConfigMapThatIsStoredOtherwiseIsSaidAndWrittenSeldom(t *testing.T) {
	var n atomic.Int64
	for how, change := range map[string]func(map[string][]byte){
		"changed": func(data map[string][]byte) {
			data[v1alpha1.KeyIssuer] = fmt.Append(nil, "https://evil.example/", n.Add(1))
		},
		"removed": func(data map[string][]byte) {
			delete(data, v1alpha1.KeyIssuer)
			data["times"] = fmt.Append(nil, n.Add(1))
		},
	} {
		t.Run(how, func(t *testing.T) {
			s := newFixture(t)
			hook := &webhook{ofMaps: true, change: change}
			spoiled := s.reconciler(s.changing(hook))
			s.client("photoprint", withMap("public"))
			look := func() {
				t.Helper()
				if _, err := s.reconcile(spoiled, "photoprint"); !errors.Is(err, errMapChanged) {
					t.Fatalf("the error is %v", err)
				}
				oc := s.checked("photoprint")
				s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonConfigMapNotWritten))
				if !strings.Contains(message(oc), "leave out those with the label gatehouse.dev/owner-uid") || !s.accepted(oc) {
					t.Errorf("Ready says %q", message(oc))
				}
			}
			wait := time.Second
			for writes := range int64(9) { // a create, then applies
				look()
				look() // as after the event of the ConfigMap
				if got := hook.writes.Load(); got != writes+1 {
					t.Fatalf("%d writes, want %d", got, writes+1)
				}
				s.clock.advance(wait)
				wait = min(2*wait, longestRetry)
			}
			s.update("photoprint", withMap("elsewhere")) // what is wanted now was not tried yet
			before := hook.writes.Load()
			if look(); hook.writes.Load() != before+1 {
				t.Error("a change waits")
			}
			if got := s.events.reasons(); !slices.Equal(got, []string{"ConfigMapNotWritten"}) {
				t.Errorf("events %q", got)
			}
			s.restarted()
			oc := s.settle("photoprint")
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if cm := s.configMap("elsewhere"); cm.Data[v1alpha1.KeyIssuer] != issuer {
				t.Errorf("the ConfigMap holds %v", cm.Data)
			}
			s.must(s.api.Delete(t.Context(), s.get("photoprint")))
			if _, err := s.reconcile(spoiled, "photoprint"); err != nil || len(spoiled.heldMaps.of) != 0 {
				t.Errorf("of an object that is gone is remembered %v (%v)", spoiled.heldMaps.of, err)
			}
		})
	}
}

// A Secret that is stored otherwise and lets applications in is not sent for a while. The ConfigMap follows the spec meanwhile.
func TestAConfigMapDoesNotWaitForASecretThatIsHeldBack(t *testing.T) {
	s := newFixture(t)
	s.client("photoprint", withMap("old"))
	spoiled := s.reconciler(s.changing(sealing("issuer")))
	for _, name := range []v1alpha1.ConfigMapName{"old", "public"} {
		s.update("photoprint", withMap(name))
		if _, err := s.reconcile(spoiled, "photoprint"); err != nil {
			t.Fatal(err)
		}
		oc := s.checked("photoprint")
		s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		s.wantPublic(oc, string(name))
	}
	s.noConfigMap("old")
}
