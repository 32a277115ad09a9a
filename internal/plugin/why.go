// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// refusal is a refusal with the replica that remembers it.
type refusal struct {
	adminapi.Refusal
	Replica string `json:"replica"`
}

func (o *options) why() *cobra.Command {
	c := &cobra.Command{
		Use: "why REQUEST-ID", Short: "Say why a request was refused",
		Long: "Say why the authorization server refused a request. Its ID is on each page with an error, and in the header X-Request-Id of each answer.\n" +
			"Each replica remembers what it refused itself, for a day at most, and all are asked. Requests whose client is not known are found with -A only.",
		Example: `  kubectl gatehouse why 3alund47ev-2
  kubectl gatehouse why 3alund47ev-2 -A -o yaml`,
		Args: one("the ID of the request"),
		RunE: func(c *cobra.Command, args []string) error {
			e, namespace, err := o.ask(c.Context())
			if err != nil {
				return err
			}
			defer e.end()
			path := pathOf(adminapi.PathNamespaceRefusals, namespace, "")
			if o.all {
				path = adminapi.PathRefusals
			}
			found, err := o.refusals(c.Context(), e, path+"?"+url.Values{"requestID": args}.Encode())
			if err != nil {
				return err
			}
			if len(found) == 0 {
				return o.notRemembered(e, args[0], namespace)
			}
			if o.output != "" {
				return o.print(map[string]any{"items": found}, table{})
			}
			for _, r := range found {
				o.tell(r)
			}
			return nil
		},
	}
	return o.withOutput(o.withAll(c, "also requests of other namespaces' clients and of no client"), "json", "yaml")
}

// refusals asks all replicas. Those that do not answer are in e.missing afterwards, and e.answered counts the others.
func (o *options) refusals(ctx context.Context, e *endpoint, path string) (found []refusal, err error) {
	for _, r := range e.replicas {
		var list adminapi.RefusalList
		err := r.session.Get(ctx, path, &list)
		if refused, ok := errors.AsType[*adminapi.Refused](err); ok && refused.Status < 500 {
			return nil, o.told(err) // the next one would say the same
		}
		if err != nil {
			e.missing = append(e.missing, fmt.Errorf("%s: %w", r.name, e.withAuthority(err)))
			continue
		}
		e.answered++
		for _, item := range list.Items {
			found = append(found, refusal{item, r.name})
		}
	}
	slices.SortStableFunc(found, func(a, b refusal) int { return b.At.Compare(a.At) })
	return found, nil
}

func (o *options) notRemembered(e *endpoint, id, namespace string) error {
	where := "of no client in namespace " + namespace + "; requests of others are found with -A"
	if o.all {
		where = "at all"
	}
	text := fmt.Sprintf("replicas that were asked: %d, and none remembers that it refused request %q %s. A replica remembers a bounded number for a day, and none after it was restarted; the log has more",
		e.answered, id, where)
	if len(e.missing) > 0 {
		return fmt.Errorf("%s. Not all could be asked: %w", text, errors.Join(e.missing...))
	}
	return errors.New(text)
}

func (o *options) tell(r refusal) {
	client := "not known"
	if r.Client != "" {
		client = r.Namespace + "/" + r.Client
	}
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(o.Out, "%-10s %s\n", name+":", oneLine(text))
		}
	}
	line("Request", r.RequestID)
	line("At", r.At.UTC().Format(time.RFC3339)+", by "+r.Replica)
	line("Client", client)
	line("Person", r.Person)
	fmt.Fprintf(o.Out, "%-10s %s\n", "Error:", o.bad(oneLine(orDash(r.Error))))
	line("Told", r.Description)
	line("Cause", r.Cause)
	m := r.Mismatch
	if m == nil {
		return
	}
	switch m.Reason {
	case adminapi.CallbackDiffers:
		line("Asked for", orDash(strings.Join(m.Asked, ", ")))
		line("Declared", strings.Join(m.Declared, ", "))
		line("To do", "put the address that the application sends into spec.callbackURLs, or correct the application: they are compared character for character")
	case adminapi.PKCEMissing:
		line("To do", "have the application send code_challenge with code_challenge_method=S256 (PKCE, RFC 7636)")
	case adminapi.ScopeNotAllowed:
		line("Asked for", strings.Join(m.Asked, ", "))
		line("Declared", orDash(strings.Join(m.Declared, ", ")))
		line("To do", "put the scope into spec.scopes, and have the API's ResourceServer open it to the namespace; or correct the application")
	}
}
