// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/gatehouse-dev/gatehouse/controllers"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
	"github.com/gatehouse-dev/gatehouse/internal/namespaced"
)

// minRefusalsInterval bounds what one operator asks of all replicas.
const minRefusalsInterval = 5 * time.Second

type options struct {
	issuer         string
	namespace      string
	class          string
	namespaces     string
	policyFile     string
	view           controllers.View // of namespaces and policyFile
	leaderElect    bool
	metricsAddress string
	probeAddress   string
	version        bool

	admin         adminapi.Client // its URL is empty: the server is not asked
	idleAfterDays int
	refusalsEvery time.Duration
}

// parseFlags reads the flags. The flag --kubeconfig is kept by the package config of
// controller-runtime, which also knows the ways to do without it.
func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("operator", flag.ContinueOnError)
	fs.SetOutput(stderr)
	config.RegisterFlags(fs)
	fs.StringVar(&o.issuer, "issuer", "", "URL of the authorization server: https://HOST[:PORT], nothing after it (required)")
	fs.StringVar(&o.namespace, "namespace", "gatehouse-system", "namespace of the key Secrets and of the leader's lease")
	fs.StringVar(&o.class, "class", "", "serve the objects whose spec.className is this, and touch no others; empty: the default class")
	fs.StringVar(&o.namespaces, "namespaces", "", "see these namespaces only, with commas between them, and need no ClusterRole; empty: the whole cluster")
	fs.StringVar(&o.policyFile, "policy-file", "", "file with the policy of all --namespaces: what stands in spec of an OAuthClientPolicy")
	fs.BoolVar(&o.leaderElect, "leader-elect", false, "of several replicas let one work at a time")
	fs.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "address of /metrics, plain HTTP; 0 for none")
	fs.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz, plain HTTP; 0 for none")
	fs.StringVar(&o.admin.URL, "admin-url", "", "https://HOST:PORT of the admin endpoint of the authorization server, which says how clients are used; empty: it is not asked")
	fs.StringVar(&o.admin.CAFile, "admin-ca-file", "", "file with the authorities that the certificate of --admin-url is from, in PEM; empty, or not there: those of the system")
	fs.StringVar(&o.admin.ServerName, "admin-server-name", "", "name that the certificate of --admin-url is for; empty: the host of --issuer")
	fs.StringVar(&o.admin.TokenFile, "admin-token-file", "/var/run/secrets/gatehouse.dev/admin/token", "file with the operator's token for --admin-url, made for the audience of that endpoint")
	fs.IntVar(&o.idleAfterDays, "idle-after-days", 30, "after how many days without a use the status of a client says Idle, from 1 to 3650; it needs --admin-url")
	fs.DurationVar(&o.refusalsEvery, "refusals-interval", time.Minute, "how often every replica of the authorization server is asked what it refused, from 5s to 1h; it needs --admin-url")
	fs.BoolVar(&o.version, "version", false, "print the version and exit")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.version {
		return o, nil
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag; the operator takes flags only", fs.Arg(0))
	}
	if problems := validation.IsDNS1123Label(o.namespace); len(problems) > 0 {
		return o, fmt.Errorf("--namespace %q is not the name of a namespace: %s", o.namespace, problems[0])
	}
	if problems := validation.IsDNS1123Label(o.class); o.class != "" && len(problems) > 0 {
		return o, fmt.Errorf("--class %q is not the name of a class: %s", o.class, problems[0])
	}
	if err := checkIssuer(o.issuer); err != nil {
		return o, fmt.Errorf("--issuer: %w", err)
	}
	if err := o.checkAdmin(); err != nil {
		return o, err
	}
	return o, o.readView()
}

// checkAdmin completes how the admin endpoint is asked. The issuer was checked.
func (o *options) checkAdmin() error {
	if o.idleAfterDays < 1 || o.idleAfterDays > 3650 {
		return fmt.Errorf("--idle-after-days %d must be a number from 1 to 3650", o.idleAfterDays)
	}
	if o.refusalsEvery < minRefusalsInterval || o.refusalsEvery > time.Hour {
		return fmt.Errorf("--refusals-interval %s must be a duration from %s to 1h", o.refusalsEvery, minRefusalsInterval)
	}
	if o.admin.URL == "" {
		return nil
	}
	if o.admin.ServerName == "" {
		issuer, err := url.Parse(o.issuer)
		if err != nil {
			return fmt.Errorf("--issuer: %w", err)
		}
		o.admin.ServerName = issuer.Hostname()
	}
	if err := o.admin.Check(); err != nil {
		return fmt.Errorf("--admin-url: %w", err)
	}
	return nil
}

// readView reads what the operator may see.
func (o *options) readView() error {
	scope, err := namespaced.Read(namespaced.Split(o.namespaces), o.policyFile)
	if err != nil {
		return fmt.Errorf("--namespaces and --policy-file: %w", err)
	}
	o.view = controllers.View{Namespaces: scope.Namespaces, Policy: scope.Policy, PolicyName: namespaced.PolicyName}
	return nil
}

// checkIssuer refuses what RFC 8414 §2 refuses (another scheme than https, a query,
// a fragment) and a path, because the endpoints stand right below the host.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("set it to the URL of the authorization server, for instance https://auth.example.com")
	}
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a URL", issuer)
	case u.Scheme != "https":
		return fmt.Errorf("%q must begin with https://, also where a proxy in front ends TLS", issuer)
	case u.User != nil:
		return errors.New("it must hold no user name and no password")
	case u.Hostname() == "":
		return fmt.Errorf("%q must name a host", issuer)
	case !portFits(u):
		return fmt.Errorf("%q must name a port from 1 to 65535 after the colon, or none", issuer)
	case issuer != "https://"+u.Host:
		return fmt.Errorf("%q must end with the host or the port: no path, no slash, no query, no fragment", issuer)
	}
	return nil
}

// portFits reports whether the port is absent, or a number that a port can be.
func portFits(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return u.Host[len(u.Host)-1] != ':'
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
