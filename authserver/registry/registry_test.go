// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

var _ authserver.Clients = (*Registry)(nil)

// decode reads the object as it comes from the API server.
func decode[T any, P interface {
	*T
	json.Unmarshaler
}](t testing.TB, from any) P {
	t.Helper()
	raw, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	into := P(new(T))
	if err := into.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return into
}

// put gives the registry an object as a watch does.
func put(t testing.TB, r *Registry, o client.Object) {
	t.Helper()
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		r.clients.upsert(decode[oauthClient](t, o))
	case *v1alpha1.ResourceServer:
		r.resourceServers.upsert(decode[resourceServer](t, o))
	case *v1alpha1.OAuthClientPolicy:
		r.policies.upsert(decode[policyObject](t, o))
	default:
		r.namespaces.upsert(decode[namespaceObject](t, o))
	}
}

// take removes an object as a watch does.
func take(t testing.TB, r *Registry, o client.Object) {
	t.Helper()
	switch o := o.(type) {
	case *v1alpha1.OAuthClient:
		r.clients.remove(decode[oauthClient](t, o))
	case *v1alpha1.ResourceServer:
		r.resourceServers.remove(decode[resourceServer](t, o))
	case *v1alpha1.OAuthClientPolicy:
		r.policies.remove(decode[policyObject](t, o))
	default:
		r.namespaces.remove(decode[namespaceObject](t, o))
	}
}

func namespaceNamed(name string, labels ...string) *metav1.PartialObjectMetadata {
	ns := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for i := 0; i < len(labels); i += 2 {
		ns.Labels[labels[i]] = labels[i+1]
	}
	return ns
}

func policyNamed(name string, change ...func(*v1alpha1.OAuthClientPolicySpec)) *v1alpha1.OAuthClientPolicy {
	p := &v1alpha1.OAuthClientPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: testenv.Permissive()}
	for _, c := range change {
		c(&p.Spec)
	}
	return p
}

// api returns a ResourceServer of the namespace that holds its scopes since n seconds after the start.
func api(namespace string, n int, scopes ...string) *v1alpha1.ResourceServer {
	rs := &v1alpha1.ResourceServer{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api", UID: types.UID("u-" + namespace)},
		Status: v1alpha1.ResourceServerStatus{IssuedStatus: v1alpha1.IssuedStatus{
			ClientID: "api_" + namespace + ".api", Credentials: []v1alpha1.CredentialStatus{{ID: "c-1", Verifier: "v-1"}},
		}},
	}
	for _, s := range scopes {
		rs.Spec.Scopes = append(rs.Spec.Scopes, v1alpha1.ScopeDeclaration{
			Name: v1alpha1.Scope(s), Description: v1alpha1.Text(s + " of " + namespace), From: v1alpha1.ScopeFromAll,
		})
	}
	rs.Status.Claims = held(policy.ClaimsOfResourceServer(&rs.Spec), n)
	return rs
}

// photosAPI holds photos.read, which needs no owner, and photos.write.
func photosAPI() *v1alpha1.ResourceServer {
	rs := api("storage", 0, "photos.read", "photos.write")
	rs.Spec.Scopes[0].WithoutOwner = true
	return rs
}

// fill returns a registry that knows the objects, their namespaces, and a policy that allows
// everything.
func fill(t testing.TB, objects ...client.Object) *Registry {
	t.Helper()
	r := newRegistry("", slog.New(slog.DiscardHandler))
	r.logging = true
	r.clusters = []string{"east", "west"}
	put(t, r, policyNamed(v1alpha1.DefaultPolicy))
	for _, o := range objects {
		if ns := o.GetNamespace(); ns != "" && r.namespaces.all[ns] == nil {
			put(t, r, namespaceNamed(ns))
		}
		put(t, r, o)
	}
	return r
}

