// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

type objects = []client.Object

// migrated returns a client of the namespace that brings the client ID app_1 along, and holds it
// and its callback since n seconds after the start.
func migrated(namespace string, n int, with ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	return photoprint(append([]func(*v1alpha1.OAuthClient){func(o *v1alpha1.OAuthClient) {
		o.Namespace, o.Name, o.UID = namespace, "app", types.UID("u-"+namespace)
		o.Spec.ClientID, o.Status.ClientID = "app_1", "app_1"
		o.Status.Claims = held(policy.ClaimsOfClient(&o.Spec), n)
	}}, with...)...)
}

func unseen(o *v1alpha1.OAuthClient)  { o.Status = v1alpha1.OAuthClientStatus{} }
func going(o *v1alpha1.OAuthClient)   { o.DeletionTimestamp = &metav1.Time{Time: start} }
func waiting(o *v1alpha1.OAuthClient) { o.Status.Claims = []v1alpha1.ClaimStatus{} }

func TestN63AClientIDIsServedToTheObjectThatHoldsIt(t *testing.T) {
	a, b, nobody := map[string]string{"client app_1": "u-a"}, map[string]string{"client app_1": "u-b"}, map[string]string{}
	for _, row := range []struct {
		name    string
		objects objects
		remove  objects
		want    map[string]string
	}{
		{name: "one", objects: objects{migrated("a", 0)}, want: a},
		{name: "one that waits for it", objects: objects{migrated("a", 0, waiting)}, want: nobody},
		{name: "the holder came first", objects: objects{migrated("a", 0), migrated("b", 1, waiting)}, want: a},
		{name: "the holder came last", objects: objects{migrated("b", 1, waiting), migrated("a", 0)}, want: a},
		{name: "recorded twice, the earlier came first", objects: objects{migrated("a", 0), migrated("b", 1)}, want: a},
		{name: "recorded twice, the earlier came last", objects: objects{migrated("b", 1), migrated("a", 0)}, want: a},
		{name: "recorded at one moment: nobody", objects: objects{migrated("b", 0), migrated("a", 0)}, want: nobody},
		{name: "the holder has lost its status: nobody", objects: objects{migrated("b", 1, waiting), migrated("a", 0, unseen)}, want: nobody},
		{name: "the holder is suspended: it is known, and nobody else", objects: objects{migrated("b", 1, waiting), migrated("a", 0, func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true })}, want: a},
		{name: "the holder goes, and the operator is away", objects: objects{migrated("a", 0), migrated("b", 1, waiting)}, remove: objects{migrated("a", 0)}, want: nobody},
		{name: "then the operator gives it on", objects: objects{migrated("a", 0), migrated("b", 1, waiting), migrated("a", 0, going), migrated("b", 5)}, want: b},
		{name: "the later holder goes", objects: objects{migrated("a", 0), migrated("b", 1)}, remove: objects{migrated("b", 1)}, want: a},
		{name: "the earlier holder goes", objects: objects{migrated("a", 0), migrated("b", 1)}, remove: objects{migrated("a", 0)}, want: b},
		{name: "made again with the status of before", objects: objects{migrated("a", 0), migrated("b", 5),
			migrated("a", 0, func(o *v1alpha1.OAuthClient) { o.UID, o.Status.IdentityUID = "u-a2", "u-a" })}, want: b},
		{name: "all go", objects: objects{migrated("a", 0), migrated("b", 1)}, remove: objects{migrated("a", 0), migrated("b", 1)}, want: nobody},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, row.objects...)
			for _, o := range row.remove {
				take(t, r, o)
			}
			wantState(t, r, "at the end", row.want)
			if len(row.want) == 0 && len(row.remove) == len(row.objects) && len(r.clientClaims) != 0 {
				t.Errorf("claims of nobody: %v", r.clientClaims)
			}
		})
	}
}

