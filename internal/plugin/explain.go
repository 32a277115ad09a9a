// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

func (o *options) explain() *cobra.Command {
	var callback, person string
	var scopes []string
	c := &cobra.Command{
		Use: "explain CLIENT", Short: "Say what would become of a login, step by step",
		Long: "Say what each step of a login would answer, in the order of the flow: by the authorization server itself, with its own rules. Nothing is begun, and nobody has to log in.\n" +
			"The exit status is 1 where a step does not pass.",
		Example: `  kubectl gatehouse explain photoprint --redirect-uri=https://photoprint.example/callback --scope=photos.read --user=bob`,
		Args:    one("one client"), Annotations: map[string]string{takesClient: "one"},
		RunE: func(c *cobra.Command, args []string) error {
			cluster, err := o.cluster()
			if err != nil {
				return err
			}
			oc, err := cluster.oauthClient(c.Context(), args[0])
			if err != nil {
				return err
			}
			e, err := o.asking(c.Context(), cluster, cluster.namespace)
			if err != nil {
				return err
			}
			defer e.end()
			query := url.Values{}
			for name, value := range map[string]string{"redirect_uri": callback, "person": person, "scope": strings.Join(scopes, " ")} {
				if value != "" {
					query.Set(name, value)
				}
			}
			answer := adminapi.Explanation{}
			if err := e.Get(c.Context(), pathOf(adminapi.PathExplain, oc.Namespace, oc.Name)+"?"+query.Encode(), &answer); err != nil {
				return o.told(err)
			}
			return o.showExplanation(oc, answer)
		},
	}
	c.Flags().StringVar(&callback, "redirect-uri", "", "the callback that the application sends; empty: it sends none")
	c.Flags().StringSliceVar(&scopes, "scope", nil, "the scopes that it asks for; empty: all of the client's")
	c.Flags().StringVar(&person, "user", "", "the name of the person who logs in")
	return o.withOutput(c, "json", "yaml")
}

func (o *options) showExplanation(oc *v1alpha1.OAuthClient, answer adminapi.Explanation) error {
	failed := false
	t := table{columns: []string{"", "STEP", "WHY"}}
	for _, c := range answer.Checks {
		mark := "ok"
		if !c.Passes {
			failed, mark = true, "NO"
		}
		t.rows = append(t.rows, []string{mark, c.Name, c.Text})
	}
	if err := o.print(answer, t); err != nil {
		return err
	}
	if o.output == "" {
		if answer.Note != "" {
			fmt.Fprintln(o.Out, "\nNote:", oneLine(answer.Note)+".")
		}
		if accepted := meta.FindStatusCondition(oc.Status.Conditions, string(v1alpha1.ConditionAccepted)); accepted != nil && accepted.Status != "True" {
			fmt.Fprintf(o.Out, "\nThe operator says Accepted=%s, %s: %s\n", accepted.Status, accepted.Reason, oneLine(accepted.Message))
		}
		end := o.good("The login would go through.")
		if failed {
			end = o.bad("The login would be refused.")
		}
		fmt.Fprintln(o.Out, "\n"+end)
	}
	if failed {
		return errFound
	}
	return nil
}