// state returns all that is served: each client with its scopes, each resource server with its
// own, each scope with its words.
func state(t *testing.T, r *Registry) map[string]string {
	t.Helper()
	out := map[string]string{}
	r.byID.Range(func(id, value any) bool {
		c := value.(*authserver.Client)
		out["client "+id.(string)] = strings.TrimSpace(c.UID + " " + strings.Join(c.Scopes, ","))
		if same, ok := r.ByUID(c.UID); !ok || same != c {
			t.Errorf("%s is another client by its UID", id)
		}
		return true
	})
	uids := 0
	r.byUID.Range(func(any, any) bool { uids++; return true })
	if uids != len(out) {
		t.Errorf("%d clients by ID and %d by UID", len(out), uids)
	}
	r.resources.Range(func(id, value any) bool {
		s := value.(*authserver.ResourceServer)
		out[id.(string)] = strings.TrimSpace(s.UID + " " + strings.Join(s.OwnedScopes, ","))
		return true
	})
	r.scopes.Range(func(name, value any) bool {
		out["scope "+name.(string)] = value.(declaredScope).Description
		return true
	})
	return out
}

func wantState(t *testing.T, r *Registry, when string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, state(t, r)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", when, diff)
	}
}

func TestClientsAreKnownByIDAndByUID(t *testing.T) {
	r := fill(t, photoprint())
	for _, row := range []struct {
		name string
		find func() (*authserver.Client, bool)
		want bool
	}{
		{name: "its ID", find: func() (*authserver.Client, bool) { return r.ByID("photos.photoprint") }, want: true},
		{name: "its UID", find: func() (*authserver.Client, bool) { return r.ByUID("u-1") }, want: true},
		{name: "another ID", find: func() (*authserver.Client, bool) { return r.ByID("photos.Photoprint") }},
		{name: "no ID", find: func() (*authserver.Client, bool) { return r.ByID("") }},
		{name: "its UID as an ID", find: func() (*authserver.Client, bool) { return r.ByID("u-1") }},
		{name: "its ID as a UID", find: func() (*authserver.Client, bool) { return r.ByUID("photos.photoprint") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, ok := row.find()
			if ok != row.want || (c != nil) != row.want {
				t.Errorf("found %v, %v", c, ok)
			}
		})
	}
}

func TestAChangeIsAnotherClientAndTheOldOneStaysAsItWas(t *testing.T) {
	r := fill(t, photoprint())
	before, _ := r.ByID("photos.photoprint")
	put(t, r, photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true }))
	after, _ := r.ByID("photos.photoprint")
	if before.Suspended || !after.Suspended || !before.Accepted || after.Accepted {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestWhatHappensToAnObjectHappensToItsClient(t *testing.T) {
	here := map[string]string{"client photos.photoprint": "u-1"}
	now := metav1.NewTime(start)
	for _, row := range []struct {
		name   string
		change func(*v1alpha1.OAuthClient)
		want   map[string]string
	}{
		{name: "suspended, it is still known", change: func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true }, want: here},
		{name: "being deleted, it is gone", change: func(o *v1alpha1.OAuthClient) { o.DeletionTimestamp = &now }, want: map[string]string{}},
		{name: "N63 with a forged client ID, it is gone", change: func(o *v1alpha1.OAuthClient) { o.Status.ClientID = "a.b" }, want: map[string]string{}},
		{name: "with its status removed, it is gone", change: func(o *v1alpha1.OAuthClient) { o.Status.ClientID = "" }, want: map[string]string{}},
		{name: "made again, it is another", change: func(o *v1alpha1.OAuthClient) { o.UID = "u-2" },
			want: map[string]string{"client photos.photoprint": "u-2"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, photoprint(), photoprint(row.change))
			wantState(t, r, "changed", row.want)
			put(t, r, photoprint())
			wantState(t, r, "put right again", here)
			take(t, r, photoprint(row.change))
			take(t, r, photoprint(row.change)) // told twice
			wantState(t, r, "deleted", map[string]string{})
			if len(r.clientClaims) != 0 {
				t.Errorf("claims of nobody: %v", r.clientClaims)
			}
		})
	}
}

