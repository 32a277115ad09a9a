// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

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
