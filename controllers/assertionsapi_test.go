// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// An API gives its client secret up for either kind of assertion, and takes one again.
func TestAResourceServerProvesItselfWithoutAClientSecret(t *testing.T) {
	s := newFixture(t)
	s.server("photos", s.ns+".read")
	rs := s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionTrue, v1alpha1.ReadyReasonIssued)
	generated := rs.Status.Credentials[0].ID

	s.updateServer("photos", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourcePrivateKeyJWT,
			PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{FromSecret: &v1alpha1.KeysFromSecretSpec{Name: "vault"}}}
	})
	s.readyServer(s.settleServer("photos"), metav1.ConditionFalse, v1alpha1.ReadyReasonWaitingForSecret)
	s.give(s.keySet(firstJWKS))
	rs = s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionTrue, v1alpha1.ReadyReasonIssued)
	if a := rs.Status.ClientAuthentication; a == nil || !strings.Contains(a.JWKS, "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4") {
		t.Errorf("the status has %+v", a)
	}
	s.serverHasNoSecret(rs)

	s.updateServer("photos", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Credentials = v1alpha1.CredentialsSpec{Source: v1alpha1.SourceServiceAccount,
			ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"storage"}}}
	})
	rs = s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionFalse, v1alpha1.ReadyReasonWaitingForServiceAccount)
	if a := rs.Status.ClientAuthentication; a != nil && a.JWKS != "" {
		t.Errorf("keys that were given up stand in the status: %+v", a)
	}
	account := s.account("storage")
	rs = s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionTrue, v1alpha1.ReadyReasonIssued)
	if a := rs.Status.ClientAuthentication; a == nil || len(a.ServiceAccounts) != 1 || a.ServiceAccounts[0].UID != string(account.UID) {
		t.Errorf("the status has %+v", a)
	}
	s.serverHasNoSecret(rs)
	s.must(s.api.Delete(t.Context(), account))
	rs = s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionFalse, v1alpha1.ReadyReasonWaitingForServiceAccount)
	if a := rs.Status.ClientAuthentication; a != nil && len(a.ServiceAccounts) > 0 {
		t.Errorf("a ServiceAccount that is gone stands in the status: %+v", a)
	}

	s.updateServer("photos", func(rs *v1alpha1.ResourceServer) { rs.Spec.Credentials = v1alpha1.CredentialsSpec{} })
	rs = s.settleServer("photos")
	s.readyServer(rs, metav1.ConditionTrue, v1alpha1.ReadyReasonIssued)
	if rs.Status.ClientAuthentication != nil || len(rs.Status.Credentials) != 1 || rs.Status.Credentials[0].ID == generated {
		t.Errorf("N365: the old client secret came back, or assertions stay: %+v", rs.Status)
	}
}

func (s *fixture) readyServer(rs *v1alpha1.ResourceServer, status metav1.ConditionStatus, reason v1alpha1.ReadyReason) {
	s.t.Helper()
	s.says(rs.Status.Conditions, v1alpha1.ConditionReady, status, string(reason))
}

// serverHasNoSecret checks that the ResourceServer has no Secret and no client secret.
func (s *fixture) serverHasNoSecret(rs *v1alpha1.ResourceServer) {
	s.t.Helper()
	err := s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "photos-oauth"}, &corev1.Secret{})
	if !apierrors.IsNotFound(err) || rs.Status.SecretName != "" || len(rs.Status.Credentials) > 0 {
		s.t.Errorf("there is a Secret (%v), or the status has %q %+v", err, rs.Status.SecretName, rs.Status.Credentials)
	}
}