func TestN63AForgedStatusTakesNothingFromItsVictim(t *testing.T) {
	forged := photoprint(func(o *v1alpha1.OAuthClient) { o.Namespace, o.UID = "evil", "u-evil" })
	want := map[string]string{"client photos.photoprint": "u-1"}
	for name, objects := range map[string][]client.Object{
		"forged first": {forged, photoprint()}, "forged last": {photoprint(), forged},
	} {
		t.Run(name, func(t *testing.T) {
			r := fill(t, objects...)
			wantState(t, r, "both", want)
			take(t, r, forged)
			wantState(t, r, "after the forged one is deleted", want)
		})
	}
}

func TestAfterAPauseTheRegistryIsWhatThereIsNow(t *testing.T) {
	asks := func(o *v1alpha1.OAuthClient) { o.Spec.Scopes = []v1alpha1.Scope{"x", "y"} }
	r := fill(t, photoprint(asks), api("a", 0, "x"), api("b", 1, "y"))
	wantState(t, r, "before", map[string]string{"client photos.photoprint": "u-1 x,y", "api_a.api": "u-a x", "api_b.api": "u-b y", "scope x": "x of a", "scope y": "y of b"})
	put(t, r, namespaceNamed("c"))
	r.resourceServers.replace([]*resourceServer{decode[resourceServer](t, api("b", 1, "x")), decode[resourceServer](t, api("c", 2, "z"))})
	wantState(t, r, "after", map[string]string{
		"client photos.photoprint": "u-1 x", "api_b.api": "u-b x", "api_c.api": "u-c z", "scope x": "x of b", "scope z": "z of c"})
	r.clients.replace(nil)
	r.resourceServers.replace(nil)
	wantState(t, r, "with nothing there", map[string]string{})
}

func TestAnObjectThatCannotBeReadIsNotServedAndSaidOnce(t *testing.T) {
	var logged bytes.Buffer
	r := fill(t, photoprint())
	r.log = slog.New(slog.NewTextHandler(&logged, nil))
	bad := json.RawMessage(`{"metadata":{"namespace":"photos","name":"photoprint","uid":"u-1"},"spec":{"grantDurationDays":"ninety"},"status":{"clientID":"photos.photoprint"}}`)
	for range 3 {
		r.clients.upsert(decode[oauthClient](t, bad))
	}
	wantState(t, r, "broken", map[string]string{})
	if got := strings.Count(logged.String(), "name=photoprint"); got != 1 {
		t.Errorf("said %d times:\n%s", got, &logged)
	}
	put(t, r, photoprint())
	if len(state(t, r)) != 1 {
		t.Error("put right, it is not served")
	}
}

func TestObjectsOfAnotherClassAreNotThere(t *testing.T) {
	blue := photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.ClassName = "blue" })
	blueAPI := api("b", 0, "x")
	blueAPI.Spec.ClassName = "blue"
	r := fill(t, blue, blueAPI, api("a", 1, "x"))
	wantState(t, r, "the default class", map[string]string{"api_a.api": "u-a x", "scope x": "x of a"})
	r.class = "blue"
	other := newRegistry("blue", slog.New(slog.DiscardHandler))
	for _, o := range []client.Object{policyNamed("default"), namespaceNamed("photos"), namespaceNamed("a"), namespaceNamed("b"), blue, blueAPI, api("a", 1, "x")} {
		put(t, other, o)
	}
	wantState(t, other, "class blue", map[string]string{"client photos.photoprint": "u-1", "api_b.api": "u-b x", "scope x": "x of b"})
}

