// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"log/slog"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// migrated returns a client of the namespace that brings the client ID app_1 along, made n seconds after the start.
func migrated(namespace string, n int, with ...func(*v1alpha1.OAuthClient)) *v1alpha1.OAuthClient {
	return photoprint(append([]func(*v1alpha1.OAuthClient){func(o *v1alpha1.OAuthClient) {
		o.Namespace, o.Name, o.UID = namespace, "app", types.UID("u-"+namespace)
		o.CreationTimestamp = metav1.NewTime(start.Add(time.Duration(n) * time.Second))
		o.Spec.ClientID, o.Status.ClientID = "app_1", "app_1"
	}}, with...)...)
}

func unseen(o *v1alpha1.OAuthClient) { o.Status = v1alpha1.OAuthClientStatus{} }
func going(o *v1alpha1.OAuthClient)  { o.DeletionTimestamp = &metav1.Time{Time: start} }

func TestN63AClientIDBelongsToTheOldestWhoBringsIt(t *testing.T) {
	type objects = []*v1alpha1.OAuthClient
	nobody := map[string]string{}
	for _, row := range []struct {
		name    string
		objects objects
		remove  objects
		want    map[string]string
	}{
		{name: "one", objects: objects{migrated("a", 0)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the older came first", objects: objects{migrated("a", 0), migrated("b", 1)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the older came last", objects: objects{migrated("b", 1), migrated("a", 0)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "of one second the smaller UID", objects: objects{migrated("b", 0), migrated("a", 0)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the younger is updated", objects: objects{migrated("a", 0), migrated("b", 1), migrated("b", 1)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the older is updated", objects: objects{migrated("a", 0), migrated("b", 1), migrated("a", 0)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the older has not been seen by the operator: nobody", objects: objects{migrated("b", 1), migrated("a", 0, unseen)}, want: nobody},
		{name: "then it is", objects: objects{migrated("b", 1), migrated("a", 0, unseen), migrated("a", 0)}, want: map[string]string{"client app_1": "u-a "}},
		{name: "the older is suspended: it is known, and nobody else", objects: objects{migrated("b", 1), migrated("a", 0, func(o *v1alpha1.OAuthClient) { o.Spec.Suspend = true })},
			want: map[string]string{"client app_1": "u-a "}},
		{name: "the older goes", objects: objects{migrated("a", 0), migrated("b", 1), migrated("c", 2)}, remove: objects{migrated("a", 0)},
			want: map[string]string{"client app_1": "u-b "}},
		{name: "the older is going", objects: objects{migrated("a", 0), migrated("b", 1), migrated("a", 0, going)}, want: map[string]string{"client app_1": "u-b "}},
		{name: "the younger goes", objects: objects{migrated("a", 0), migrated("b", 1)}, remove: objects{migrated("b", 1)},
			want: map[string]string{"client app_1": "u-a "}},
		{name: "the older is made again and is the youngest now", objects: objects{migrated("a", 0), migrated("b", 1),
			migrated("a", 9, func(o *v1alpha1.OAuthClient) { o.UID = "u-a2" })}, want: map[string]string{"client app_1": "u-b "}},
		{name: "made again without it", objects: objects{migrated("a", 0), migrated("b", 1),
			migrated("a", 9, func(o *v1alpha1.OAuthClient) {
				o.UID, o.Spec.ClientID, o.Status.ClientID = "u-a2", "", "a.app"
			})}, want: map[string]string{"client app_1": "u-b ", "client a.app": "u-a2 "}},
		{name: "all go", objects: objects{migrated("a", 0), migrated("b", 1)}, remove: objects{migrated("a", 0), migrated("b", 1)}, want: nobody},
		{name: "a resource server that lost its client ID keeps its scopes", objects: objects{migrated("a", 0), migrated("b", 1, func(o *v1alpha1.OAuthClient) {
			o.Spec.ResourceServer = &v1alpha1.InlineResourceServer{Scopes: []v1alpha1.InlineScope{{Name: "x", Description: "x of b"}}}
		})}, want: map[string]string{"client app_1": "u-a ", "scope x": "x of b"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := fill(t, row.objects...)
			for _, oc := range row.remove {
				r.remove(decoded(t, oc))
			}
			if diff := cmp.Diff(row.want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(row.want) == 0 && len(row.remove) > 0 && len(r.claimed) != 0 {
				t.Errorf("claims of nobody: %v", r.claimed)
			}
		})
	}
}

// Whatever happens to four rivals, in whatever order, what is served is the oldest of those that are left.
func TestN63TheOrderOfEventsDoesNotDecideWhoHasAClientID(t *testing.T) {
	rivals := []*v1alpha1.OAuthClient{migrated("a", 0), migrated("b", 1), migrated("c", 1), migrated("d", 2)}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}} {
		for gone := range 1 << len(rivals) {
			r := fill(t)
			for _, i := range order {
				r.upsert(decoded(t, rivals[i]))
			}
			for _, i := range order {
				if gone>>i&1 == 1 {
					r.remove(decoded(t, rivals[i]))
				}
			}
			want := map[string]string{}
			if oldest := bits.TrailingZeros(^uint(gone)); oldest < len(rivals) {
				want["client app_1"] = string(rivals[oldest].UID) + " "
			}
			if diff := cmp.Diff(want, state(t, r)); diff != "" {
				t.Errorf("order %v, gone %04b (-want +got)\n%s", order, gone, diff)
			}
		}
	}
}

func TestALostClientIDIsLoggedOnceAndNotForItsOwner(t *testing.T) {
	var logged bytes.Buffer
	r := newRegistry(slog.New(slog.NewTextHandler(&logged, nil)))
	for range 3 {
		r.upsert(decoded(t, migrated("b", 1)))
		r.upsert(decoded(t, migrated("a", 0)))
	}
	if got := strings.Count(logged.String(), "namespace=b"); got != 1 {
		t.Errorf("said %d times:\n%s", got, &logged)
	}
	if strings.Contains(logged.String(), "namespace=a") {
		t.Errorf("said of the owner:\n%s", &logged)
	}
	r.remove(decoded(t, migrated("a", 0)))
	r.upsert(decoded(t, migrated("a", 0)))
	if got := strings.Count(logged.String(), "namespace=b"); got != 2 {
		t.Errorf("lost a second time, it is said %d times", got)
	}
}

func TestAClientIDFromElsewhereAndANameAreTwoThings(t *testing.T) {
	r := fill(t, photoprint(), migrated("evil", 0, func(o *v1alpha1.OAuthClient) {
		o.Spec.ClientID, o.Status.ClientID = "photos.photoprint", "photos.photoprint"
	}))
	if diff := cmp.Diff(map[string]string{"client photos.photoprint": "u-1 "}, state(t, r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
