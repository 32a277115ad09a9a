// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
	"github.com/gatehouse-dev/gatehouse/internal/smallfile"
)

const (
	// account is the ServiceAccount that is used unless --service-account says another one.
	account = "gatehouse-kubectl"
	// authoritiesSecret is where the authorities of the server's certificate are, unless the operator's Deployment names another one.
	authoritiesSecret = "gatehouse-authserver-tls"
	// tokenSeconds is how long its token is good: the least that Kubernetes gives.
	tokenSeconds = 600
)

// endpointFlags say how the admin endpoint is reached. All may be left out.
type endpointFlags struct {
	systemNamespace, account, issuer, caFile string
	addresses                                []string
}

func (f *endpointFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&f.systemNamespace, "system-namespace", "gatehouse-system", "the namespace that Gatehouse runs in")
	flags.StringVar(&f.account, "service-account", "", "[NAMESPACE/]NAME of the ServiceAccount to ask the authorization server as; empty: "+account+
		" of the namespace, or of --system-namespace for the whole cluster")
	flags.StringVar(&f.issuer, "issuer", "", "URL of the authorization server; empty: that of the operator's Deployment")
	flags.StringVar(&f.caFile, "ca-file", "", "file with the authorities of its certificate, in PEM; empty: those of its Secret, or of this system")
	flags.StringSliceVar(&f.addresses, "admin-address", nil, "HOST:PORT of the admin endpoint of each replica; empty: through the API server, to each pod")
}

// endpoint is the admin endpoint of all replicas.
type endpoint struct {
	replicas []replica
	// missing says of replicas why they cannot be asked.
	missing []error
	// answered counts the replicas that said what they remember.
	answered int
	// at is the replica that is asked what all know. Those before it did not answer.
	at  int
	end func()
	// trusts says whose authorities are trusted.
	trusts string
}

type replica struct {
	name    string
	session *adminapi.Session
}

// asking reaches the admin endpoint as a ServiceAccount that is allowed something in the namespace; empty: in the whole cluster.
// Who calls must end it.
func (o *options) asking(ctx context.Context, c *cluster, namespace string) (*endpoint, error) {
	of, err := o.installation(ctx, c)
	if err != nil {
		return nil, err
	}
	address, host, err := hostOf(of.issuer)
	if err != nil {
		return nil, err
	}
	roots, err := o.roots(ctx, c, of.authorities)
	if err != nil {
		return nil, err
	}
	token, err := o.token(ctx, c, of.issuer, cmp.Or(namespace, o.endpoint.systemNamespace), namespace == "")
	if err != nil {
		return nil, err
	}
	addresses, missing, end, err := o.addresses(ctx, c)
	if err != nil {
		return nil, err
	}
	e := &endpoint{missing: missing, trusts: o.trusted(of.authorities, roots)}
	for _, a := range addresses {
		e.replicas = append(e.replicas, replica{a.name, adminapi.NewSession(adminapi.SessionConfig{
			URL: address, Address: a.address, ServerName: host, Roots: roots, Token: token,
		})})
	}
	e.end = func() {
		for _, r := range e.replicas {
			r.session.Close()
		}
		end()
	}
	return e, nil
}

// hostOf returns the URL of the issuer's host without its port, and the name that the certificate is for.
func hostOf(issuer string) (address, host string, err error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", "", usagef("--issuer %q must be the https URL of the authorization server", issuer)
	}
	host = u.Hostname()
	if strings.Contains(host, ":") { // an IPv6 address
		return "https://[" + host + "]", host, nil
	}
	return "https://" + host, host, nil
}

// Get asks a replica for what all know.
func (e *endpoint) Get(ctx context.Context, target string, into any) error {
	return e.ask(ctx, func(s *adminapi.Session) error { return s.Get(ctx, target, into) })
}

// Delete has a replica end what all know. To end it twice, where an answer was lost, does no harm.
func (e *endpoint) Delete(ctx context.Context, target string, into any) error {
	return e.ask(ctx, func(s *adminapi.Session) error { return s.Delete(ctx, target, into) })
}

// ask goes on to the next replica where one does not answer, or answers that something is wrong with itself.
func (e *endpoint) ask(ctx context.Context, do func(*adminapi.Session) error) error {
	var failed []error
	for ; ; e.at++ {
		r := e.replicas[e.at]
		err := do(r.session)
		refused, answered := errors.AsType[*adminapi.Refused](err)
		if err == nil || answered && refused.Status < 500 {
			return err
		}
		failed = append(failed, fmt.Errorf("%s: %w", r.name, e.withAuthority(err)))
		if e.at == len(e.replicas)-1 || ctx.Err() != nil {
			return errors.Join(failed...)
		}
	}
}

// installed is what the operator's Deployment says of the installation.
type installed struct {
	issuer string // empty: it says none
	// authorities is the Secret from which the operator takes the authorities of the server's certificate.
	authorities string
}

