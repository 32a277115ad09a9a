// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

const callback = "https://photoprint.example/callback"

// created makes a client in the cluster.
func created(t *testing.T, env *testenv.Env, namespace, name string, spec v1alpha1.OAuthClientSpec) *v1alpha1.OAuthClient {
	t.Helper()
	if spec.CallbackURLs == nil {
		spec.CallbackURLs = []v1alpha1.CallbackURL{callback}
	}
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	return oc
}

// The operator never handles the annotations of a client whose secret it does not make.
func TestANewClientSecretIsAskedForWhereTheOperatorMakesItOnly(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	for name, c := range map[string]struct {
		spec v1alpha1.OAuthClientSpec
		says string
	}{
		"public": {v1alpha1.OAuthClientSpec{OAuth2: &v1alpha1.OAuth2Spec{ClientType: v1alpha1.ClientTypePublic}}, "kubectl gatehouse revoke public --all"},
		"given": {v1alpha1.OAuthClientSpec{Credentials: v1alpha1.CredentialsSpec{
			Source: v1alpha1.SourceFromSecret, FromSecret: &v1alpha1.FromSecretSpec{Name: "of-the-vault"},
		}}, `the Secret "of-the-vault"`},
		"signs": {v1alpha1.OAuthClientSpec{Credentials: v1alpha1.CredentialsSpec{
			Source: v1alpha1.SourcePrivateKeyJWT, PrivateKeyJWT: &v1alpha1.PrivateKeyJWTSpec{JWKSURI: "https://keys.example/jwks"},
		}}, "spec.credentials.privateKeyJWT"},
		"pod": {v1alpha1.OAuthClientSpec{Credentials: v1alpha1.CredentialsSpec{
			Source: v1alpha1.SourceServiceAccount, ServiceAccount: &v1alpha1.ServiceAccountSpec{Names: []v1alpha1.ServiceAccountName{"runner"}},
		}}, "spec.credentials.serviceAccount"},
	} {
		oc := created(t, env, ns, name, c.spec)
		for _, command := range [][]string{{"reset", name, "--yes"}, {"reset", name, "--revoke-grants", "--yes", "--wait=1m"}, {"rotate", name}, {"reset", name}} {
			out := says(t, 1, c.says, append(command, "--kubeconfig="+env.Kubeconfig, "-n", ns)...)
			if strings.Contains(out, "asked for") {
				t.Errorf("%q says %s", command, out)
			}
		}
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil || len(oc.Annotations) > 0 {
			t.Errorf("%s: annotations %v, %v", name, oc.Annotations, err)
		}
	}
}

// Who is asked, and who said --yes, is told that grants end: for one profile by a suspension, for two by a reset.
func TestTheEndOfGrantsIsSaidBefore(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	const end = "grants and tokens end"
	for profile, ends := range map[v1alpha1.Profile]struct{ suspend, reset bool }{
		v1alpha1.ProfileOAuth2:                 {},
		v1alpha1.ProfileIntegrationCloud:       {suspend: true},
		v1alpha1.ProfileConnectionsCloudOAuth2: {reset: true},
		v1alpha1.ProfileConnectionsCloudOAuth1: {reset: true},
	} {
		name := strings.ToLower(string(profile))
		created(t, env, ns, name, v1alpha1.OAuthClientSpec{Profile: profile})
		for _, c := range []struct {
			args []string
			want bool
		}{{[]string{"suspend"}, ends.suspend}, {[]string{"reset"}, ends.reset}, {[]string{"reset", "--revoke-grants"}, true}} {
			args := append(c.args, name, "--kubeconfig="+env.Kubeconfig, "-n", ns)
			var out, err bytes.Buffer
			status := Run(t.Context(), args, Streams{In: strings.NewReader("n\n"), Out: &out, Err: &err, InIsTerminal: true, Now: time.Now})
			if got := strings.Contains(err.String(), end); status != 2 || got != c.want {
				t.Errorf("%s, %q: status %d asks %s", profile, c.args, status, err.String())
			}
			if got := says(t, 0, name, append(args, "--yes")...); (strings.Contains(got, end) || strings.Contains(got, "with all grants")) != c.want {
				t.Errorf("%s, %q: says %s", profile, c.args, got)
			}
		}
	}
	text := says(t, 0, "IntegrationCloud", "suspend", "--help") + says(t, 0, "ConnectionsCloud", "reset", "--help")
	if strings.Count(text, end)+strings.Count(text, "everything that people allowed") < 2 {
		t.Errorf("the help is silent: %s", text)
	}
}

