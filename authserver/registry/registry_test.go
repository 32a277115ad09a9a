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
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/authserver"
)

var _ authserver.Clients = (*Registry)(nil)

// decoded returns the object as it comes from the API server.
func decoded(t testing.TB, oc *v1alpha1.OAuthClient) *object {
	t.Helper()
	raw, err := json.Marshal(oc)
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := o.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	return &o
}

// api returns a resource server of the namespace, made n seconds after the start.
func api(namespace string, n int, scopes ...string) *v1alpha1.OAuthClient {
	return photoprint(func(o *v1alpha1.OAuthClient) {
		o.Namespace, o.Name, o.UID = namespace, "api", types.UID("u-"+namespace)
		o.CreationTimestamp = metav1.NewTime(start.Add(time.Duration(n) * time.Second))
		o.Status.ClientID = namespace + ".api"
		o.Spec.ResourceServer = &v1alpha1.InlineResourceServer{}
		for _, s := range scopes {
			o.Spec.ResourceServer.Scopes = append(o.Spec.ResourceServer.Scopes,
				v1alpha1.InlineScope{Name: v1alpha1.Scope(s), Description: v1alpha1.Text(s + " of " + namespace)})
		}
	})
}

// fill returns a registry that knows the objects.
func fill(t *testing.T, objects ...*v1alpha1.OAuthClient) *Registry {
	t.Helper()
	r := newRegistry(slog.New(slog.DiscardHandler))
	for _, oc := range objects {
		r.upsert(decoded(t, oc))
	}
	return r
}

// state returns all that is served: each client with its owned scopes, each scope with its words.
func state(t *testing.T, r *Registry) map[string]string {
	t.Helper()
	out := map[string]string{}
	r.byID.Range(func(id, value any) bool {
		c := value.(*authserver.Client)
		out["client "+id.(string)] = c.UID + " " + strings.Join(c.OwnedScopes, ",")
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
	r.scopes.Range(func(name, value any) bool {
		out["scope "+name.(string)] = value.(authserver.Scope).Description
		return true
	})
	return out
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
	r.upsert(decoded(t, photoprint(func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true })))
	after, _ := r.ByID("photos.photoprint")
	if before.Suspended || !after.Suspended {
		t.Errorf("suspended before %v, after %v", before.Suspended, after.Suspended)
	}
}

func TestWhatHappensToAnObjectHappensToItsClient(t *testing.T) {
	here := map[string]string{"client photos.photoprint": "u-1 "}
	now := metav1.NewTime(start)
	for _, row := range []struct {
		name   string
		change func(*v1alpha1.OAuthClient)
		want   map[string]string
	}{
		{name: "suspended, it is still known", change: func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true }, want: here},
		{name: "not ready, it is still known", change: func(o *v1alpha1.OAuthClient) { o.Status.Conditions = nil }, want: here},
		{name: "being deleted, it is gone", change: func(o *v1alpha1.OAuthClient) { o.DeletionTimestamp = &now }, want: map[string]string{}},
		{name: "N63 with a forged client ID, it is gone", change: func(o *v1alpha1.OAuthClient) { o.Status.ClientID = "a.b" }, want: map[string]string{}},
		{name: "with its status removed, it is gone", change: func(o *v1alpha1.OAuthClient) { o.Status.ClientID = "" }, want: map[string]string{}},
		{name: "made again, it is another", change: func(o *v1alpha1.OAuthClient) { o.UID = "u-2" },
			want: map[string]string{"client photos.photoprint": "u-2 "}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, photoprint(), photoprint(row.change))
			if diff := cmp.Diff(row.want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			r.upsert(decoded(t, photoprint()))
			if diff := cmp.Diff(here, state(t, r)); diff != "" {
				t.Errorf("put right again (-want +got)\n%s", diff)
			}
			r.remove(decoded(t, photoprint(row.change)))
			r.remove(decoded(t, photoprint(row.change))) // told twice
			if diff := cmp.Diff(map[string]string{}, state(t, r)); diff != "" {
				t.Errorf("deleted (-want +got)\n%s", diff)
			}
		})
	}
}

