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
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// stamped is the time of the commands here, and noon what they write of it.
var stamped = time.Date(2036, 1, 1, 12, 0, 0, 0, time.UTC)

const noon = "2036-01-01T12:00:00.000Z"

// at runs a command at that time. in is what a person types; nil: nobody can be asked.
func at(ctx context.Context, env *testenv.Env, namespace string, in io.Reader, args ...string) (status int, text string) {
	var out bytes.Buffer
	streams := Streams{In: strings.NewReader(""), Out: &out, Err: &out, Now: func() time.Time { return stamped }}
	if in != nil {
		streams.In, streams.InIsTerminal = in, true
	}
	status = Run(ctx, append(args, "--kubeconfig="+env.Kubeconfig, "-n", namespace), streams)
	return status, out.String()
}

// record writes a status as the operator would.
func record(t *testing.T, env *testenv.Env, oc *v1alpha1.OAuthClient, set func(*v1alpha1.OAuthClient)) {
	t.Helper()
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil {
		t.Fatal(err)
	}
	oc.Status.ClientID = oc.Namespace + "." + oc.Name
	set(oc)
	if err := env.Client.Status().Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
}

func ready(oc *v1alpha1.OAuthClient, status metav1.ConditionStatus, reason v1alpha1.ReadyReason) {
	meta.SetStatusCondition(&oc.Status.Conditions, metav1.Condition{
		Type: string(v1alpha1.ConditionReady), Status: status, Reason: string(reason), Message: "This is said of it.", ObservedGeneration: oc.Generation,
	})
}

// N449: after a reset the status says that it was handled before the Secret holds the new client secret. Who restarts applications
// after --wait would start them with the one that has ended.
func TestN449AWaitForAResetEndsWhenTheSecretHoldsTheNewClientSecret(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	oc := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
	for _, row := range []struct {
		status metav1.ConditionStatus
		reason v1alpha1.ReadyReason
		want   int
		words  string
	}{
		{"Unknown", v1alpha1.ReadyReasonIssuing, 1, "Ready=Unknown, Issuing: This is said of it."},
		{"False", v1alpha1.ReadyReasonSecretNotWritten, 1, "Ready=False, SecretNotWritten: This is said of it."},
		{"False", v1alpha1.ReadyReasonSecretNotAccepted, 1, "Ready=False, SecretNotAccepted"},
		{"False", v1alpha1.ReadyReasonSecretConflict, 1, "Ready=False, SecretConflict"},
		{"False", v1alpha1.ReadyReason(v1alpha1.AcceptedReasonCallbackConflict), 1, "Ready=False, CallbackConflict"},
		{"True", v1alpha1.ReadyReasonIssued, 0, "with all grants and tokens, done\n"},
		// What Ready says of a client that is refused as it wishes says nothing of its Secret.
		{"True", v1alpha1.ReadyReasonSuspended, 0, "done. Its status says Ready=True, Suspended, which does not tell whether the Secret holds the new client secret"},
	} {
		record(t, env, oc, func(oc *v1alpha1.OAuthClient) {
			oc.Status.LastHandledReset = noon
			ready(oc, row.status, row.reason)
		})
		status, text := at(t.Context(), env, ns, nil, "reset", "photoprint", "--revoke-grants", "--yes", "--wait=1ns")
		if status != row.want || !strings.Contains(text, row.words) {
			t.Errorf("%s: status %d, want %d with %q: %s", row.reason, status, row.want, row.words, text)
		}
		if half := strings.Contains(text, "the old client secret has ended"); half != (row.want != 0) {
			t.Errorf("%s: says %s", row.reason, text)
		}
	}
	// A condition of an older spec says nothing of a Secret of this one; and what is not handled has not ended anything.
	record(t, env, oc, func(oc *v1alpha1.OAuthClient) {
		ready(oc, "True", v1alpha1.ReadyReasonIssued)
		meta.FindStatusCondition(oc.Status.Conditions, "Ready").ObservedGeneration--
	})
	if status, text := at(t.Context(), env, ns, nil, "reset", "photoprint", "--yes", "--wait=1ns"); status != 1 || !strings.Contains(text, "the old client secret has ended") {
		t.Errorf("of an older spec: status %d: %s", status, text)
	}
	record(t, env, oc, func(oc *v1alpha1.OAuthClient) {
		oc.Status.LastHandledReset = "another"
		ready(oc, "True", v1alpha1.ReadyReasonIssued)
	})
	if status, text := at(t.Context(), env, ns, nil, "reset", "photoprint", "--yes", "--wait=1ns"); status != 1 || !strings.Contains(text, "the operator has not done it") {
		t.Errorf("not handled: status %d: %s", status, text)
	}
	// A rotation that a reset has overtaken leaves one client secret, which may not be in the Secret yet.
	for reason, want := range map[v1alpha1.ReadyReason]int{v1alpha1.ReadyReasonIssuing: 1, v1alpha1.ReadyReasonIssued: 0} {
		record(t, env, oc, func(oc *v1alpha1.OAuthClient) {
			oc.Status.LastHandledRotation = noon
			oc.Status.Credentials = []v1alpha1.CredentialStatus{{ID: "new", IssuedAt: metav1.NewTime(stamped), Verifier: strings.Repeat("v", 43)}}
			ready(oc, map[bool]metav1.ConditionStatus{true: "True", false: "Unknown"}[want == 0], reason)
		})
		if status, text := at(t.Context(), env, ns, nil, "rotate", "photoprint", "--wait=1ns"); status != want {
			t.Errorf("rotate, %s: status %d, want %d: %s", reason, status, want, text)
		}
	}
}