func TestN63AClientIDFromElsewhereAndANameAreTwoThings(t *testing.T) {
	r := fill(t, photoprint(), migrated("evil", 0, func(o *v1alpha1.OAuthClient) {
		o.Spec.ClientID, o.Status.ClientID = "photos.photoprint", "photos.photoprint"
	}))
	wantState(t, r, "both", map[string]string{"client photos.photoprint": "u-1"})
}

// callbacksOf returns the callbacks that are served to the client.
func callbacksOf(t *testing.T, r *Registry, id string) string {
	t.Helper()
	c, ok := r.ByID(id)
	if !ok {
		t.Fatalf("%s is not known", id)
	}
	if !c.Accepted {
		t.Errorf("%s is out of service", id)
	}
	return strings.Join(c.CallbackURLs, " ")
}

const (
	mine   = v1alpha1.CallbackURL("https://photoprint.example/callback")
	wanted = v1alpha1.CallbackURL("https://bank.example/callback")
)

func withCallbacks(urls ...v1alpha1.CallbackURL) func(*v1alpha1.OAuthClient) {
	return func(o *v1alpha1.OAuthClient) { o.Spec.CallbackURLs = urls }
}

func recorded(c ...policy.Claim) func(*v1alpha1.OAuthClient) {
	return func(o *v1alpha1.OAuthClient) { o.Status.Claims = held(c, 0) }
}

func TestN77ACallbackIsServedOnlyWhereTheStatusRecordsIt(t *testing.T) {
	own := policy.Claim{Kind: v1alpha1.ClaimCallback, Name: string(mine)}
	r := fill(t, photoprint())
	put(t, r, photoprint(withCallbacks(mine, wanted), recorded(own)))
	if got := callbacksOf(t, r, "photos.photoprint"); got != string(mine) {
		t.Errorf("a new callback is served before it is recorded: %s", got)
	}
	other := mine + "?tenant=2" // the same address
	put(t, r, photoprint(withCallbacks(other, mine, "http://127.0.0.1/callback"), recorded(own)))
	if got := callbacksOf(t, r, "photos.photoprint"); got != string(other)+" "+string(mine)+" http://127.0.0.1/callback" {
		t.Errorf("an edit of what it holds is not served: %s", got)
	}
	put(t, r, photoprint(withCallbacks("https://photoprint.example/callback/;x", mine+"/"), recorded(own)))
	if got := callbacksOf(t, r, "photos.photoprint"); got != "https://photoprint.example/callback/;x "+string(mine)+"/" {
		t.Errorf("another spelling of the address it holds is not served: %s", got)
	}
}

func TestN77ACallbackThatTwoNamespacesRecordIsServedToTheEarlier(t *testing.T) {
	bank := func(n int) *v1alpha1.OAuthClient {
		return photoprint(withCallbacks(wanted), func(o *v1alpha1.OAuthClient) {
			o.Namespace, o.UID, o.Status.ClientID = "bank", "u-bank", "bank.photoprint"
			o.Status.Claims = held(policy.ClaimsOfClient(&o.Spec), n)
		})
	}
	sister := func(o *v1alpha1.OAuthClient) { o.Name, o.UID, o.Status.ClientID = "sister", "u-3", "photos.sister" }
	for _, row := range []struct {
		name           string
		since          int // photos has it since 0
		photos, theirs string
	}{
		{"photos is earlier", 1, string(wanted), ""},
		{"the bank is earlier", -1, "", string(wanted)},
		{"a tie", 0, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, bank(row.since), photoprint(withCallbacks(wanted)), photoprint(withCallbacks(wanted), sister))
			for id, want := range map[string]string{"bank.photoprint": row.theirs, "photos.photoprint": row.photos, "photos.sister": row.photos} {
				if got := callbacksOf(t, r, id); got != want {
					t.Errorf("%s has %q, want %q", id, got, want)
				}
			}
			take(t, r, bank(row.since))
			for _, id := range []string{"photos.photoprint", "photos.sister"} {
				if got := callbacksOf(t, r, id); got != string(wanted) {
					t.Errorf("with the bank gone %s has %q", id, got)
				}
			}
		})
	}
}

