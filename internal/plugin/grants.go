// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// whose says which grants a command is about.
type whose struct{ client, person, subject string }

func (w *whose) bind(c *cobra.Command) {
	c.Flags().StringVar(&w.person, "user", "", "the name of the person who allowed it")
	c.Flags().StringVar(&w.subject, "subject", "", "the subject of the person, where several have one name or nobody has it any more")
}

// path returns the path with its query.
func (o *options) path(w whose, namespace string, query url.Values) (string, error) {
	if w.person != "" {
		query.Set("person", w.person)
	}
	if w.subject != "" {
		query.Set("subject", w.subject)
	}
	place := pathOf(adminapi.PathNamespaceGrants, namespace, "")
	switch {
	case w.person != "" && w.subject != "":
		return "", usagef("name the person by --user or by --subject, not by both")
	case w.client != "" && o.all:
		return "", usagef("a client is of one namespace: leave --all-namespaces out")
	case w.client != "":
		place = pathOf(adminapi.PathClientGrants, namespace, w.client)
	case w.person == "" && w.subject == "":
		return "", usagef("name a client, or a person with --user")
	case o.all:
		place = adminapi.PathGrants
	}
	return place + "?" + query.Encode(), nil
}

// take reads the client of the arguments. What is given and empty is most likely a variable of a script that was never set: without
// it the command would be about more than was meant.
func (w *whose) take(c *cobra.Command, args []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains([]string{"user", "subject", "grant"}, f.Name) && f.Value.String() == "" {
			err = usagef("--%s is empty", f.Name)
		}
	})
	w.client = ""
	if len(args) > 0 {
		w.client = args[0]
	}
	return err
}

// pathOf fills names into a path.
func pathOf(path, namespace, name string) string {
	return strings.NewReplacer("{namespace}", url.PathEscape(namespace), "{name}", url.PathEscape(name)).Replace(path)
}

func isNotFound(err error) bool {
	refused, ok := errors.AsType[*adminapi.Refused](err)
	return ok && refused.Status == http.StatusNotFound
}

// ask reaches the admin endpoint for the namespace, or for the whole cluster with -A.
func (o *options) ask(ctx context.Context) (e *endpoint, namespace string, err error) {
	c, err := o.cluster()
	if err != nil {
		return nil, "", err
	}
	about := c.namespace
	if o.all {
		about = ""
	}
	e, err = o.asking(ctx, c, about)
	return e, c.namespace, err
}

func atMostOne(_ *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return usagef("name one client")
	case len(args) == 1 && args[0] == "":
		return errEmpty
	}
	return nil
}

func (o *options) grants() *cobra.Command {
	w := whose{}
	c := &cobra.Command{
		Use: "grants CLIENT | --user NAME", Short: "List what people allowed",
		Long: "List the live grants of a client, or what a person allowed to the clients of the namespace; with -A in the whole cluster. LAST USED is of the client, to the hour.",
		Example: `  kubectl gatehouse grants photoprint
  kubectl gatehouse grants --user bob
  kubectl gatehouse grants --user bob -A -o json`,
		Annotations: map[string]string{takesClient: "one"}, Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.take(c, args); err != nil {
				return err
			}
			if _, err := o.path(w, "", url.Values{}); err != nil {
				return err
			}
			e, namespace, err := o.ask(c.Context())
			if err != nil {
				return err
			}
			defer e.end()
			found, err := o.listGrants(c.Context(), e, w, namespace)
			if err != nil {
				return err
			}
			used, err := o.usedOf(c.Context(), e, found)
			if err != nil {
				return err
			}
			return o.print(map[string]any{"items": found}, grantTable(found, used, o.Now()))
		},
	}
	w.bind(c)
	return o.withOutput(o.withAll(c, "the clients of all namespaces"), "json", "yaml", "wide")
}

// listedGrant is a grant with when its client was used last.
type listedGrant struct {
	adminapi.Grant
	ClientLastUsed *time.Time `json:"clientLastUsed,omitempty"`
}

func (o *options) listGrants(ctx context.Context, e *endpoint, w whose, namespace string) ([]listedGrant, error) {
	found := []listedGrant{}
	query := url.Values{"limit": {fmt.Sprint(adminapi.MaxPage)}}
	for {
		path, err := o.path(w, namespace, query)
		if err != nil {
			return nil, err
		}
		var page adminapi.GrantPage
		if err := e.Get(ctx, path, &page); err != nil {
			return nil, o.told(err)
		}
		for _, g := range page.Items {
			found = append(found, listedGrant{Grant: g})
		}
		if page.Continue == "" || page.Continue == query.Get("continue") {
			return found, nil
		}
		if len(found) > maxListed {
			return nil, fmt.Errorf("there are more than %d grants: name a person or a client", maxListed)
		}
		query.Set("continue", page.Continue)
	}
}