// answering does something before a person answers yes.
type answering struct {
	first  func()
	answer io.Reader
}

func (a *answering) Read(p []byte) (int, error) {
	if a.first != nil {
		a.first()
		a.first = nil
	}
	return a.answer.Read(p)
}

// N450: while somebody is asked, the object may become another one, of which the question said nothing.
func TestN450AChangeIsForTheObjectThatSomebodyWasAskedAbout(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	removed := func(oc *v1alpha1.OAuthClient) {
		if err := env.Client.Delete(t.Context(), oc); err != nil {
			t.Error(err)
		}
	}
	for _, command := range [][]string{{"suspend", "photoprint"}, {"reset", "photoprint"}, {"reset", "photoprint", "--revoke-grants", "--wait=1m"}} {
		oc, other := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{}), (*v1alpha1.OAuthClient)(nil)
		status, text := at(t.Context(), env, ns, &answering{func() {
			removed(oc)
			other = created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{Profile: v1alpha1.ProfileIntegrationCloud})
		}, strings.NewReader("y\n")}, command...)
		if status != 1 || !strings.Contains(text, ns+"/photoprint: nothing was changed: it was deleted and created again meanwhile") {
			t.Errorf("%q: status %d: %s", command, status, text)
		}
		version := other.ResourceVersion
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil || other.ResourceVersion != version || other.Spec.Suspend {
			t.Errorf("%q: the other object was changed: %v, %+v", command, err, other)
		}
		status, text = at(t.Context(), env, ns, &answering{func() { removed(other) }, strings.NewReader("y\n")}, command...)
		if status != 1 || !strings.Contains(text, "nothing was changed: it was deleted meanwhile") {
			t.Errorf("%q, deleted: status %d: %s", command, status, text)
		}
	}
	// And while it waits, the status of another one says nothing.
	oc := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
	o, c := connected(t, env, ns)
	swapped := change{annotations: map[string]any{"example.com/looked": "yes"}, says: "a rotation is asked for", done: func(seen *v1alpha1.OAuthClient) bool {
		if seen.UID != oc.UID {
			return true
		}
		removed(oc.DeepCopy())
		created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
		return false
	}}
	if err := o.apply(t.Context(), c, oc.DeepCopy(), swapped, time.Hour); err == nil || !strings.Contains(err.Error(), "deleted and created again: nothing of that concerns the new one") {
		t.Errorf("%v", err)
	}
}

