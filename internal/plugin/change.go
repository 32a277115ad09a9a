// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// change is what a command sets in an object.
type change struct {
	// annotations and spec are merged into those of the object; nil takes one away.
	annotations, spec map[string]any
	// done reports whether the operator has carried it out.
	done func(*v1alpha1.OAuthClient) bool
	says string // of an object
	// halfDone says what is true already of what is not done, and unseen what the status does not tell of what is done. Both may be
	// nil, and may return nothing.
	halfDone, unseen func(*v1alpha1.OAuthClient) string
	leaves           leftover
}

// changer is what a command does to a client. The operator does other things for one profile than for another, so each part is
// asked about the client.
type changer struct {
	refuse  func(*v1alpha1.OAuthClient) error  // says why nothing would happen; nil: something always does
	warning func(*v1alpha1.OAuthClient) string // is asked about before; nil: nothing is
	change  func(*v1alpha1.OAuthClient) change
}

// changing returns a command that changes the client it is given.
func (o *options) changing(c *cobra.Command, does changer) *cobra.Command {
	wait, yes := time.Duration(0), false
	c.Args, c.Annotations = one("one client"), map[string]string{takesClient: "one"}
	c.RunE = func(c *cobra.Command, args []string) error {
		cluster, err := o.cluster()
		if err != nil {
			return err
		}
		oc, err := cluster.oauthClient(c.Context(), args[0])
		if err != nil {
			return err
		}
		if does.refuse != nil {
			if err := does.refuse(oc); err != nil {
				return err
			}
		}
		if does.warning != nil && !yes {
			if err := o.confirm(c.Context(), fmt.Sprintf("%s/%s: %s", oc.Namespace, oc.Name, does.warning(oc))); err != nil {
				return err
			}
		}
		return o.apply(c.Context(), cluster, oc, does.change(oc), wait)
	}
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long at most until the operator has done it, for instance 2m")
	if does.warning != nil {
		c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	return c
}

// confirm asks whether to go on. Whoever ends the command meanwhile, with Ctrl-C, has said no.
func (o *options) confirm(ctx context.Context, text string) error {
	if !o.InIsTerminal {
		return usagef("%s: say --yes if that is meant", text)
	}
	fmt.Fprintf(o.Err, "%s. Go on? [y/N] ", text)
	answers := make(chan string, 1)
	go func() { // a read of a terminal cannot be given up; the process ends it
		answer, _ := bufio.NewReader(o.In).ReadString('\n')
		answers <- answer
	}()
	var answer string
	select {
	case answer = <-answers:
	case <-ctx.Done():
		fmt.Fprintln(o.Err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usagef("nothing was changed")
	}
	return nil
}

// apply changes the object, and waits for the operator where that is wanted.
func (o *options) apply(ctx context.Context, c *cluster, oc *v1alpha1.OAuthClient, what change, wait time.Duration) error {
	merge := map[string]any{}
	if what.annotations != nil {
		merge["annotations"] = what.annotations
	}
	if err := c.change(ctx, oc, merge, what.spec); err != nil {
		return err
	}
	if wait > 0 {
		return o.await(ctx, c, oc, what, wait)
	}
	fmt.Fprintf(o.Out, "%s/%s: %s\n", oc.Namespace, oc.Name, what.says)
	if what.leaves.annotation != "" {
		fmt.Fprintf(o.Out, "%s/%s: %s\n", oc.Namespace, oc.Name, what.leaves.stays(oc))
	}
	return nil
}

// change merges into the object that was read, and into no other of its name: it may have been deleted and created again since, as
// another one with another profile, while somebody was asked. The API server compares the UID.
func (c *cluster) change(ctx context.Context, oc *v1alpha1.OAuthClient, metadata, spec map[string]any) error {
	metadata["uid"] = oc.UID
	merge := map[string]any{"metadata": metadata}
	if spec != nil {
		merge["spec"] = spec
	}
	patch, err := json.Marshal(merge)
	if err != nil {
		return fmt.Errorf("write the change: %w", err)
	}
	err = c.Patch(ctx, oc, client.RawPatch(types.MergePatchType, patch), client.FieldOwner("kubectl-gatehouse"))
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s/%s: nothing was changed: it was deleted meanwhile", oc.Namespace, oc.Name)
	case isAnother(err):
		return fmt.Errorf("%s/%s: nothing was changed: it was deleted and created again meanwhile. See what it is now (kubectl gatehouse get %s -n %s -o yaml), and call this again if it is still meant",
			oc.Namespace, oc.Name, oc.Name, oc.Namespace)
	case err != nil:
		return readable(err)
	}
	return nil
}

// isAnother reports whether the API server refused a change because the object has another UID, which never changes.
func isAnother(err error) bool {
	status, is := errors.AsType[*apierrors.StatusError](err)
	return is && status.ErrStatus.Details != nil && slices.ContainsFunc(status.ErrStatus.Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// stamp is the value of an annotation that is new.
func (o *options) stamp() string { return o.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// hasNoneToRenew refuses to ask for a new client secret where the operator makes none: the annotation would stay without effect.
func hasNoneToRenew(oc *v1alpha1.OAuthClient) error {
	what := ""
	switch from, _ := oc.Spec.Credentials.GivenSecret(); {
	case oc.Spec.Public():
		what = "it is a Public client and has no client secret. To end what people allowed it: kubectl gatehouse revoke " + oc.Name + " --all"
	case oc.Spec.Credentials.FromGivenSecret():
		what = fmt.Sprintf("its client secret comes from the Secret %q, which somebody else writes. Put a new one there", from)
	case oc.Spec.Credentials.Source == v1alpha1.SourcePrivateKeyJWT:
		what = "it has no client secret, for it signs with its own keys. Change spec.credentials.privateKeyJWT, or the keys where that says that they are"
	case oc.Spec.Credentials.Source == v1alpha1.SourceServiceAccount:
		what = "it has no client secret, for it uses tokens of ServiceAccounts. Change spec.credentials.serviceAccount to let another one in"
	default:
		return nil
	}
	return fmt.Errorf("%s/%s: nothing was changed: %s", oc.Namespace, oc.Name, what)
}

func (o *options) reset() *cobra.Command {
	revokes := false
	c := &cobra.Command{
		Use: "reset CLIENT", Short: "Make a new client secret and end the old one at once",
		Long: "Make a new client secret and end the old one at once, for a secret that somebody saw. Applications fail until they have read their Secret again.\n" +
			"In the profiles ConnectionsCloudOAuth2 and ConnectionsCloudOAuth1 that ends everything that people allowed the client, too, as --revoke-grants does in the others.\n" +
			"To replace a secret without an outage, rotate it.",
		Example: `  kubectl gatehouse reset photoprint --yes
  kubectl gatehouse reset photoprint --revoke-grants --yes --wait=1m`,
	}
	c.Flags().BoolVar(&revokes, "revoke-grants", false, "end everything that people allowed the client and all its tokens, too")
	endsGrants := func(oc *v1alpha1.OAuthClient) bool { return revokes || oc.Spec.EffectiveProfile().ResetEndsGrants() }
	return o.changing(c, changer{refuse: hasNoneToRenew, warning: func(oc *v1alpha1.OAuthClient) string {
		text := "the client secret ends at once, and applications fail until they read the new one"
		if endsGrants(oc) {
			text += ". All its grants and tokens end for good: people have to allow it again"
		}
		return text
	}, change: func(oc *v1alpha1.OAuthClient) change {
		value, says := o.stamp(), "a new client secret is asked for, and the old one ends"
		if endsGrants(oc) {
			says += " with all grants and tokens"
		}
		handled := func(oc *v1alpha1.OAuthClient) bool { return oc.Status.LastHandledReset == value }
		what := change{
			annotations: map[string]any{v1alpha1.AnnotationResetCredentials: value, v1alpha1.AnnotationResetRevokes: nil}, says: says,
			done:   func(oc *v1alpha1.OAuthClient) bool { return handled(oc) && secretIsWritten(oc) },
			unseen: secretIsUnseen,
			halfDone: func(oc *v1alpha1.OAuthClient) string {
				if !handled(oc) {
					return ""
				}
				return "the old client secret has ended, and the status does not say that the Secret holds the new one. Restart no application before it does."
			},
		}
		if revokes {
			what.annotations[v1alpha1.AnnotationResetRevokes] = "true"
			what.leaves = leftover{v1alpha1.AnnotationResetRevokes, "a later reset by annotation would end all grants and tokens, too", v1alpha1.AnnotationResetCredentials, value, handled}
		}
		return what
	}})
}

func (o *options) rotate() *cobra.Command {
	c := &cobra.Command{
		Use: "rotate CLIENT", Short: "Make a new client secret and let the old one go on for a while",
		Long: "Make a new client secret. The old one works on for credentials.rotation.overlapHours, 24 unless the spec says so.",
		Example: `  kubectl gatehouse rotate photoprint
  kubectl gatehouse rotate photoprint --wait=1m`,
	}
	return o.changing(c, changer{refuse: hasNoneToRenew, change: func(*v1alpha1.OAuthClient) change {
		value := o.stamp()
		return change{
			annotations: map[string]any{v1alpha1.AnnotationRotateCredentials: value}, says: "a rotation is asked for",
			done: func(oc *v1alpha1.OAuthClient) bool { return oc.Status.LastHandledRotation == value && secretIsNew(oc) },
		}
	}})
}

func (o *options) suspend() *cobra.Command {
	c := &cobra.Command{
		Use: "suspend CLIENT", Short: "Refuse everything of a client, until it is resumed",
		Long: "Set spec.suspend: every login, token and refresh of the client is refused. Its ID and its secret stay. What people allowed it stays, too, except in the profile\n" +
			"IntegrationCloud: there all grants and tokens end for good. Where a GitOps tool applies the object, set it there, too.",
		Example: `  kubectl gatehouse suspend photoprint --yes`,
	}
	return o.changing(c, changer{warning: func(oc *v1alpha1.OAuthClient) string {
		text := "everything of the client is refused"
		if oc.Spec.EffectiveProfile().SuspendEndsGrants() {
			text += ". Its profile is IntegrationCloud, so all its grants and tokens end for good: people have to allow it again after it is resumed"
		}
		return text
	}, change: func(oc *v1alpha1.OAuthClient) change {
		says := "it is suspended"
		if oc.Spec.EffectiveProfile().SuspendEndsGrants() {
			says += ", and all its grants and tokens end"
		}
		return suspended(true, says)
	}})
}

func (o *options) resume() *cobra.Command {
	c := &cobra.Command{
		Use: "resume CLIENT", Short: "Serve a client that was suspended again",
		Long:    "Take spec.suspend away. What people allowed the client before counts again, except in the profile IntegrationCloud, where it ended.",
		Example: `  kubectl gatehouse resume photoprint --wait=30s`,
	}
	return o.changing(c, changer{change: func(*v1alpha1.OAuthClient) change { return suspended(false, "it is resumed") }})
}

func suspended(yes bool, says string) change {
	value := any(true)
	if !yes {
		value = nil
	}
	return change{spec: map[string]any{"suspend": value}, says: says, done: func(oc *v1alpha1.OAuthClient) bool {
		accepted := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionAccepted))
		return accepted != nil && accepted.ObservedGeneration == oc.Generation && (accepted.Reason == string(v1alpha1.AcceptedReasonSuspended)) == yes
	}}
}
