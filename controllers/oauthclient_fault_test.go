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

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
)

// fault makes one call of a client fail.
type fault struct {
	mu     sync.Mutex
	calls  int
	nth    int  // this one; from 1
	after  bool // the API server did it, but the answer is lost
	struck bool
}

var errFault = apierrors.NewServerTimeout(corev1.Resource("anything"), "call", 1)

func (f *fault) strike(call func() error) error {
	f.mu.Lock()
	f.calls++
	hit := f.calls == f.nth
	f.struck = f.struck || hit
	f.mu.Unlock()
	if hit && !f.after {
		return errFault
	}
	err := call()
	if hit {
		return errFault
	}
	return err
}

func (f *fault) in(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			return f.strike(func() error { return c.Get(ctx, key, obj, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return f.strike(func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return f.strike(func() error { return c.Create(ctx, obj, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return f.strike(func() error { return c.Delete(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return f.strike(func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return f.strike(func() error { return c.Apply(ctx, obj, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return f.strike(func() error { return c.SubResource(sub).Patch(ctx, obj, patch, opts...) })
		},
	})
}

// Whichever call of a reconcile fails, before the API server acted or after it, the
// retries end where an undisturbed one ends, with one credential.
func TestWhicheverCallFailsTheEndIsTheSame(t *testing.T) {
	for _, row := range []struct {
		name  string
		start func(*fixture) // a client "photoprint", not reconciled
		check func(*fixture, *v1alpha1.OAuthClient)
	}{
		{name: "a new client", start: func(s *fixture) { s.client("photoprint") }, check: func(*fixture, *v1alpha1.OAuthClient) {}},
		{
			name: "a reset",
			start: func(s *fixture) {
				s.issued("photoprint")
				s.update("photoprint", reset("1"))
			},
			check: func(s *fixture, oc *v1alpha1.OAuthClient) {
				if oc.Status.LastHandledReset != "1" {
					s.t.Error("not handled")
				}
			},
		},
		{
			name: "a renaming and an edited Secret",
			start: func(s *fixture) {
				s.issued("photoprint")
				s.update("photoprint", func(oc *v1alpha1.OAuthClient) { oc.Spec.Credentials.SecretName = "elsewhere" })
			},
			check: func(s *fixture, oc *v1alpha1.OAuthClient) {
				s.noSecret("photoprint-oauth")
				if oc.Status.SecretName != "elsewhere" {
					s.t.Errorf("the status names the Secret %s", oc.Status.SecretName)
				}
			},
		},
		{
			name: "a reset of an immutable Secret",
			start: func(s *fixture) {
				s.issued("photoprint")
				s.edit("photoprint-oauth", func(o *corev1.Secret) { o.Immutable = new(true) })
				s.update("photoprint", reset("1"))
			},
			check: func(s *fixture, oc *v1alpha1.OAuthClient) {
				if oc.Status.LastHandledReset != "1" {
					s.t.Error("not handled")
				}
			},
		},
		{
			name: "a rotation, the status",
			start: func(s *fixture) {
				s.issued("photoprint")
				s.update("photoprint", rotation("1"))
			},
			check: rotatedOnce,
		},
		{
			name: "a rotation, the Secret",
			start: func(s *fixture) {
				s.issued("photoprint")
				s.update("photoprint", rotation("1"))
				_, err := s.reconcile(s.r, "photoprint")
				s.must(err)
				s.clock.advance(publishLag)
			},
			check: rotatedOnce,
		},
		{
			name: "a client created anew",
			start: func(s *fixture) {
				s.must(s.api.Delete(s.t.Context(), s.issued("photoprint")))
				s.client("photoprint")
			},
			check: func(*fixture, *v1alpha1.OAuthClient) {},
		},
		{
			name: "a Public client",
			start: func(s *fixture) {
				s.client("photoprint", func(oc *v1alpha1.OAuthClient) {
					oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}
				})
			},
			check: func(*fixture, *v1alpha1.OAuthClient) {},
		},
	} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answer lost %v", row.name, after), func(t *testing.T) {
				for n := 1; ; n++ {
					s := newFixture(t)
					row.start(s)
					f := &fault{nth: n, after: after}
					r := s.reconciler(f.in(s.api))
					_, err := s.reconcile(r, "photoprint")
					if !f.struck {
						break // it makes no more calls than that
					}
					if !errors.Is(err, errFault) {
						t.Errorf("call %d failed and Reconcile returned %v", n, err)
					}
					oc := s.settle("photoprint")
					s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
					row.check(s, oc)
					s.oneSecret(s.get("photoprint"))
				}
			})
		}
	}
}

// rotatedOnce checks that a rotation was made, once, and lets its overlap end.
func rotatedOnce(s *fixture, oc *v1alpha1.OAuthClient) {
	s.t.Helper()
	if oc.Status.LastHandledRotation != "1" || len(oc.Status.Credentials) != 2 || oc.Status.Credentials[0].ID != credential.FirstID(string(oc.UID), "") {
		s.t.Errorf("the status is %+v", oc.Status)
	}
	s.clock.advance(day)
	s.settle("photoprint")
}

// The same for a ResourceServer, which goes the same way.
func TestWhicheverCallFailsAResourceServerEndsTheSame(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			s := newFixture(t)
			s.server("api", "photos."+s.ns)
			f := &fault{nth: n, after: after}
			r := s.reconciler(f.in(s.api))
			_, err := r.reconcile(t.Context(), objectRef{v1alpha1.KindResourceServer, s.ns, "api"}, &v1alpha1.ResourceServer{})
			if !f.struck {
				break
			}
			if !errors.Is(err, errFault) {
				t.Errorf("call %d failed and Reconcile returned %v", n, err)
			}
			rs := s.settleServer("api")
			s.says(rs.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if len(rs.Status.Credentials) != 1 {
				t.Errorf("call %d: %d credentials", n, len(rs.Status.Credentials))
			}
		}
	}
}

// oneSecret checks that the client has one credential, or none if it is Public, and
// one Secret.
func (s *fixture) oneSecret(oc *v1alpha1.OAuthClient) {
	s.t.Helper()
	want := 1
	if oc.Spec.Public() {
		want = 0
	}
	if got := len(oc.Status.Credentials); got != want {
		s.t.Errorf("%d credentials, want %d", got, want)
	}
	secrets := &corev1.SecretList{}
	s.must(s.api.List(s.t.Context(), secrets, client.InNamespace(s.ns)))
	if len(secrets.Items) != 1 {
		s.t.Errorf("%d Secrets in the namespace, want 1", len(secrets.Items))
	}
}

func TestTwoReconcilersAtOnceNeverMakeTwoSecrets(t *testing.T) {
	const operators, rounds = 4, 5
	s := newFixture(t)
	made := s.credentialsMade()
	for round := range rounds {
		name := fmt.Sprintf("photoprint%d", round)
		s.client(name)
		for _, value := range []string{"", "1", "2"} { // new, and two resets
			if value != "" {
				s.update(name, reset(value))
			}
			s.reconcileAtOnce(operators, name)
			oc := s.settle(name)
			s.wantReady(oc, metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
			if len(oc.Status.Credentials) != 1 || oc.Status.LastHandledReset != value {
				t.Errorf("%d credentials, handled %q", len(oc.Status.Credentials), oc.Status.LastHandledReset)
			}
		}
	}
	if got, want := made(), 3*rounds; got != want {
		t.Errorf("%d credentials were made, want %d", got, want)
	}
}

// credentialsMade returns how many credentials the clients of the fixture ever had, by
// watching them from now on.
func (s *fixture) credentialsMade() func() int {
	s.t.Helper()
	watch, err := s.api.Watch(s.t.Context(), &v1alpha1.OAuthClientList{}, client.InNamespace(s.ns))
	s.must(err)
	s.t.Cleanup(watch.Stop)
	return func() int {
		const last = "last"
		s.client(last) // what comes after it is no longer looked at
		ids := map[string]bool{}
		for event := range watch.ResultChan() {
			oc, ok := event.Object.(*v1alpha1.OAuthClient)
			if !ok {
				s.t.Fatalf("the watch says %v", event.Object)
			}
			if oc.Name == last {
				break
			}
			for _, c := range oc.Status.Credentials {
				ids[c.ID] = true
			}
		}
		return len(ids)
	}
}

func TestAFaultOfTheClusterDoesNotMakeAReadyClientUnready(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.edit("photoprint-oauth", func(o *corev1.Secret) { delete(o.Labels, v1alpha1.LabelOwnerUID) })
	for n := 1; ; n++ {
		f := &fault{nth: n}
		_, err := s.reconcile(s.reconciler(f.in(s.api)), "photoprint")
		s.wantReady(s.checked("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
		if !f.struck {
			break
		}
		if err == nil {
			t.Errorf("call %d failed and nobody will retry", n)
		}
	}
}

// quota has the namespace take no Secret any more. Nobody counts what is used here, so
// the status says it.
func (s *fixture) quota(hard string) {
	s.t.Helper()
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "none"}}
	limit := corev1.ResourceList{corev1.ResourceSecrets: resource.MustParse(hard)}
	q.Spec.Hard = limit
	s.must(s.api.Create(s.t.Context(), q))
	q.Status = corev1.ResourceQuotaStatus{Hard: limit, Used: corev1.ResourceList{corev1.ResourceSecrets: resource.MustParse("0")}}
	s.must(s.api.Status().Update(s.t.Context(), q))
}

// awaitQuota waits until the API server, which learns of the quota by a watch of its own, has it.
func (s *fixture) awaitQuota() {
	s.t.Helper()
	s.eventually("the quota holds", func() bool {
		probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, GenerateName: "probe-"}}
		return apierrors.IsForbidden(s.api.Create(s.t.Context(), probe, client.DryRunAll))
	})
}

func TestASecretThatTheQuotaForbidsIsSaidAndTriedAgain(t *testing.T) {
	s := newFixture(t)
	s.quota("0")
	s.client("photoprint")
	s.awaitQuota()
	for range 2 {
		if _, err := s.reconcile(s.r, "photoprint"); err == nil {
			t.Fatal("nobody will retry")
		}
	}
	oc := s.checked("photoprint")
	s.wantReady(oc, metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
	if !strings.Contains(message(oc), "quota") {
		t.Errorf("message %q", message(oc))
	}
	s.wantWrites("create photoprint-oauth", "status photoprint", "create photoprint-oauth")
	if got := s.events.reasons(); !slices.Equal(got, []string{"SecretNotWritten"}) {
		t.Errorf("events %q", got)
	}

	s.must(s.api.Delete(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "none"}}))
	s.eventually("the quota is gone", func() bool {
		_, err := s.reconcile(s.r, "photoprint")
		return err == nil
	})
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

func TestASecretThatIsRefusedAsInvalidIsSaidInOurOwnWords(t *testing.T) {
	s := newFixture(t)
	s.issued("photoprint")
	s.update("photoprint", func(oc *v1alpha1.OAuthClient) { // more than a Secret can hold
		oc.Spec.Credentials.SecretTemplate.Data = map[string]v1alpha1.DataValue{}
		long := v1alpha1.DataValue(strings.Repeat("{{client-secret}}", 200))
		for i := range 16 {
			oc.Spec.Credentials.SecretTemplate.Data[fmt.Sprintf("key-%d", i)] = long
		}
	})
	r := s.reconciler(refusingSecrets(s.api, apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Secret").GroupKind(), "ghs_leak immutable", nil)))
	_, err := s.reconcile(r, "photoprint")
	if err == nil || !apierrors.IsInvalid(err) {
		t.Fatalf("error %v, want Invalid", err)
	}
	if strings.Contains(err.Error(), "immutable") {
		t.Errorf("the error %q quotes the API server", err)
	}
	s.wantReady(s.checked("photoprint"), metav1.ConditionFalse, string(v1alpha1.ReadyReasonSecretNotWritten))
	s.wantReady(s.settle("photoprint"), metav1.ConditionTrue, string(v1alpha1.ReadyReasonIssued))
}

// refusingSecrets returns a client whose API server refuses every write of a Secret.
func refusingSecrets(c client.WithWatch, answer error) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if _, secret := obj.(*corev1.Secret); secret {
				return answer
			}
			return c.Create(ctx, obj, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if _, secret := obj.(*corev1.Secret); secret {
				return answer
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
		Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
			return answer
		},
	})
}

func TestAnErrorQuotesNothingThatTheAPIServerSaid(t *testing.T) {
	const leak = "ghs_leak"
	for _, err := range []error{
		apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("Secret").GroupKind(), leak, nil),
		apierrors.NewConflict(corev1.Resource("secrets"), leak, errors.New(leak)),
		apierrors.NewInternalError(errors.New(leak)),
		errors.New(leak),
	} {
		if got := fmt.Errorf("write: %w", redact(err)).Error(); strings.Contains(got, leak) {
			t.Errorf("%q", got)
		}
		if !errors.Is(redact(err), err) {
			t.Error("the cause is lost")
		}
	}
}