// connected is what a command has.
func connected(t *testing.T, env *testenv.Env, namespace string) (*options, *cluster) {
	t.Helper()
	o, root := &options{Streams: Streams{Out: io.Discard, Err: io.Discard, Now: time.Now}}, &cobra.Command{}
	o.bind(root)
	if err := root.ParseFlags([]string{"--kubeconfig=" + env.Kubeconfig, "-n", namespace}); err != nil {
		t.Fatal(err)
	}
	c, err := o.cluster()
	if err != nil {
		t.Fatal(err)
	}
	return o, c
}

// N451: the annotation that has one reset end all grants would have each later reset do so, which nobody asked for then.
func TestN451AResetThatEndsGrantsLeavesNothingForTheNext(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	oc := created(t, env, ns, "photoprint", v1alpha1.OAuthClientSpec{})
	remove := "kubectl annotate oauthclient photoprint -n " + ns + " gatehouse.dev/reset-revokes-"
	reset := func(want int, words, left string, args ...string) string {
		t.Helper()
		status, text := at(t.Context(), env, ns, nil, append([]string{"reset", "photoprint", "--yes"}, args...)...)
		if status != want || !strings.Contains(text, words) {
			t.Errorf("%q: status %d, want %d with %q: %s", args, status, want, words, text)
		}
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil || oc.Annotations[v1alpha1.AnnotationResetRevokes] != left {
			t.Errorf("%q leaves %v, %v", args, oc.Annotations, err)
		}
		return text
	}
	reset(0, remove, "true", "--revoke-grants")
	reset(1, remove, "true", "--revoke-grants", "--wait=1ns") // the operator has not read it yet
	record(t, env, oc, func(oc *v1alpha1.OAuthClient) {
		oc.Status.LastHandledReset = noon
		ready(oc, "Unknown", v1alpha1.ReadyReasonIssuing)
	})
	if text := reset(1, "Issuing", "", "--revoke-grants", "--wait=1ns"); strings.Contains(text, remove) { // it has, and the Secret is not written
		t.Errorf("an annotation that is gone is said to stay: %s", text)
	}
	record(t, env, oc, func(oc *v1alpha1.OAuthClient) { ready(oc, "True", v1alpha1.ReadyReasonIssued) })
	if text := reset(0, "done", "", "--revoke-grants", "--wait=1m"); strings.Contains(text, remove) {
		t.Errorf("an annotation that is gone is said to stay: %s", text)
	}
	if text := reset(0, "asked for", ""); strings.Contains(text, "reset-revokes") {
		t.Errorf("without --revoke-grants it says %s", text)
	}
	if oc.Annotations[v1alpha1.AnnotationResetCredentials] != noon {
		t.Errorf("annotations %v", oc.Annotations)
	}

	// Somebody else's reset is not robbed of it, and what changed since it was read is read again.
	_, c := connected(t, env, ns)
	handled := leftover{v1alpha1.AnnotationResetRevokes, "", v1alpha1.AnnotationResetCredentials, "mine", func(*v1alpha1.OAuthClient) bool { return true }}
	annotate := func(reset string) {
		t.Helper()
		oc.Annotations = map[string]string{v1alpha1.AnnotationResetCredentials: reset, v1alpha1.AnnotationResetRevokes: "true"}
		if err := env.Client.Update(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
	}
	annotate("theirs")
	if err := handled.remove(t.Context(), c, oc.DeepCopy()); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("of somebody else: %v", err)
	}
	annotate("mine")
	stale := oc.DeepCopy()
	annotate("theirs")
	if err := handled.remove(t.Context(), c, stale); err == nil {
		t.Error("an object that was changed since was changed")
	}
}
