// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// server is a replica that answers with a status.
func server(t *testing.T, status int) (r replica, asked *int) {
	t.Helper()
	asked = new(int)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"revoked": 1}`))
	}))
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	address := s.Listener.Addr().String()
	session := adminapi.NewSession(adminapi.SessionConfig{URL: "https://example.com", Address: address, ServerName: "example.com", Roots: roots, Token: "x"})
	t.Cleanup(session.Close)
	return replica{address, session}, asked
}

// A replica that is gone, or has lost its database, does not fail what another one can answer.
func TestTheNextReplicaIsAskedWhereOneFails(t *testing.T) {
	gone := replica{"gone", adminapi.NewSession(adminapi.SessionConfig{URL: "https://example.com", Address: "127.0.0.1:0", ServerName: "example.com"})}
	ill, askedIll := server(t, http.StatusServiceUnavailable)
	well, askedWell := server(t, http.StatusOK)
	e := &endpoint{replicas: []replica{gone, ill, well}}
	for n := range 2 {
		var answer adminapi.Revoked
		if err := e.Delete(t.Context(), "/x", &answer); err != nil || answer.Revoked != 1 || *askedIll != 1 || *askedWell != n+1 {
			t.Errorf("%v, %v; asked %d and %d times", answer, err, *askedIll, *askedWell)
		}
	}
	// What a replica refuses, each would refuse.
	refuses, _ := server(t, http.StatusForbidden)
	well, askedWell = server(t, http.StatusOK)
	e = &endpoint{replicas: []replica{refuses, well}}
	if refused, is := errors.AsType[*adminapi.Refused](e.Get(t.Context(), "/x", &struct{}{})); !is || refused.Status != http.StatusForbidden || *askedWell != 0 {
		t.Errorf("%v, and the next was asked %d times", refused, *askedWell)
	}
	// Where none answers, each says why, also to the next question.
	e = &endpoint{replicas: []replica{gone, ill}}
	for _, words := range []string{"gone: ", "503"} {
		if err := e.Get(t.Context(), "/x", &struct{}{}); err == nil || !strings.Contains(err.Error(), "503") || e.at == 0 && !strings.Contains(err.Error(), words) {
			t.Errorf("%v", err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	well, askedWell = server(t, http.StatusOK)
	if err := (&endpoint{replicas: []replica{gone, well}}).Get(ended, "/x", &struct{}{}); !errors.Is(err, context.Canceled) || *askedWell != 0 {
		t.Errorf("after the end: %v", err)
	}
}

func TestPodsThatAreReadyArePreferred(t *testing.T) {
	ready, not := &corev1.Pod{}, &corev1.Pod{}
	ready.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	not.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	ends := ready.DeepCopy()
	ends.DeletionTimestamp = &metav1.Time{}
	if a, b, c := preference(ready), preference(not), preference(ends); a >= b || b >= c {
		t.Errorf("ready %d, not ready %d, ends %d", a, b, c)
	}
}

func TestTheHostOfAnIssuer(t *testing.T) {
	for issuer, want := range map[string][2]string{
		"https://auth.example.com":        {"https://auth.example.com", "auth.example.com"},
		"https://auth.example.com:8443/x": {"https://auth.example.com", "auth.example.com"},
		"https://[2001:db8::1]:8443":      {"https://[2001:db8::1]", "2001:db8::1"},
		"http://auth.example.com":         {},
		"https://:8443":                   {},
	} {
		address, host, err := hostOf(issuer)
		if address != want[0] || host != want[1] || (err == nil) != (want[0] != "") {
			t.Errorf("%s: %q, %q, %v", issuer, address, host, err)
		}
	}
}
