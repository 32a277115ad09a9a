// SPDX-License-Identifier: Apache-2.0

// Package plugin is the kubectl plugin.
//
//	plugin.go    the command, its flags and its exit status
//	cluster.go   the cluster of the kubeconfig
//	endpoint.go  the way to the admin endpoint of the authorization server; forward.go through the API server
//	output.go    tables, JSON and YAML
//	get.go       clients and when they were used
//	change.go    reset, rotate, suspend, resume; wait.go until the operator has done it
//	grants.go    grants and their end
//	why.go       why a request was refused
//	explain.go   what would become of a request
//	check.go     what a policy says of files; lint.go also what the API server would say; policies.go which policy counts
//	sarif.go     findings for code scanning
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InIsTerminal is whether somebody can be asked, OutIsTerminal whether colours are seen.
	InIsTerminal, OutIsTerminal bool
	// Now tells the time.
	Now func() time.Time
}

// errFound ends a command that found something and has said so. The exit status is 1.
var errFound = errors.New("something was found")

// usageError is a call that makes no sense. The exit status is 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Run carries out a command and returns the exit status: 0 if all is well, 1 after a failure or where something was found, 2 for
// a call that makes no sense.
func Run(ctx context.Context, args []string, streams Streams) int {
	command := New(streams)
	command.SetArgs(args)
	err := command.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return 1
	}
	fmt.Fprintln(streams.Err, "Error:", clean(err.Error()))
	if _, wrong := errors.AsType[usageError](err); wrong {
		return 2
	}
	return 1
}

// options are what all commands share.
type options struct {
	Streams
	config   clientcmd.ClientConfig
	all      bool
	output   string
	endpoint endpointFlags
}

// New returns the command with all that are below it.
func New(streams Streams) *cobra.Command {
	o := &options{Streams: streams}
	root := &cobra.Command{
		Use:   "kubectl-gatehouse",
		Short: "Work with the OAuth clients of Gatehouse",
		Long: "Work with the OAuth clients of Gatehouse: see which there are, give them new credentials, see and end what people allowed them,\n" +
			"and learn why a request was refused.",
		Version: buildinfo.Version(), SilenceErrors: true, SilenceUsage: true,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl gatehouse"},
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	o.bind(root)
	root.Args, root.RunE = noCommand, func(c *cobra.Command, _ []string) error { return c.Help() }
	root.AddCommand(o.get(), o.explain(), o.why(), o.grants(), o.revoke(), o.reset(), o.rotate(), o.suspend(), o.resume(), o.policy(), o.lint())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		o.complete(c)
	}
	argumentsAreUsage(root)
	return root
}

// noCommand says that a command is not known, and which one may be meant.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q: kubectl gatehouse --help lists those that there are", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(". Is %q meant?", near[0])
	}
	return usagef("%s", text)
}

// argumentsAreUsage has each command say of wrong arguments that the call makes no sense, also where cobra itself checks them.
func argumentsAreUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, below := range c.Commands() {
		argumentsAreUsage(below)
	}
}

// bind adds the flags of kubectl that say which cluster, which namespace and as whom.
func (o *options) bind(root *cobra.Command) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	overrides := &clientcmd.ConfigOverrides{}
	flags := root.PersistentFlags()
	flags.StringVar(&rules.ExplicitPath, "kubeconfig", "", "file with the cluster and the user; empty: as kubectl does")
	flags.StringVar(&overrides.CurrentContext, "context", "", "the context of the kubeconfig to use")
	flags.StringVarP(&overrides.Context.Namespace, "namespace", "n", "", "the namespace; empty: that of the context")
	flags.StringVar(&overrides.AuthInfo.Impersonate, "as", "", "the user to act as")
	flags.StringArrayVar(&overrides.AuthInfo.ImpersonateGroups, "as-group", nil, "a group to act as; may be repeated")
	flags.StringVar(&overrides.Timeout, "request-timeout", "30s", "how long one request to the API server may take")
	o.config = clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	o.endpoint.bind(flags)
}

// withOutput adds the flag -o.
func (o *options) withOutput(c *cobra.Command, formats ...string) *cobra.Command {
	c.Flags().StringVarP(&o.output, "output", "o", "", fmt.Sprintf("format of the answer: %v; empty: a table", formats))
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	before := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.output != "" && !slices.Contains(formats, o.output) {
			return usagef("--output %q is none of %v", o.output, formats)
		}
		return before(c, args)
	}
	return c
}

// withAll adds the flag -A.
func (o *options) withAll(c *cobra.Command, what string) *cobra.Command {
	c.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, what)
	return c
}

// errEmpty refuses an argument without a character: most likely a variable of a script that was never set.
var errEmpty = usagef("an argument is empty: was a variable never set?")

// one takes exactly one argument, of which it says what it is.
func one(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("name %s", what)
		}
		if args[0] == "" {
			return errEmpty
		}
		return nil
	}
}

// complete has the shell complete names of clients where a command takes them.
func (o *options) complete(c *cobra.Command) {
	if c.ValidArgsFunction != nil || c.Annotations[takesClient] == "" {
		return
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 && c.Annotations[takesClient] == "one" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names, err := o.clientNames(c.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// takesClient marks commands whose arguments are names of clients: "one" or "many".
const takesClient = "gatehouse.dev/takes-client"

// noColour honours https://no-color.org.
func noColour() bool { return os.Getenv("NO_COLOR") != "" }