func TestN77AScopeIsServedToTheResourceServerThatHoldsIt(t *testing.T) {
	parked := func(n int) *v1alpha1.ResourceServer { // it has recorded nothing of what it declares
		rs := api("evil", n, "x")
		rs.CreationTimestamp = metav1.NewTime(start.AddDate(-1, 0, 0))
		rs.Status.Claims = nil
		return rs
	}
	for _, row := range []struct {
		name    string
		objects objects
		remove  objects
		want    map[string]string
	}{
		{name: "one", objects: objects{api("a", 0, "x", "y")}, want: map[string]string{"api_a.api": "u-a x,y", "scope x": "x of a", "scope y": "y of a"}},
		{name: "an older object that did not record it", objects: objects{api("a", 0, "x"), parked(0)}, want: map[string]string{"api_a.api": "u-a x", "api_evil.api": "u-evil", "scope x": "x of a"}},
		{name: "recorded twice", objects: objects{api("b", 1, "x", "y"), api("a", 0, "x")},
			want: map[string]string{"api_a.api": "u-a x", "api_b.api": "u-b y", "scope x": "x of a", "scope y": "y of b"}},
		{name: "at one moment: nobody", objects: objects{api("b", 0, "x"), api("a", 0, "x")}, want: map[string]string{"api_a.api": "u-a", "api_b.api": "u-b"}},
		{name: "the holder goes, and the operator is away", objects: objects{api("a", 0, "x"), parked(0)}, remove: objects{api("a", 0, "x")},
			want: map[string]string{"api_evil.api": "u-evil"}},
		{name: "the earlier goes", objects: objects{api("a", 0, "x"), api("b", 1, "x")}, remove: objects{api("a", 0, "x")},
			want: map[string]string{"api_b.api": "u-b x", "scope x": "x of b"}},
		{name: "the holder lets go", objects: objects{api("a", 0, "x"), api("b", 1, "x"), api("a", 0, "z")},
			want: map[string]string{"api_a.api": "u-a z", "api_b.api": "u-b x", "scope x": "x of b", "scope z": "z of a"}},
		{name: "all go", objects: objects{api("a", 0, "x"), api("b", 1, "x")}, remove: objects{api("a", 0, "x"), api("b", 1, "x")}, want: map[string]string{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, row.objects...)
			for _, o := range row.remove {
				take(t, r, o)
			}
			wantState(t, r, "at the end", row.want)
		})
	}
}

func TestTheWordsOfAScopeFollowTheirHolder(t *testing.T) {
	changed := api("a", 0, "x")
	changed.Spec.Scopes[0].Description = "better words"
	r := fill(t, api("a", 0, "x"), api("b", 1, "x"), changed)
	if got, ok := r.Scope("x"); !ok || got.Description != "better words" {
		t.Errorf("Scope = %v, %v", got, ok)
	}
	if _, ok := r.Scope("y"); ok {
		t.Error("a scope that nobody declares is known")
	}
}

func TestALostClaimIsLoggedOnceAndNotForItsHolder(t *testing.T) {
	var logged bytes.Buffer
	r := fill(t, namespaceNamed("a"), namespaceNamed("b"))
	r.log = slog.New(slog.NewTextHandler(&logged, nil))
	for range 3 {
		put(t, r, migrated("a", 0))
		put(t, r, migrated("b", 1))
	}
	if got := strings.Count(logged.String(), "namespace=b"); got != 1 {
		t.Errorf("said %d times:\n%s", got, &logged)
	}
	if strings.Contains(logged.String(), "namespace=a") {
		t.Errorf("said of the holder:\n%s", &logged)
	}
	take(t, r, migrated("a", 0))
	put(t, r, migrated("a", 0))
	if got := strings.Count(logged.String(), "namespace=b"); got != 2 {
		t.Errorf("lost a second time, it is said %d times", got)
	}
}