func TestN63AForgedStatusTakesNothingFromItsVictim(t *testing.T) {
	forged := photoprint(func(o *v1alpha1.OAuthClient) { o.Namespace, o.UID = "evil", "u-evil" })
	want := map[string]string{"client photos.photoprint": "u-1 "}
	for name, objects := range map[string][]*v1alpha1.OAuthClient{
		"forged first": {forged, photoprint()}, "forged last": {photoprint(), forged},
	} {
		t.Run(name, func(t *testing.T) {
			r := fill(t, objects...)
			if diff := cmp.Diff(want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			r.remove(decoded(t, forged))
			if diff := cmp.Diff(want, state(t, r)); diff != "" {
				t.Errorf("after the forged one is deleted (-want +got)\n%s", diff)
			}
		})
	}
}

func TestAScopeBelongsToTheOldestWhoDeclaresIt(t *testing.T) {
	for _, row := range []struct {
		name    string
		objects []*v1alpha1.OAuthClient
		remove  []*v1alpha1.OAuthClient
		want    map[string]string
	}{
		{name: "one", objects: []*v1alpha1.OAuthClient{api("a", 0, "x", "y")},
			want: map[string]string{"client a.api": "u-a x,y", "scope x": "x of a", "scope y": "y of a"}},
		{name: "the older came first", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x", "y")},
			want: map[string]string{"client a.api": "u-a x", "client b.api": "u-b y", "scope x": "x of a", "scope y": "y of b"}},
		{name: "the older came last", objects: []*v1alpha1.OAuthClient{api("b", 1, "x", "y"), api("a", 0, "x")},
			want: map[string]string{"client a.api": "u-a x", "client b.api": "u-b y", "scope x": "x of a", "scope y": "y of b"}},
		{name: "of the same second the smaller UID", objects: []*v1alpha1.OAuthClient{api("b", 0, "x"), api("a", 0, "x")},
			want: map[string]string{"client a.api": "u-a x", "client b.api": "u-b ", "scope x": "x of a"}},
		{name: "the owner goes", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x"), api("c", 2, "x")},
			remove: []*v1alpha1.OAuthClient{api("a", 0, "x")},
			want:   map[string]string{"client b.api": "u-b x", "client c.api": "u-c ", "scope x": "x of b"}},
		{name: "one in the middle goes", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x"), api("c", 2, "x")},
			remove: []*v1alpha1.OAuthClient{api("b", 1, "x")},
			want:   map[string]string{"client a.api": "u-a x", "client c.api": "u-c ", "scope x": "x of a"}},
		{name: "all go", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x")},
			remove: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x")}, want: map[string]string{}},
		{name: "the owner lets go", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x"), api("a", 0, "z")},
			want: map[string]string{"client a.api": "u-a z", "client b.api": "u-b x", "scope x": "x of b", "scope z": "z of a"}},
		{name: "the owner stops being a resource server", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x"), api("a", 0)},
			want: map[string]string{"client a.api": "u-a ", "client b.api": "u-b x", "scope x": "x of b"}},
		{name: "the owner is made again and is the youngest now", objects: []*v1alpha1.OAuthClient{api("a", 0, "x"), api("b", 1, "x"), api("a", 9, "x")},
			want: map[string]string{"client a.api": "u-a ", "client b.api": "u-b x", "scope x": "x of b"}},
		{name: "named twice", objects: []*v1alpha1.OAuthClient{api("a", 0, "x", "x")},
			want: map[string]string{"client a.api": "u-a x", "scope x": "x of a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, row.objects...)
			for _, oc := range row.remove {
				r.remove(decoded(t, oc))
			}
			if diff := cmp.Diff(row.want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(row.want) == 0 && len(r.claimed) != 0 {
				t.Errorf("claims of nobody: %v", r.claimed)
			}
		})
	}
}

func TestTheWordsOfAScopeFollowTheirOwner(t *testing.T) {
	changed := api("a", 0, "x")
	changed.Spec.ResourceServer.Scopes[0].Description = "better words"
	r := fill(t, api("a", 0, "x"), api("b", 1, "x"), changed)
	if got, ok := r.Scope("x"); !ok || got.Description != "better words" {
		t.Errorf("Scope = %v, %v", got, ok)
	}
	if _, ok := r.Scope("y"); ok {
		t.Error("a scope that nobody declares is known")
	}
}

func TestAfterAPauseTheRegistryIsWhatThereIsNow(t *testing.T) {
	r := fill(t, photoprint(), api("a", 0, "x"), api("b", 1, "x"))
	r.replace([]*object{decoded(t, api("b", 1, "x")), decoded(t, api("c", 2, "y"))})
	want := map[string]string{"client b.api": "u-b x", "client c.api": "u-c y", "scope x": "x of b", "scope y": "y of c"}
	if diff := cmp.Diff(want, state(t, r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnObjectThatCannotBeReadIsNotServedAndSaidOnce(t *testing.T) {
	var logged bytes.Buffer
	r := newRegistry(slog.New(slog.NewTextHandler(&logged, nil)))
	bad := []byte(`{"metadata":{"namespace":"photos","name":"photoprint","uid":"u-1"},"spec":{"grantDurationDays":"ninety"},"status":{"clientID":"photos.photoprint"}}`)
	r.upsert(decoded(t, photoprint()))
	for range 3 {
		var o object
		if err := o.UnmarshalJSON(bad); err != nil {
			t.Fatal(err)
		}
		r.upsert(&o)
	}
	if diff := cmp.Diff(map[string]string{}, state(t, r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := strings.Count(logged.String(), "name=photoprint"); got != 1 {
		t.Errorf("said %d times:\n%s", got, &logged)
	}
	r.upsert(decoded(t, photoprint()))
	if len(state(t, r)) != 1 {
		t.Error("put right, it is not served")
	}
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
				c, ok := r.ByID("b.api")
				if !ok || len(c.OwnedScopes) > 1 {
					t.Errorf("ByID = %v, %v", c, ok)
					return
				}
				r.Scope("x")
				r.ByUID("u-1")
			}
		})
	}
	for i := range 500 {
		if i%2 == 0 {
			r.remove(decoded(t, api("a", 0, "x")))
		} else {
			r.upsert(decoded(t, api("a", 0, "x")))
		}
		r.upsert(decoded(t, photoprint()))
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
		o.Spec.CallbackURLs = []v1alpha1.CallbackURL{"https://app.team.example/oauth/callback", "https://app.team.example/oauth/other"}
		o.Spec.Scopes = []v1alpha1.Scope{"photos.read", "photos.write", "albums.read"}
		o.Status.Credentials = []v1alpha1.CredentialStatus{{ID: "abcdefghij234", Verifier: strings.Repeat("v", 43)}}
		o.Status.Conditions[1].Message = strings.Repeat("words ", 20)
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
	r := newRegistry(slog.New(slog.DiscardHandler))
	for n := range clients {
		var o object
		raw := strings.NewReplacer("team-0000", fmt.Sprintf("team-%04d", n/10), "app-00000", fmt.Sprintf("app-%05d", n),
			"-000000000000", fmt.Sprintf("-%012d", n)).Replace(string(one))
		if err := o.UnmarshalJSON([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		r.upsert(&o)
	}
	grown := used() - before
	t.Logf("%d clients take %d KiB", clients, grown>>10)
	if grown > limit {
		t.Errorf("%d clients take %d bytes", clients, grown)
	}
	if _, ok := r.ByID("team-0999.app-09999"); !ok {
		t.Error("the last one is not there")
	}
}

// named reports whether the client has the ID that its object may have.
func named(c *authserver.Client, o *object) bool {
	if o.broughtID != "" {
		return c.ID == o.broughtID && !strings.Contains(c.ID, ".")
	}
	return c.ID == o.Namespace+"."+o.Name
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
		var o object
		if err := o.UnmarshalJSON(raw); err != nil {
			return
		}
		r := newRegistry(slog.New(slog.DiscardHandler))
		r.upsert(&o)
		if c := o.client; c != nil && (!named(c, &o) || c.GrantDuration > 90*day) {
			t.Errorf("%s is served as %s for %s", o.key(), c.ID, c.GrantDuration)
		}
		r.remove(&o)
		if len(state(t, r)) != 0 {
			t.Error("something is left")
		}
	})
}
