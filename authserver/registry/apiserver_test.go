// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/registry"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const limit = time.Minute

// running runs something until the test ends.
func running(t *testing.T, run func(context.Context)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { run(ctx) })
	t.Cleanup(func() { stop(); all.Wait() })
}

// start returns a registry of the cluster that has read it all, and its log.
func start(t *testing.T, config *rest.Config) (*registry.Registry, *testio.Log) {
	t.Helper()
	logged := &testio.Log{}
	r, err := registry.New(config, "", registry.View{}, slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	running(t, r.Run)
	if err := r.WaitForSync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, logged
}

// declare makes an OAuthClient in the namespace.
func declare(t *testing.T, env *testenv.Env, namespace, name string) *v1alpha1.OAuthClient {
	t.Helper()
	oc := &v1alpha1.OAuthClient{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.OAuthClientSpec{CallbackURLs: []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + namespace + ".example/callback")}},
	}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	return oc
}

// report writes the status as the operator does, with this client ID: all that is claimed is held.
func report(t *testing.T, env *testenv.Env, oc *v1alpha1.OAuthClient, clientID string) {
	t.Helper()
	oc.Status = v1alpha1.OAuthClientStatus{IssuedStatus: issued(clientID, oc.Generation, policy.ClaimsOfClient(&oc.Spec))}
	if err := env.Client.Status().Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
}

func issued(clientID string, generation int64, claims []policy.Claim) v1alpha1.IssuedStatus {
	at := time.Unix(1_700_000_000, 0)
	status := v1alpha1.IssuedStatus{
		ObservedGeneration: generation, ClientID: clientID,
		Credentials: []v1alpha1.CredentialStatus{{ID: credential.NewID(), IssuedAt: metav1.NewTime(at), Verifier: strings.Repeat("v", 43)}},
		Conditions: []metav1.Condition{{Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionFalse,
			Reason: string(v1alpha1.ReadyReasonSecretConflict), LastTransitionTime: metav1.NewTime(at)}},
	}
	for _, c := range claims {
		status.Claims = append(status.Claims, v1alpha1.ClaimStatus{Kind: c.Kind, Name: c.Name, Since: new(metav1.NewMicroTime(at))})
	}
	return status
}

