// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// lookEvery is how often --wait looks.
const lookEvery = time.Second

// change is what a command sets in an object.
type change struct {
	patch map[string]any
	// done reports whether the operator has carried it out.
	done func(*v1alpha1.OAuthClient) bool
	says string // of an object
}

// changing returns a command that changes the client it is given. warning is asked about before; empty: nothing is.
func (o *options) changing(c *cobra.Command, warning func() string, what func() change) *cobra.Command {
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
		if text := warning(); text != "" && !yes {
			if err := o.confirm(fmt.Sprintf("%s/%s: %s", oc.Namespace, oc.Name, text)); err != nil {
				return err
			}
		}
		return o.apply(c.Context(), cluster, oc, what(), wait)
	}
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long at most until the operator has done it, for instance 2m")
	if warning() != "" {
		c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	}
	return c
}

// confirm asks whether to go on.
func (o *options) confirm(text string) error {
	if !o.InIsTerminal {
		return usagef("%s: say --yes if that is meant", text)
	}
	fmt.Fprintf(o.Err, "%s. Go on? [y/N] ", text)
	answer, _ := bufio.NewReader(o.In).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usagef("nothing was changed")
	}
	return nil
}

func (o *options) apply(ctx context.Context, c *cluster, oc *v1alpha1.OAuthClient, what change, wait time.Duration) error {
	patch, err := json.Marshal(what.patch)
	if err != nil {
		return fmt.Errorf("write the change: %w", err)
	}
	if err := c.Patch(ctx, oc, client.RawPatch(types.MergePatchType, patch), client.FieldOwner("kubectl-gatehouse")); err != nil {
		return readable(err)
	}
	if wait <= 0 {
		fmt.Fprintf(o.Out, "%s/%s: %s\n", oc.Namespace, oc.Name, what.says)
		return nil
	}
	end := time.NewTimer(wait)
	defer end.Stop()
	for tick := time.NewTicker(lookEvery); ; {
		if oc, err = c.oauthClient(ctx, oc.Name); err != nil {
			return err
		}
		if what.done(oc) {
			fmt.Fprintf(o.Out, "%s/%s: %s, done\n", oc.Namespace, oc.Name, what.says)
			return nil
		}
		select {
		case <-tick.C:
		case <-end.C:
			return fmt.Errorf("%s/%s: %s, and the operator has not done it within %s. %s", oc.Namespace, oc.Name, what.says, wait, readyText(oc))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func readyText(oc *v1alpha1.OAuthClient) string {
	ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady))
	if ready == nil {
		return "Its status says nothing: does the operator run?"
	}
	return fmt.Sprintf("Its status says Ready=%s, %s: %s", ready.Status, ready.Reason, ready.Message)
}

// stamp is the value of an annotation that is new.
func (o *options) stamp() string { return o.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

func annotated(values map[string]any) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": values}}
}

func (o *options) reset() *cobra.Command {
	revokes := false
	c := &cobra.Command{
		Use: "reset CLIENT", Short: "Make a new client secret and end the old one at once",
		Long: "Make a new client secret and end the old one at once, for a secret that somebody saw. Applications fail until they have read their Secret again.\n" +
			"To replace a secret without an outage, rotate it.",
		Example: `  kubectl gatehouse reset photoprint --yes
  kubectl gatehouse reset photoprint --revoke-grants --yes --wait=1m`,
	}
	c.Flags().BoolVar(&revokes, "revoke-grants", false, "end everything that people allowed the client and all its tokens, too")
	return o.changing(c, func() string {
		return "the client secret ends at once, and applications fail until they read the new one"
	}, func() change {
		value := o.stamp()
		annotations := map[string]any{v1alpha1.AnnotationResetCredentials: value, v1alpha1.AnnotationResetRevokes: nil}
		if revokes {
			annotations[v1alpha1.AnnotationResetRevokes] = "true"
		}
		return change{annotated(annotations), func(oc *v1alpha1.OAuthClient) bool { return oc.Status.LastHandledReset == value }, "a new client secret is asked for, and the old one ends"}
	})
}

func (o *options) rotate() *cobra.Command {
	c := &cobra.Command{
		Use: "rotate CLIENT", Short: "Make a new client secret and let the old one go on for a while",
		Long: "Make a new client secret. The old one works on for credentials.rotation.overlapHours, 24 unless the spec says so.",
		Example: `  kubectl gatehouse rotate photoprint
  kubectl gatehouse rotate photoprint --wait=1m`,
	}
	return o.changing(c, func() string { return "" }, func() change {
		value := o.stamp()
		return change{annotated(map[string]any{v1alpha1.AnnotationRotateCredentials: value}),
			func(oc *v1alpha1.OAuthClient) bool { return oc.Status.LastHandledRotation == value }, "a rotation is asked for"}
	})
}

func (o *options) suspend() *cobra.Command {
	c := &cobra.Command{
		Use: "suspend CLIENT", Short: "Refuse everything of a client, until it is resumed",
		Long:    "Set spec.suspend: every login, token and refresh of the client is refused. Its ID, its secret and what people allowed it stay. Where a GitOps tool applies the object, set it there, too.",
		Example: `  kubectl gatehouse suspend photoprint --yes`,
	}
	return o.changing(c, func() string { return "everything of the client is refused" }, func() change { return suspended(true) })
}

func (o *options) resume() *cobra.Command {
	c := &cobra.Command{
		Use: "resume CLIENT", Short: "Serve a client that was suspended again",
		Long:    "Take spec.suspend away. What people allowed the client before counts again.",
		Example: `  kubectl gatehouse resume photoprint --wait=30s`,
	}
	return o.changing(c, func() string { return "" }, func() change { return suspended(false) })
}

func suspended(yes bool) change {
	says, value := "it is suspended", any(true)
	if !yes {
		says, value = "it is resumed", nil
	}
	return change{map[string]any{"spec": map[string]any{"suspend": value}}, func(oc *v1alpha1.OAuthClient) bool {
		accepted := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionAccepted))
		return accepted != nil && accepted.ObservedGeneration == oc.Generation && (accepted.Reason == string(v1alpha1.AcceptedReasonSuspended)) == yes
	}, says}
}