// What is restarted after --wait has to read the new client secret: the status lists it before the Secret holds it, and says when the
// old one ends after that.
func TestAWaitForARotationEndsWhenTheSecretHoldsTheNewClientSecret(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	oc := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
	now := time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	rotate := func(want int, words string) {
		t.Helper()
		var out, err bytes.Buffer
		args := []string{"rotate", "photoprint", "--wait=1ns", "--kubeconfig=" + env.Kubeconfig, "-n", ns}
		status := Run(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &err, Now: func() time.Time { return now }})
		if status != want || !strings.Contains(out.String()+err.String(), words) {
			t.Errorf("status %d, want %d with %q: %s%s", status, want, words, out.String(), err.String())
		}
	}
	rotate(1, "kubectl get deployment gatehouse-operator -n gatehouse-system")
	record := func(oldEnds *metav1.Time) {
		t.Helper()
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil {
			t.Fatal(err)
		}
		oc.Status.ClientID, oc.Status.LastHandledRotation = ns+".photoprint", "2036-01-01T00:00:00.000Z"
		credential := v1alpha1.CredentialStatus{ID: "new", IssuedAt: metav1.NewTime(now), Verifier: strings.Repeat("v", 43)}
		old := credential
		old.ID, old.ExpiresAt = "old", oldEnds
		oc.Status.Credentials = []v1alpha1.CredentialStatus{old, credential}
		if err := env.Client.Status().Update(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
	}
	record(nil)
	rotate(1, "has not done it")
	record(&metav1.Time{Time: now.Add(time.Hour)})
	rotate(0, "done")
}

// Ctrl-C at a question is a no, and at --wait it tells that the operator goes on.
func TestWhoeverInterruptsACommandIsToldWhatBecameOfIt(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	oc := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
	terminal, _ := io.Pipe() // at which nobody ever types
	interrupted := func(ctx context.Context, want int, words string, args ...string) {
		t.Helper()
		var err bytes.Buffer
		status := Run(ctx, args, Streams{In: terminal, Out: io.Discard, Err: &err, InIsTerminal: true, Now: time.Now})
		if status != want || !strings.Contains(err.String(), words) {
			t.Errorf("%q: status %d, want %d with %q: %s", args, status, want, words, err.String())
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	interrupted(ended, 2, "nothing was changed", "revoke", "--user=bob", "--kubeconfig="+env.Kubeconfig, "-n", ns)

	waiting, interrupt := context.WithCancel(t.Context())
	o, root := &options{Streams: Streams{Out: io.Discard, Err: io.Discard, Now: time.Now}}, &cobra.Command{}
	o.bind(root)
	if err := root.ParseFlags([]string{"--kubeconfig=" + env.Kubeconfig, "-n", ns}); err != nil {
		t.Fatal(err)
	}
	c, err := o.cluster()
	if err != nil {
		t.Fatal(err)
	}
	looked := change{annotations: map[string]any{"example.com/looked": "yes"}, says: "a rotation is asked for", done: func(*v1alpha1.OAuthClient) bool {
		interrupt()
		return false
	}}
	if err := o.apply(waiting, c, oc, looked, time.Hour); err == nil || !strings.Contains(err.Error(), "a rotation is asked for. Nobody waits for the operator any more, which goes on") {
		t.Errorf("an interrupted wait: %v", err)
	}
}
