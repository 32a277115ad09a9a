// SPDX-License-Identifier: Apache-2.0

package testenv_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestTheAPIServerKnowsOurKinds(t *testing.T) {
	env := testenv.Start(t)
	if err := env.Client.List(t.Context(), &v1alpha1.OAuthClientList{}); err != nil {
		t.Fatal(err)
	}
}

// A new rule of a policy that Permissive leaves out would deny objects of tests that are not about policy.
func TestTheDefaultPolicyAllowsEverything(t *testing.T) {
	env := testenv.Start(t)
	policy := &v1alpha1.OAuthClientPolicy{}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: v1alpha1.DefaultPolicy}, policy); err != nil {
		t.Fatal(err)
	}
	limits := []string{"MaxGrantDurationDays", "MaxAccessTokenLifetimeSeconds", "RequireSecondFactor", "MaxRotationIntervalDays"} // absent: no limit
	for _, rules := range []any{policy.Spec.Clients, policy.Spec.ResourceServers, policy.Spec.Secrets} {
		for value, i := reflect.ValueOf(rules), 0; i < value.NumField(); i++ {
			if name := value.Type().Field(i).Name; value.Field(i).IsZero() != slices.Contains(limits, name) {
				t.Errorf("%s.%s is %v", value.Type().Name(), name, value.Field(i))
			}
		}
	}
}

func TestNamespacesAreFresh(t *testing.T) {
	env := testenv.Start(t)
	if one, other := env.Namespace(t), env.Namespace(t); one == other {
		t.Fatalf("two namespaces have the name %s", one)
	}
}

func TestUsersMayDoOnlyWhatRBACSays(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	nobody, err := client.New(env.User(t, "nobody"), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	err = nobody.List(t.Context(), &corev1.SecretList{}, client.InNamespace(ns))
	if !apierrors.IsForbidden(err) {
		t.Fatalf("an account without rights lists Secrets: got %v, want Forbidden", err)
	}
	admin, err := client.New(env.User(t, "root", "system:masters"), client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.List(t.Context(), &corev1.SecretList{}, client.InNamespace(ns)); err != nil {
		t.Fatalf("a member of system:masters lists Secrets: %v", err)
	}
}

func TestWithControllersWhatIsOwnedGoesWithItsOwner(t *testing.T) {
	env := testenv.StartWithControllers(t)
	ns := env.Namespace(t)
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "owner"}}
	if err := env.Client.Create(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	owned := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: ns, Name: "owned",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}},
	}}
	if err := env.Client.Create(t.Context(), owned); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Delete(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "the owned Secret is gone", func() bool {
		return apierrors.IsNotFound(env.Client.Get(t.Context(), client.ObjectKeyFromObject(owned), owned))
	})
}
