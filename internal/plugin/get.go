// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// seenClient is a client with what the authorization server knows of it.
type seenClient struct {
	v1alpha1.OAuthClient
	// LastUsed is to the hour; nil: not asked, or never.
	LastUsed *time.Time `json:"lastUsed,omitempty"`
}

// MarshalJSON writes the object with lastUsed beside its fields.
func (s seenClient) MarshalJSON() ([]byte, error) {
	object, err := json.Marshal(s.OAuthClient)
	if err != nil || s.LastUsed == nil {
		return object, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	fields["lastUsed"] = s.LastUsed
	return json.Marshal(fields)
}

func (o *options) get() *cobra.Command {
	lastUsed, selector := false, ""
	c := &cobra.Command{
		Use: "get [CLIENT...]", Short: "List clients, or show some",
		Long: "List the clients of the namespace with what their status says. --last-used asks the authorization server, too, when each was used last, to the hour; a first use may take three minutes to show.",
		Example: `  kubectl gatehouse get
  kubectl gatehouse get photoprint -n photos --last-used
  kubectl gatehouse get -l team=photos -o name
  kubectl gatehouse get -A -o wide`,
		Annotations: map[string]string{takesClient: "many"},
		RunE: func(c *cobra.Command, args []string) error {
			if o.all && len(args) > 0 {
				return usagef("name clients, or say --all-namespaces; not both")
			}
			if slices.Contains(args, "") {
				return errEmpty
			}
			chosen, err := chosenBy(c, selector, args)
			if err != nil {
				return err
			}
			found, err := o.find(c.Context(), args, chosen, lastUsed)
			if err != nil {
				return err
			}
			if o.output == "name" {
				for n := range found {
					fmt.Fprintln(o.Out, "oauthclient.gatehouse.dev/"+found[n].Name)
				}
				return nil
			}
			return o.print(asList(found), clientTable(found, o.all, lastUsed, o.Now()))
		},
	}
	c.Flags().BoolVar(&lastUsed, "last-used", false, "ask the authorization server when each was used last")
	c.Flags().StringVarP(&selector, "selector", "l", "", "only clients whose labels match, as kubectl does: team=photos,stage!=dev")
	return o.withOutput(o.withAll(c, "the clients of all namespaces"), "json", "yaml", "wide", "name")
}

// chosenBy reads a label selector. Empty is everything, unless somebody wrote it: a variable of a script was never set then.
func chosenBy(c *cobra.Command, selector string, names []string) (labels.Selector, error) {
	if !c.Flags().Changed("selector") {
		return labels.Everything(), nil
	}
	if selector == "" {
		return nil, errEmpty
	}
	if len(names) > 0 {
		return nil, usagef("name clients, or say --selector; not both")
	}
	chosen, err := labels.Parse(selector)
	if err != nil {
		return nil, usagef("--selector %q: %w", selector, err)
	}
	return chosen, nil
}

func (o *options) find(ctx context.Context, names []string, chosen labels.Selector, lastUsed bool) (found []seenClient, err error) {
	c, err := o.cluster()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		all, err := c.oauthClients(ctx, o.all, chosen)
		if err != nil {
			return nil, err
		}
		for n := range all {
			found = append(found, seenClient{OAuthClient: all[n]})
		}
	}
	for _, name := range names {
		oc, err := c.oauthClient(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, seenClient{OAuthClient: *oc})
	}
	if !lastUsed || len(found) == 0 {
		return found, nil
	}
	return found, o.addLastUsed(ctx, c, found)
}

func (o *options) addLastUsed(ctx context.Context, c *cluster, found []seenClient) error {
	namespace := c.namespace
	if o.all {
		namespace = ""
	}
	e, err := o.asking(ctx, c, namespace)
	if err != nil {
		return err
	}
	defer e.end()
	for n := range found {
		var usage adminapi.ClientUsage
		err := e.Get(ctx, pathOf(adminapi.PathClientUsage, found[n].Namespace, found[n].Name), &usage)
		if isNotFound(err) { // not served, so not used
			continue
		}
		if err != nil {
			return o.told(err)
		}
		if !usage.LastUsed.IsZero() {
			found[n].LastUsed = &usage.LastUsed
		}
	}
	return nil
}

// asList is what JSON and YAML show: one object as such, several as a List, as kubectl does.
func asList(found []seenClient) any {
	for n := range found {
		found[n].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.KindOAuthClient))
		found[n].ManagedFields = nil
	}
	if len(found) == 1 {
		return found[0]
	}
	if found == nil {
		found = []seenClient{} // an empty list, and not null
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": found}
}

func clientTable(found []seenClient, withNamespace, lastUsed bool, now time.Time) table {
	t := table{none: "no clients were found", columns: []string{"NAME", "CLIENT ID", "PROFILE", "READY", "REASON", "AGE"}, wide: 6}
	extra := []string{"SECRET", "CALLBACKS", "SCOPES"}
	if lastUsed {
		t.columns, t.wide = append(t.columns, "LAST USED"), 7
	}
	if withNamespace {
		t.columns, t.wide = append([]string{"NAMESPACE"}, t.columns...), t.wide+1
	}
	t.columns = append(t.columns, extra...)
	for n := range found {
		oc := &found[n].OAuthClient
		row := []string{oc.Name, oc.Status.ClientID, string(oc.Spec.EffectiveProfile()), "", "", duration.HumanDuration(now.Sub(oc.CreationTimestamp.Time))}
		if ready := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionReady)); ready != nil {
			row[3], row[4] = string(ready.Status), ready.Reason
		}
		if lastUsed {
			used := time.Time{}
			if found[n].LastUsed != nil {
				used = *found[n].LastUsed
			}
			row = append(row, ago(used, now))
		}
		if withNamespace {
			row = append([]string{oc.Namespace}, row...)
		}
		t.rows = append(t.rows, append(row, oc.Status.SecretName, joined(oc.Spec.CallbackURLs), joined(oc.Spec.Scopes)))
	}
	return t
}
