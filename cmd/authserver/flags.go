// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// options are what the flags say.
type options struct {
	config        string
	listen        string
	metricsListen string
	kubeconfig    string
	adminListen   string
	class         string
	namespaces    string
	policyFile    string
}

// configured reads the flags of a command and the configuration that they name. Where ok is false, the person was told what they
// asked for or what is wrong, and the command ends with the status.
func configured(command string, args []string, sys system) (o options, c config, status int, ok bool) {
	o, err := parseFlags(args, sys.stderr)
	if errors.Is(err, flag.ErrHelp) {
		return o, c, exitStopped, false
	}
	if err == nil {
		c, err = readConfig(o)
	}
	if err != nil {
		fmt.Fprintf(sys.stderr, "%s: %v\n", command, err)
		return o, c, exitRefused, false
	}
	return o, c, exitStopped, true
}

// parseFlags reads the flags of serve. Its error is flag.ErrHelp when help was asked for
// and given.
func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("authserver", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, `The authorization server of Gatehouse.

  authserver --config=FILE     serve until SIGTERM or SIGINT; a second one ends it at once
  authserver check             read the configuration of --config=FILE and try each source of people
  authserver hash-password     read a password from standard input, print its hash for the users file
  authserver token             fetch access tokens with the token of a ServiceAccount, for a sidecar; --help says more
  authserver migrate-store     copy what one store keeps into another; --help says more
  authserver backup            copy the store into a file, also while a server runs: --store=sqlite:PATH --to=FILE
  authserver restore           bring a copy back: --store=sqlite:PATH --from=FILE, and --replace to replace a store
  authserver version           print the version

Flags of the first two:
`)
		fs.PrintDefaults()
	}
	fs.StringVar(&o.config, "config", "", "the configuration `FILE` (required); docs/configuration.md explains each key")
	fs.StringVar(&o.listen, "listen", "", "`ADDRESS` to serve on, instead of the file's key listen")
	fs.StringVar(&o.metricsListen, "metrics-listen", "", "`ADDRESS` of /metrics, /healthz and /readyz in plain HTTP, instead of the file's key metricsListen")
	fs.StringVar(&o.adminListen, "admin-listen", "", "`ADDRESS` of the admin endpoint, instead of the file's key admin.listen")
	fs.StringVar(&o.class, "class", "", "serve the objects whose spec.className is this `CLASS`, instead of the file's key class; the operator has the same flag")
	fs.StringVar(&o.namespaces, "namespaces", "", "see these `NAMESPACES` only, with commas between them, instead of the file's key namespaces; the operator has the same flag")
	fs.StringVar(&o.policyFile, "policy-file", "", "the `FILE` with the policy of all of them, instead of the file's key policyFile; the operator has the same flag")
	fs.StringVar(&o.kubeconfig, "kubeconfig", "", "the `FILE` that leads to the cluster; default: the variable KUBECONFIG, then the pod's own service account")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag; a command must come first", fs.Arg(0))
	}
	if o.config == "" {
		return o, errors.New("name the configuration file: --config=FILE")
	}
	return o, nil
}
