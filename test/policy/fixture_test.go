// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// team is a policy that uses every form of pattern and each limit.
const team = `
clients:
  profiles: [OAuth2, OAuth1, ConnectionsCloudOAuth2, IntegrationCloud]
  grantTypes: [AuthorizationCode, RefreshToken]
  callbackHosts: ["{namespace}.apps.example", "*.{namespace}.apps.example", "*.shop.example", "*.shop.example:8443", "login.example:9443", "[2001:db8::1]", "10.0.0.5"]
  privateUseSchemes: ["com.example.*", "com.{namespace}.app", cursor]
  clientIDs: ["app_*", "{namespace}_*", exact-1]
  pkceOptional: true
  outOfBand: true
  maxGrantDurationDays: 30
  maxAccessTokenLifetimeSeconds: 7200
resourceServers:
  scopes: ["{namespace}.*", photos.read, "adm*"]
  identifiers: ["api://{namespace}", "api://{namespace}/*", "https://photos.example"]
  from: [Selector]
secrets:
  sources: [Generate, PrivateKeyJWT]
  types: [nginx.org/oidc]
  labels: [team, "example.com/*"]
  annotations: ["{namespace}.example/*", note]
`

// rotating is a policy that demands rotations and allows much else.
const rotating = `
clients: {profiles: [OAuth2, OAuth1, IntegrationCloud], grantTypes: [AuthorizationCode, RefreshToken, ClientCredentials], callbackHosts: ["*"], loopbackCallbacks: true}
resourceServers: {scopes: ["*"], identifiers: ["*"], from: [All, Selector], withoutOwner: true}
secrets: {maxRotationIntervalDays: 30}
`

// fixture is an API server with the admission policies and a namespace for each policy.
type fixture struct {
	*testenv.Env
	policies map[string]policy.Policy // by the name that the tests use
	warnings testenv.Warnings
	warned   client.Client
}

var shared struct {
	sync.Once
	fixture *fixture
}

// setUp returns the fixture that all tests share.
func setUp(t *testing.T) *fixture {
	t.Helper()
	shared.Do(func() { shared.fixture = newFixture(t) })
	if shared.fixture == nil {
		t.Fatal("the fixture could not be made")
	}
	return shared.fixture
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	env := testenv.Start(t)
	f := &fixture{Env: env, policies: map[string]policy.Policy{}}
	f.warned = f.warnings.Client(t, env)
	specs := map[string]v1alpha1.OAuthClientPolicySpec{
		"nothing": {}, "default": shippedDefault(t), "team": parse[v1alpha1.OAuthClientPolicySpec](t, team), "rotating": parse[v1alpha1.OAuthClientPolicySpec](t, rotating), "everything": testenv.Permissive(),
	}
	for name, spec := range specs {
		if err := env.Policy(t.Context(), "tried-"+name, spec); err != nil {
			t.Fatal(err)
		}
		f.policies[name] = policy.Policy{Name: "tried-" + name, Namespace: env.NamespaceWithPolicy(t, "tried-"+name), Spec: &spec}
	}
	// A namespace with a label that names no policy, and one without the label.
	f.policies["missing"] = policy.Policy{Name: "tried-missing", Namespace: env.NamespaceWithPolicy(t, "tried-missing")}
	unlabelled := specs["everything"]
	f.policies["unlabelled"] = policy.Policy{Name: v1alpha1.DefaultPolicy, Namespace: env.Namespace(t), Spec: &unlabelled}
	f.policies["empty label"] = policy.Policy{Name: v1alpha1.DefaultPolicy, Namespace: env.NamespaceWithPolicy(t, ""), Spec: &unlabelled}

	env.AdmitByPolicy(t)
	for name := range specs {
		if name != "everything" { // which denies nothing that could be awaited
			oc := f.oauthClient(t, name, `{callbackURLs: ["https://h.example/cb"], consent: Skip}`)
			env.AwaitPolicy(t, oc)
		}
	}
	return f
}

// shippedDefault is the policy of config/policy/default.yaml.
func shippedDefault(t *testing.T) v1alpha1.OAuthClientPolicySpec {
	t.Helper()
	text, err := os.ReadFile("../../config/policy/default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shipped := parse[v1alpha1.OAuthClientPolicy](t, string(text))
	if shipped.Name != v1alpha1.DefaultPolicy {
		t.Fatalf("the policy that is shipped has the name %s", shipped.Name)
	}
	return shipped.Spec
}

func parse[T any](t *testing.T, text string) T {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict([]byte(text), &object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return object
}

// oauthClient is one with the spec in the namespace of the policy. {namespace} in spec is its name.
func (f *fixture) oauthClient(t *testing.T, policyName, spec string) *v1alpha1.OAuthClient {
	t.Helper()
	namespace := f.policies[policyName].Namespace
	return &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "tried-"},
		Spec:       parse[v1alpha1.OAuthClientSpec](t, strings.ReplaceAll(spec, "{namespace}", namespace)),
	}
}

// resourceServer is oauthClient for the other kind.
func (f *fixture) resourceServer(t *testing.T, policyName, spec string) *v1alpha1.ResourceServer {
	t.Helper()
	namespace := f.policies[policyName].Namespace
	return &v1alpha1.ResourceServer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "tried-"},
		Spec:       parse[v1alpha1.ResourceServerSpec](t, strings.ReplaceAll(spec, "{namespace}", namespace)),
	}
}

// denials is what internal/policy says of an object, as texts.
func denials(p policy.Policy, object client.Object) (fields, texts []string) {
	var found []policy.Denial
	switch o := object.(type) {
	case *v1alpha1.OAuthClient:
		found = p.Client(&o.Spec)
	case *v1alpha1.ResourceServer:
		found = p.ResourceServer(&o.Spec)
	}
	for _, d := range found {
		fields, texts = append(fields, d.Field), append(texts, d.String())
	}
	return fields, texts
}

// refusal is what the API server's admission by policy says; empty when it admits. Any other error is an error of the test.
func refusal(err error) (string, error) {
	const ours = "denied request: "
	if err == nil {
		return "", nil
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Reason == metav1.StatusReasonForbidden {
		if _, text, found := strings.Cut(status.Status().Message, ours); found {
			return text, nil
		}
	}
	return "", err
}
