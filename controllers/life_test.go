// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv/gitops"
)

// stage is a step in the life of an object, and what a GitOps tool sees after it.
type stage struct {
	name string
	do   func()
	want status.Status
}

// live goes through the stages. After each one kstatus must say what is wanted, and Argo CD's script the same.
func (s *fixture) live(kind, name string, stages []stage) {
	s.t.Helper()
	for _, step := range stages {
		step.do()
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
		s.must(s.api.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, object))
		got, err := gitops.Status(object)
		if err != nil || got != step.want {
			s.t.Errorf("%s: a GitOps tool sees %s (%v), want %s: %v", step.name, got, err, step.want, object.Object["status"])
		}
	}
}

// foreign makes a Secret of somebody else.
func (s *fixture) foreign(name string) {
	s.t.Helper()
	s.must(s.api.Create(s.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}))
}

// patch changes an object by a JSON merge patch.
func (s *fixture) patch(object client.Object, text string) {
	s.t.Helper()
	s.must(s.api.Patch(s.t.Context(), object, client.RawPatch(types.MergePatchType, []byte(text))))
}

func TestAGitOpsToolFollowsTheLifeOfAClient(t *testing.T) {
	s := newFixture(t)
	other := s.beside()
	denying := s.policy(noSkip)
	theirs := other.issued("theirs").Spec.CallbackURLs[0]
	change := func(text string) { s.patch(s.get("photoprint"), `{"spec":`+text+`}`) }
	settle := func() { s.settle("photoprint") }
	s.live(v1alpha1.KindOAuthClient, "photoprint", []stage{
		{"created", func() { s.client("photoprint", skip) }, status.InProgressStatus},
		{"seen by the operator", settle, status.CurrentStatus},
		{"changed", func() { change(`{"description":"Prints"}`) }, status.InProgressStatus},
		{"change seen", settle, status.CurrentStatus},
		{"denied by policy", func() { s.label(denying); settle() }, status.FailedStatus},
		{"allowed again", func() { s.label(""); settle() }, status.CurrentStatus},
		{"callback of another namespace", func() { change(`{"callbackURLs":["` + string(theirs) + `"]}`); settle() }, status.FailedStatus},
		{"which is kept for it", func() {
			s.must(s.api.Delete(t.Context(), other.get("theirs")))
			_, err := other.reconcile(other.r, "theirs")
			s.must(err)
			settle()
		}, status.InProgressStatus},
		{"and free after a day", func() { s.clock.advance(reservation); settle() }, status.CurrentStatus},
		{"suspended", func() { change(`{"suspend":true}`); settle() }, status.CurrentStatus},
		{"at work again", func() { change(`{"suspend":null}`); settle() }, status.CurrentStatus},
		{"Secret of somebody else", func() {
			s.foreign("taken")
			change(`{"credentials":{"secretName":"taken"}}`)
			settle()
		}, status.FailedStatus},
		{"Secret of its own", func() { change(`{"credentials":null}`); settle() }, status.CurrentStatus},
		{"being deleted", func() {
			s.patch(s.get("photoprint"), `{"metadata":{"finalizers":["example.com/wait"]}}`)
			s.must(s.api.Delete(t.Context(), s.get("photoprint")))
		}, status.TerminatingStatus},
		{"deletion seen", settle, status.TerminatingStatus},
	})
	s.patch(s.get("photoprint"), `{"metadata":{"finalizers":null}}`)
}

func TestAGitOpsToolFollowsTheLifeOfAResourceServer(t *testing.T) {
	s := newFixture(t)
	denying := s.policy(func(spec *v1alpha1.OAuthClientPolicySpec) { spec.ResourceServers.WithoutOwner = false })
	change := func(text string) { s.patch(s.getServer("photostorage"), `{"spec":`+text+`}`) }
	settle := func() { s.settleServer("photostorage") }
	scope, taken := s.ns+".read", s.ns+".taken"
	s.server("other", taken)
	s.settleServer("other")
	s.live(v1alpha1.KindResourceServer, "photostorage", []stage{
		{"created", func() { s.server("photostorage", scope) }, status.InProgressStatus},
		{"seen by the operator", settle, status.CurrentStatus},
		{"changed", func() {
			change(`{"scopes":[{"name":"` + scope + `","description":"See your photos","withoutOwner":true}]}`)
		}, status.InProgressStatus},
		{"change seen", settle, status.CurrentStatus},
		{"denied by policy", func() { s.label(denying); settle() }, status.FailedStatus},
		{"allowed again", func() { s.label(""); settle() }, status.CurrentStatus},
		{"scope of another", func() {
			change(`{"scopes":[{"name":"` + taken + `","description":"See your photos"}]}`)
			settle()
		}, status.FailedStatus},
		{"scope of its own", func() {
			change(`{"scopes":[{"name":"` + scope + `","description":"See your photos"}]}`)
			settle()
		}, status.CurrentStatus},
		{"suspended", func() { change(`{"suspend":true}`); settle() }, status.CurrentStatus},
		{"at work again", func() { change(`{"suspend":null}`); settle() }, status.CurrentStatus},
		{"Secret of somebody else", func() {
			s.foreign("taken")
			change(`{"credentials":{"secretName":"taken"}}`)
			settle()
		}, status.FailedStatus},
		{"Secret of its own", func() { change(`{"credentials":null}`); settle() }, status.CurrentStatus},
		{"being deleted", func() {
			s.patch(s.getServer("photostorage"), `{"metadata":{"finalizers":["example.com/wait"]}}`)
			s.must(s.api.Delete(t.Context(), s.getServer("photostorage")))
		}, status.TerminatingStatus},
		{"deletion seen", settle, status.TerminatingStatus},
	})
	s.patch(s.getServer("photostorage"), `{"metadata":{"finalizers":null}}`)
}

// Whoever revokes tokens has to know what that means for JWTs.
func TestTheStatusOfAnAPISaysWhatRevocationMeansForJWTs(t *testing.T) {
	s := newFixture(t)
	s.server("photos", "photos."+s.ns)
	accepted := func() string {
		return s.says(s.settleServer("photos").Status.Conditions, v1alpha1.ConditionAccepted, metav1.ConditionTrue, string(v1alpha1.AcceptedReasonAccepted))
	}
	if got := accepted(); got != "The spec is served." {
		t.Errorf("for opaque tokens the status says %q", got)
	}
	s.updateServer("photos", func(rs *v1alpha1.ResourceServer) {
		rs.Spec.Identifiers = []v1alpha1.Identifier{v1alpha1.Identifier("api://" + s.ns)}
		rs.Spec.AccessTokens.Format = v1alpha1.AccessTokenJWT
	})
	if got := accepted(); !strings.Contains(got, "also after it was revoked: an hour") {
		t.Errorf("for JWTs the status says %q", got)
	}
}