// installation reads the operator's Deployment. An issuer that was given is taken, and then the Deployment need not be there.
func (o *options) installation(ctx context.Context, c *cluster) (installed, error) {
	found := installed{issuer: o.endpoint.issuer, authorities: authoritiesSecret}
	list := &appsv1.DeploymentList{}
	err := c.List(ctx, list, client.InNamespace(o.endpoint.systemNamespace), client.MatchingLabels{
		"app.kubernetes.io/name": "gatehouse", "app.kubernetes.io/component": "operator",
	})
	if err != nil && found.issuer == "" {
		return found, fmt.Errorf("the issuer is not known; give it as --issuer, or have the right to list Deployments in namespace %s: %w", o.endpoint.systemNamespace, err)
	}
	for _, d := range list.Items {
		read(&found, d.Spec.Template.Spec)
	}
	if found.issuer == "" {
		return found, fmt.Errorf("namespace %s holds no Deployment of the operator: give --system-namespace, or the issuer as --issuer", o.endpoint.systemNamespace)
	}
	return found, nil
}

// read adds what the pods of the operator are told.
func read(found *installed, pod corev1.PodSpec) {
	for _, container := range pod.Containers {
		for _, arg := range container.Args {
			if issuer, ok := strings.CutPrefix(arg, "--issuer="); ok && found.issuer == "" {
				found.issuer = issuer
			}
		}
	}
	for _, volume := range pod.Volumes {
		if volume.Name == "admin-ca" && volume.Secret != nil {
			found.authorities = volume.Secret.SecretName
		}
	}
}

// roots returns the authorities of the certificate: those of the file, or of the Secret that the operator takes them from. nil: those
// of the system.
func (o *options) roots(ctx context.Context, c *cluster, secretName string) (*x509.CertPool, error) {
	if file := o.endpoint.caFile; file != "" {
		pool, err := smallfile.Authorities(file)
		if err != nil {
			return nil, usagef("--ca-file: %w", err)
		}
		return pool, nil
	}
	secret := &corev1.Secret{}
	err := c.Get(ctx, client.ObjectKey{Namespace: o.endpoint.systemNamespace, Name: secretName}, secret)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return nil, fmt.Errorf("read the authorities of the authorization server: %w", err)
	}
	pem := secret.Data["ca.crt"]
	if len(pem) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("there is no certificate among the authorities of the authorization server, in ca.crt of the Secret %s: give a file with them as --ca-file", secretName)
	}
	return pool, nil
}

// trusted says whose authorities count.
func (o *options) trusted(secretName string, roots *x509.CertPool) string {
	switch secret := o.endpoint.systemNamespace + "/" + secretName; {
	case o.endpoint.caFile != "":
		return "--ca-file"
	case roots != nil:
		return "ca.crt in the Secret " + secret
	default:
		return "this system, for you can read no ca.crt in the Secret " + secret
	}
}

// withAuthority says what to do about a certificate from an authority that is not known.
func (e *endpoint) withAuthority(err error) error {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		return err
	}
	return fmt.Errorf("%w: the authorities are those of %s. Give a file with the authority of the server's certificate as --ca-file", err, e.trusts)
}

// token asks the API server for a token of a ServiceAccount that is good for the admin endpoint alone. So it does not matter how
// the user proves who they are to the API server: a client certificate is as good as a login.
func (o *options) token(ctx context.Context, c *cluster, issuer, namespace string, everywhere bool) (string, error) {
	name := account
	if given := o.endpoint.account; given != "" {
		if first, second, both := strings.Cut(given, "/"); both {
			namespace, name = first, second
		} else {
			name = given
		}
	}
	seconds := int64(tokenSeconds)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{adminapi.Audience(issuer)}, ExpirationSeconds: &seconds}}
	owner := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err := c.SubResource("token").Create(ctx, owner, request)
	switch {
	case apierrors.IsNotFound(err):
		return "", fmt.Errorf("there is no ServiceAccount %q in namespace %q to ask the authorization server as. An administrator makes it once:\n%s", name, namespace, recipe(namespace, name, everywhere))
	case apierrors.IsForbidden(err):
		return "", fmt.Errorf("you may not have a token of the ServiceAccount %q in namespace %q (create on serviceaccounts/token): "+
			"ask an administrator for that right, or name another one as --service-account", name, namespace)
	case err != nil:
		return "", fmt.Errorf("ask for a token of the ServiceAccount %q in namespace %q: %w", name, namespace, err)
	}
	return request.Status.Token, nil
}

// recipe makes the ServiceAccount and allows it grants and refusals.
func recipe(namespace, name string, everywhere bool) string {
	binding := "rolebinding " + name + " -n " + namespace
	if everywhere {
		binding = "clusterrolebinding " + name
	}
	return fmt.Sprintf("  kubectl create serviceaccount %s -n %s\n  kubectl create %s --clusterrole=gatehouse-grants-admin --serviceaccount=%s:%s",
		name, namespace, binding, namespace, name)
}

// told puts an answer that is no success into words for who called.
func (o *options) told(err error) error {
	refused, ok := errors.AsType[*adminapi.Refused](err)
	if !ok || refused.Message == "" || refused.Status >= 500 {
		return err
	}
	switch refused.Status {
	case 403:
		return fmt.Errorf("%s; bind the ClusterRole gatehouse-grants-admin to it, or name another ServiceAccount as --service-account", refused.Message)
	case 401:
		return fmt.Errorf("the authorization server does not accept the token: is --issuer the issuer that it has? It says: %s", refused.Message)
	default:
		return errors.New(refused.Message)
	}
}