func TestReadersSeeAWholeClientWhileItChanges(t *testing.T) {
	r := fill(t, photoprint(), api("a", 0, "x"), api("b", 1, "x"))
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s, ok := r.ResourceServerByID("api_b.api")
				if !ok || len(s.OwnedScopes) > 1 {
					t.Errorf("ResourceServerByID = %v, %v", s, ok)
					return
				}
				r.Scope("x")
				r.ByUID("u-1")
			}
		})
	}
	for i := range 500 {
		if i%2 == 0 {
			take(t, r, api("a", 0, "x"))
		} else {
			put(t, r, api("a", 0, "x"))
		}
		put(t, r, photoprint())
	}
	close(stop)
	readers.Wait()
}

// typical returns an object of usual size, with what the API server adds to it.
func typical(n int) *v1alpha1.OAuthClient {
	return photoprint(func(o *v1alpha1.OAuthClient) {
		o.Namespace, o.Name, o.UID = fmt.Sprintf("team-%04d", n/10), fmt.Sprintf("app-%05d", n), types.UID(fmt.Sprintf("6f1f7c2e-0d0b-4a52-9d3a-%012d", n))
		o.Status.ClientID = v1alpha1.ClientIDOf(o)
		o.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 900)}
		o.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"` + strings.Repeat("x", 1500) + `":{}}}`)}}
		o.Spec.DisplayName, o.Spec.Description = "An application with a name", v1alpha1.Text(strings.Repeat("words ", 20))
		o.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + o.Name + ".team.example/oauth/callback"), "https://app.team.example/oauth/other"}
		o.Spec.Scopes = []v1alpha1.Scope{"photos.read", "photos.write", "albums.read"}
		o.Status.Credentials = []v1alpha1.CredentialStatus{{ID: "abcdefghij234", Verifier: strings.Repeat("v", 43)}}
		o.Status.Conditions = []metav1.Condition{{Type: "Ready", Message: strings.Repeat("words ", 20)}}
	})
}

func TestTenThousandClientsTakeLessThanSixtyMegabytes(t *testing.T) {
	const clients, limit = 10_000, 60 << 20
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	one, err := json.Marshal(typical(0))
	if err != nil {
		t.Fatal(err)
	}
	before := used()
	r := fill(t, photosAPI())
	for n := range clients {
		raw := strings.NewReplacer("team-0000", fmt.Sprintf("team-%04d", n/10), "app-00000", fmt.Sprintf("app-%05d", n),
			"-000000000000", fmt.Sprintf("-%012d", n)).Replace(string(one))
		if n%10 == 0 {
			put(t, r, namespaceNamed(fmt.Sprintf("team-%04d", n/10)))
		}
		r.clients.upsert(decode[oauthClient](t, json.RawMessage(raw)))
	}
	grown := used() - before
	t.Logf("%d clients take %d KiB", clients, grown>>10)
	if grown > limit {
		t.Errorf("%d clients take %d bytes", clients, grown)
	}
	if c, ok := r.ByID("team-0999.app-09999"); !ok || len(c.Scopes) != 2 {
		t.Error("the last one is not there")
	}
}

func FuzzObject(f *testing.F) {
	seed, err := json.Marshal(typical(1))
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range [][]byte{seed, []byte(`{}`), []byte(`{"spec":[]}`), []byte(`{"metadata":{"name":"a"},"status":{"clientID":".a"}}`), []byte(`null`)} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var o oauthClient
		if err := o.UnmarshalJSON(raw); err != nil {
			return
		}
		r := fill(t, namespaceNamed(o.Namespace))
		r.clients.upsert(&o)
		if c := o.client; c != nil && (c.ID != o.Namespace+"."+o.Name && c.ID != string(o.spec.ClientID) || c.GrantDuration > 90*day) {
			t.Errorf("%s is served as %s for %s", o.key(), c.ID, c.GrantDuration)
		}
		r.clients.remove(&o)
		if len(state(t, r)) != 0 {
			t.Error("something is left")
		}
	})
}