// usedOf asks once for each client when it was used last.
func (o *options) usedOf(ctx context.Context, e *endpoint, found []listedGrant) (map[string]time.Time, error) {
	used := map[string]time.Time{}
	for n := range found {
		g := &found[n]
		if _, asked := used[g.ClientUID]; !asked && g.Client != "" {
			var usage adminapi.ClientUsage
			if err := e.Get(ctx, pathOf(adminapi.PathClientUsage, g.Namespace, g.Client), &usage); err != nil && !isNotFound(err) {
				return nil, o.told(err)
			}
			used[g.ClientUID] = usage.LastUsed
		}
		if at := used[g.ClientUID]; !at.IsZero() {
			g.ClientLastUsed = &at
		}
	}
	return used, nil
}

func grantTable(found []listedGrant, used map[string]time.Time, now time.Time) table {
	t := table{none: "no live grants were found", columns: []string{"NAMESPACE", "CLIENT", "PERSON", "SCOPES", "ALLOWED", "ENDS", "LAST USED", "ID", "SUBJECT", "SOURCE"}, wide: 8}
	for _, g := range found {
		t.rows = append(t.rows, []string{
			g.Namespace, cmp.Or(g.Client, g.ClientUID), cmp.Or(g.Person.Name, g.Person.Subject), strings.Join(g.Scopes, ","), ago(g.ApprovedAt, now),
			g.EndsAt.UTC().Format(time.DateOnly), ago(used[g.ClientUID], now), g.ID, g.Person.Subject, g.Person.Source,
		})
	}
	return t
}

func (o *options) revoke() *cobra.Command {
	w, id, all, yes := whose{}, "", false, false
	c := &cobra.Command{
		Use: "revoke CLIENT --grant ID | CLIENT --all | --user NAME", Short: "End what people allowed",
		Long: "End grants and everything that came from them: refresh tokens and access tokens. Who ticked \"always\" is not asked again at the next login: suspend the client to keep it out.",
		Example: `  kubectl gatehouse revoke photoprint --grant 6f1c5a0e9d2b48f3a7c4e1d09b8f2a63 --yes
  kubectl gatehouse revoke photoprint --all --yes
  kubectl gatehouse revoke --user bob -A --yes`,
		Annotations: map[string]string{takesClient: "one"}, Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.take(c, args); err != nil {
				return err
			}
			if err := o.checkRevoke(c.Context(), w, id, all, yes); err != nil {
				return err
			}
			e, namespace, err := o.ask(c.Context())
			if err != nil {
				return err
			}
			defer e.end()
			ended, err := o.end(c.Context(), e, w, namespace, id)
			if err == nil || ended > 0 {
				fmt.Fprintf(o.Out, "grants that were ended: %d\n", ended)
			}
			return err
		},
	}
	w.bind(c)
	c.Flags().StringVar(&id, "grant", "", "the one grant of the client to end")
	c.Flags().BoolVar(&all, "all", false, "end all grants of the client")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return o.withAll(c, "of the clients of all namespaces; with --user or --subject")
}

// grantID is how the server writes the ID of a grant.
var grantID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (o *options) checkRevoke(ctx context.Context, w whose, id string, all, yes bool) error {
	if _, err := o.path(w, "", url.Values{}); err != nil {
		return err
	}
	person := cmp.Or(w.person, w.subject)
	switch {
	case id != "" && (w.client == "" || all || person != ""):
		return usagef("a grant is named with its client and nothing else: revoke CLIENT --grant ID")
	case w.client != "" && id == "" && !all && person == "":
		return usagef("say which grants of %s: --grant ID, --user NAME or --all", w.client)
	case all && w.client == "":
		return usagef("--all is about one client: name it")
	case id != "" && !grantID.MatchString(id):
		return usagef("--grant %q is no ID of a grant, which has 32 characters of 0-9 and a-f: kubectl gatehouse grants %s lists them", id, w.client)
	case yes:
		return nil
	}
	return o.confirm(ctx, "grants end, and applications that work for these people stop")
}

// end ends the grants, some hundreds with each call.
func (o *options) end(ctx context.Context, e *endpoint, w whose, namespace, id string) (ended int, err error) {
	path, err := o.path(w, namespace, url.Values{})
	if err != nil {
		return 0, err
	}
	if id != "" {
		path = pathOf(adminapi.PathClientGrants, namespace, w.client) + "/" + url.PathEscape(id)
	}
	for {
		var answer adminapi.Revoked
		if err := e.Delete(ctx, path, &answer); err != nil {
			return ended, o.told(err)
		}
		ended += answer.Revoked
		if !answer.More || answer.Revoked == 0 {
			return ended, nil
		}
	}
}
