// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// lookEvery is how often --wait looks.
const lookEvery = time.Second

// await waits until the operator has done it, and takes away what the change leaves.
func (o *options) await(ctx context.Context, c *cluster, oc *v1alpha1.OAuthClient, what change, wait time.Duration) error {
	end, tick := time.NewTimer(wait), time.NewTicker(lookEvery)
	defer end.Stop()
	defer tick.Stop()
	for uid := oc.UID; ; {
		seen, err := c.oauthClient(ctx, oc.Name)
		switch {
		case err == nil:
			oc = seen
		case ctx.Err() == nil:
			return err
		}
		if oc.UID != uid {
			return fmt.Errorf("%s/%s: %s, and then the object was deleted and created again: nothing of that concerns the new one", oc.Namespace, oc.Name, what.says)
		}
		left := what.leaves.remove(ctx, c, oc)
		if what.done(oc) && left == nil {
			fmt.Fprintf(o.Out, "%s/%s: %s, done%s\n", oc.Namespace, oc.Name, what.says, told(what.unseen, oc))
			return nil
		}
		select {
		case <-tick.C:
		case <-end.C:
			return o.notDone(oc, what, wait, left)
		case <-ctx.Done():
			text := fmt.Sprintf("%s/%s: %s. Nobody waits for the operator any more, which goes on", oc.Namespace, oc.Name, what.says)
			if left != nil {
				text += ". Also, " + what.leaves.stays(oc)
			}
			return errors.New(text)
		}
	}
}

// notDone says what there is to know at the end of the time. left is why the annotation that the change leaves was not removed.
func (o *options) notDone(oc *v1alpha1.OAuthClient, what change, wait time.Duration, left error) error {
	text := fmt.Sprintf("%s/%s: %s, and the operator has not done it within %s. %s See whether it runs: kubectl get deployment gatehouse-operator -n %s",
		oc.Namespace, oc.Name, what.says, wait, readyText(oc), o.endpoint.systemNamespace)
	if half := told(what.halfDone, oc); half != "" {
		text = fmt.Sprintf("%s/%s: %s, and that is not done within %s: %s %s", oc.Namespace, oc.Name, what.says, wait, half, readyText(oc))
	}
	if left != nil {
		return fmt.Errorf("%s. Also, %s (it was not removed: %w)", text, what.leaves.stays(oc), left)
	}
	return errors.New(text)
}

func readyText(oc *v1alpha1.OAuthClient) string {
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	if ready == nil {
		return "Its status says nothing: does the operator run?"
	}
	return fmt.Sprintf("Its status says Ready=%s, %s: %s", ready.Status, ready.Reason, oneLine(ready.Message))
}

// leftover is an annotation that a change leaves on the object, and that would have a later change do more than it says.
type leftover struct {
	annotation string // empty: the change leaves none
	would      string // what it would do later
	// asked and value are the annotation by which the change was asked for. Where it has another value, somebody has asked for
	// another change since, and the leftover is for that one.
	asked, value string
	// handled reports whether the operator has read it.
	handled func(*v1alpha1.OAuthClient) bool
}

// errNotHandled is why a leftover stays: the operator still has to read it.
var errNotHandled = errors.New("the operator has not read it yet")

// remove takes the annotation off the object as soon as it is of no use any more. A nil error: the object has it no more. The API
// server refuses it where the object was changed since it was read, and the next look tries again.
func (l leftover) remove(ctx context.Context, c *cluster, oc *v1alpha1.OAuthClient) error {
	_, there := oc.Annotations[l.annotation]
	switch {
	case l.annotation == "" || !there:
		return nil
	case oc.Annotations[l.asked] != l.value:
		return fmt.Errorf("somebody else has asked for the same since: %s is %q", l.asked, oc.Annotations[l.asked])
	case !l.handled(oc):
		return errNotHandled
	}
	return c.change(ctx, oc, map[string]any{"resourceVersion": oc.ResourceVersion, "annotations": map[string]any{l.annotation: nil}}, nil)
}

// stays says that the annotation stays, and how to take it away.
func (l leftover) stays(oc *v1alpha1.OAuthClient) string {
	return fmt.Sprintf("the annotation %s stays on the object, and %s. Take it away once this is done: kubectl annotate oauthclient %s -n %s %s-",
		l.annotation, l.would, oc.Name, oc.Namespace, l.annotation)
}

// secretIsNew reports whether the Secret holds the newest client secret: only then the operator says when the others end. So what is
// restarted after --wait reads the new one. Where there is no other one, a reset has overtaken the rotation, and Ready tells.
func secretIsNew(oc *v1alpha1.OAuthClient) bool {
	credentials := oc.Status.Credentials
	if len(credentials) < 2 {
		return secretIsWritten(oc)
	}
	return !slices.ContainsFunc(credentials[:len(credentials)-1], func(c v1alpha1.CredentialStatus) bool { return c.ExpiresAt == nil })
}

// secretIsWritten reports whether Ready does not say otherwise than that the Secret holds the client secret of the status. After a
// reset the status is written first, with the reason Issuing, and says Issued once the API server has stored the Secret. Of an object
// that is refused as its spec wishes, Ready says that alone: see secretIsUnseen.
func secretIsWritten(oc *v1alpha1.OAuthClient) bool {
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	return ready != nil && ready.Status == "True" && ready.ObservedGeneration == oc.Generation
}

// secretIsUnseen says of a client whose Ready does not speak of its Secret that nobody knows what that holds.
func secretIsUnseen(oc *v1alpha1.OAuthClient) string {
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	if ready == nil || ready.Reason == string(v1alpha1.ReadyReasonIssued) {
		return ""
	}
	return fmt.Sprintf(". Its status says Ready=%s, %s, which does not tell whether the Secret holds the new client secret: restart applications once it says %s",
		ready.Status, ready.Reason, v1alpha1.ReadyReasonIssued)
}

// told is what a part of a change says of an object.
func told(part func(*v1alpha1.OAuthClient) string, oc *v1alpha1.OAuthClient) string {
	if part == nil {
		return ""
	}
	return part(oc)
}