// declareAPI makes a ResourceServer with scopes that are open to all, as the operator has seen it.
func declareAPI(t *testing.T, env *testenv.Env, namespace string, scopes ...string) *v1alpha1.ResourceServer {
	t.Helper()
	rs := &v1alpha1.ResourceServer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api"}}
	for _, s := range scopes {
		rs.Spec.Scopes = append(rs.Spec.Scopes, v1alpha1.ScopeDeclaration{
			Name: v1alpha1.Scope(s), Description: v1alpha1.Text("Words of " + namespace), From: v1alpha1.ScopeFromAll})
	}
	if err := env.Client.Create(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	rs.Status = v1alpha1.ResourceServerStatus{IssuedStatus: issued("api_"+namespace+".api", rs.Generation, policy.ClaimsOfResourceServer(&rs.Spec))}
	if err := env.Client.Status().Update(t.Context(), rs); err != nil {
		t.Fatal(err)
	}
	return rs
}

// eventually waits until the registry's answer about the ID satisfies ok, and returns it.
func eventually(t *testing.T, r *registry.Registry, id, what string, ok func(*authserver.Client) bool) *authserver.Client {
	t.Helper()
	var c *authserver.Client
	testenv.Eventually(t, limit, what, func() bool {
		c, _ = r.ByID(id)
		return ok(c)
	})
	return c
}

func isThere(c *authserver.Client) bool { return c != nil }
func isGone(c *authserver.Client) bool  { return c == nil }

func TestAClientIsServedFromItsStatusToItsDeletion(t *testing.T) {
	env := testenv.Start(t)
	r, _ := start(t, env.Config)
	ns := env.Namespace(t)
	id := ns + ".photoprint"
	oc := declare(t, env, ns, "photoprint")
	if _, ok := r.ByID(id); ok {
		t.Fatal("served before the operator has seen it")
	}
	report(t, env, oc, id)
	got := eventually(t, r, id, "the client is served", isThere)
	want := &authserver.Client{
		UID: string(oc.UID), ID: id, Namespace: ns, Name: "photoprint", DisplayName: "photoprint",
		Profile: authserver.ProfileOAuth2, CallbackURLs: []string{"https://" + ns + ".example/callback"},
		GrantTypes:    []authserver.GrantType{authserver.GrantAuthorizationCode, authserver.GrantRefreshToken},
		GrantDuration: 90 * 24 * time.Hour, AccessTokenLifetime: time.Hour, Consent: authserver.ConsentRemember, Accepted: true,
		OpenID:      authserver.OpenIDSettings{SigningAlgorithm: "RS256", IDTokenLifetime: time.Hour},
		Credentials: []authserver.Credential{{ID: oc.Status.Credentials[0].ID, Verifier: oc.Status.Credentials[0].Verifier}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	oc.Spec.Suspend = true
	if err := env.Client.Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, id, "the client is suspended", func(c *authserver.Client) bool { return c != nil && c.Suspended && !c.Accepted })

	if err := env.Client.Delete(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, id, "the client is gone", isGone)
	if _, ok := r.ByUID(string(oc.UID)); ok {
		t.Error("it is still known by its UID")
	}
	again := declare(t, env, ns, "photoprint")
	report(t, env, again, id)
	got = eventually(t, r, id, "the client made again is served", isThere)
	if got.UID == string(oc.UID) {
		t.Error("it is the old one")
	}
}

func TestAClientThatIsBeingDeletedIsGoneAtOnce(t *testing.T) {
	env := testenv.Start(t)
	r, _ := start(t, env.Config)
	ns := env.Namespace(t)
	oc := declare(t, env, ns, "photoprint")
	oc.Finalizers = []string{"example.com/slow"}
	if err := env.Client.Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	report(t, env, oc, ns+".photoprint")
	eventually(t, r, ns+".photoprint", "the client is served", isThere)
	if err := env.Client.Delete(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	eventually(t, r, ns+".photoprint", "the client is gone", isGone)
}

func TestN63AStatusThatNamesAnothersClientIDClaimsNothing(t *testing.T) {
	env := testenv.Start(t)
	r, logged := start(t, env.Config)
	victims, attackers := env.Namespace(t), env.Namespace(t)
	id := victims + ".photoprint"
	victim := declare(t, env, victims, "photoprint")
	report(t, env, victim, id)
	eventually(t, r, id, "the victim is served", isThere)

	attacker := declare(t, env, attackers, "photoprint")
	report(t, env, attacker, id)
	testenv.Eventually(t, limit, "the forged status is logged", func() bool { return strings.Contains(logged.String(), attackers) })
	if got := eventually(t, r, id, "the victim is served", isThere); got.UID != string(victim.UID) {
		t.Error("the attacker is served as its victim")
	}
	for _, id := range []string{attackers + ".photoprint", string(attacker.UID)} {
		_, byID := r.ByID(id)
		_, byUID := r.ByUID(id)
		if byID || byUID {
			t.Errorf("the attacker is served as %s", id)
		}
	}
}

// gate lets connections through to the API server, until it is shut.
type gate struct {
	address string
	target  string
	mu      sync.Mutex
	open    net.Listener
	through []net.Conn
	all     sync.WaitGroup
}

// newGate returns an open gate and the configuration that leads through it.
func newGate(t *testing.T, config *rest.Config) (*gate, *rest.Config) {
	t.Helper()
	host, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: freeport.For(t), target: host.Host}
	g.Open(t)
	t.Cleanup(g.Shut)
	config = rest.CopyConfig(config)
	config.Host = "https://" + g.address
	return g, config
}

func (g *gate) Open(t *testing.T) {
	t.Helper()
	var listen net.ListenConfig
	open, err := listen.Listen(t.Context(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.open = open
	g.all.Go(func() {
		for {
			from, err := open.Accept()
			if err != nil {
				return
			}
			g.pass(t.Context(), from)
		}
	})
}

func (g *gate) pass(ctx context.Context, from net.Conn) {
	var dial net.Dialer
	to, err := dial.DialContext(ctx, "tcp", g.target)
	if err != nil {
		_ = from.Close()
		return
	}
	g.mu.Lock()
	g.through = append(g.through, from, to)
	g.mu.Unlock()
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		g.all.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = errors.Join(way[0].Close(), way[1].Close())
		})
	}
}

// Shut cuts every connection and takes no more.
func (g *gate) Shut() {
	_ = g.open.Close()
	g.mu.Lock()
	for _, c := range g.through {
		_ = c.Close()
	}
	g.through = nil
	g.mu.Unlock()
	g.all.Wait()
}

func TestWithoutTheAPIServerKnownClientsAreServedAndLaterItCatchesUp(t *testing.T) {
	env := testenv.Start(t)
	gate, config := newGate(t, env.Config)
	r, logged := start(t, config)
	ns := env.Namespace(t)
	stays, goes := declare(t, env, ns, "stays"), declare(t, env, ns, "goes")
	report(t, env, stays, ns+".stays")
	report(t, env, goes, ns+".goes")
	eventually(t, r, ns+".stays", "a client is served", isThere)
	eventually(t, r, ns+".goes", "a client is served", isThere)

	gate.Shut()
	testenv.Eventually(t, limit, "the loss is logged", func() bool { return strings.Contains(logged.String(), "cannot be reached") })
	if err := env.Client.Delete(t.Context(), goes); err != nil {
		t.Fatal(err)
	}
	comes := declare(t, env, ns, "comes")
	report(t, env, comes, ns+".comes")
	for _, name := range []string{"stays", "goes"} {
		if c, ok := r.ByID(ns + "." + name); !ok || !c.Accepted || !r.Synced() {
			t.Errorf("%s is not served while the API server is gone", name)
		}
	}
	gate.Open(t)
	eventually(t, r, ns+".comes", "what came meanwhile is served", isThere)
	eventually(t, r, ns+".goes", "what went meanwhile is gone", isGone)
	if !strings.Contains(logged.String(), "can be reached again") {
		t.Error("that it is back is not logged")
	}
}

// account is the authorization server's ServiceAccount, with the right to read OAuthClients
// and two Secrets, and no other.
func account(t *testing.T, env *testenv.Env, namespace string) *rest.Config {
	t.Helper()
	user := "system:serviceaccount:" + namespace + ":gatehouse-authserver"
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: namespace + "-authserver"}
	read := []string{"get", "list", "watch"}
	for _, o := range []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"},
			ResourceNames: []string{credential.SharedKeySecret, credential.AuthserverKeysSecret}, Verbs: read}}},
		&rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"gatehouse.dev"}, Resources: []string{"oauthclients", "resourceservers", "oauthclientpolicies"}, Verbs: read,
		}, {APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: read}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}},
	} {
		if err := env.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(env.Config)
	config.Impersonate.UserName = user
	return config
}

func TestTheKeysOfTwoSecretsAreReadWithTheRightToJustThem(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	config := account(t, env, ns)
	start(t, config)

	type keys struct {
		shared credential.Key
		set    credential.KeySet
	}
	handed := make(chan keys, 10)
	logged := &testio.Log{}
	k, err := registry.NewKeys(config, ns, slog.New(slog.NewTextHandler(logged, nil)),
		func(shared credential.Key, set credential.KeySet) { handed <- keys{shared, set} })
	if err != nil {
		t.Fatal(err)
	}
	running(t, k.Run)

	shared, first := credential.NewKey(), credential.NewSetKey(time.Unix(1_700_000_000, 0))
	set := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: credential.AuthserverKeysSecret},
		Data: credential.KeySet{Keys: []credential.SetKey{first}}.Data()}
	decoy := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "other"}, Data: map[string][]byte{"shared": credential.NewKey().Bytes()}}
	one := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: credential.SharedKeySecret},
		Data: map[string][]byte{credential.SharedDataKey: shared.Bytes()}}
	for _, s := range []*corev1.Secret{set, decoy, one} {
		if err := env.Client.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	next := func() (got keys) {
		t.Helper()
		testenv.Eventually(t, limit, "keys are handed on", func() bool {
			select {
			case got = <-handed:
				return true
			default:
				return false
			}
		})
		return got
	}
	if got := next(); !got.shared.Equal(shared) || len(got.set.Keys) != 1 || !got.set.Keys[0].Key.Equal(first.Key) {
		t.Error("other keys were handed on")
	}
	if err := k.WaitForSync(t.Context()); err != nil || !k.Synced() {
		t.Errorf("WaitForSync = %v", err)
	}

	set.Data = credential.KeySet{Keys: []credential.SetKey{first, credential.NewSetKey(time.Unix(1_700_000_100, 0))}}.Data()
	if err := env.Client.Update(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	if got := next(); len(got.set.Keys) != 2 {
		t.Errorf("a set of %d keys was handed on", len(got.set.Keys))
	}

	if err := env.Client.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, limit, "the loss is logged", func() bool { return strings.Contains(logged.String(), "was deleted") })
	if len(handed) != 0 || !k.Synced() {
		t.Error("the last good keys did not stay")
	}
}
