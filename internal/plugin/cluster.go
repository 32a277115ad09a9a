// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// maxListed bounds the objects that one command reads.
const maxListed = 50_000

// cluster is the cluster of the kubeconfig.
type cluster struct {
	client.Client
	rest      *rest.Config
	namespace string
}

func (o *options) cluster() (*cluster, error) {
	namespace, _, err := o.config.Namespace()
	if err != nil {
		return nil, readable(err)
	}
	config, err := o.config.ClientConfig()
	if err != nil {
		return nil, readable(err)
	}
	config.UserAgent = "kubectl-gatehouse"
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("make the scheme: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, readable(err)
	}
	return &cluster{c, config, namespace}, nil
}

// readable says what to do about an error that a person meets before anything works.
func readable(err error) error {
	switch {
	case clientcmd.IsEmptyConfig(err):
		return errors.New("there is no cluster: set KUBECONFIG or --kubeconfig to a file that names one")
	case meta.IsNoMatchError(err):
		return errors.New("this cluster has no OAuthClients: Gatehouse is not installed in it, or the context is another one (kubectl config current-context)")
	case apierrors.IsUnauthorized(err):
		return errors.New("the cluster does not accept the user of the kubeconfig: log in again")
	default:
		return err
	}
}

// oauthClient reads one client of the namespace.
func (c *cluster) oauthClient(ctx context.Context, name string) (*v1alpha1.OAuthClient, error) {
	oc := &v1alpha1.OAuthClient{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, oc)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no OAuthClient %q in namespace %q: kubectl gatehouse get -n %s lists those that there are", name, c.namespace, c.namespace)
	}
	if err != nil {
		return nil, readable(err)
	}
	return oc, nil
}

// oauthClients lists the clients of the namespace, or all of them, whose labels match.
func (c *cluster) oauthClients(ctx context.Context, all bool, selector labels.Selector) ([]v1alpha1.OAuthClient, error) {
	options := []client.ListOption{client.Limit(500), client.MatchingLabelsSelector{Selector: selector}}
	if !all {
		options = append(options, client.InNamespace(c.namespace))
	}
	var found []v1alpha1.OAuthClient
	for next := ""; ; {
		list := &v1alpha1.OAuthClientList{}
		if err := c.List(ctx, list, append(options, client.Continue(next))...); err != nil {
			return nil, readable(err)
		}
		found = append(found, list.Items...)
		if next = list.Continue; next == "" {
			return found, nil
		}
		if len(found) > maxListed {
			return nil, fmt.Errorf("there are more than %d OAuthClients: name a namespace", maxListed)
		}
	}
}

// clientNames are for the completion of the shell.
func (o *options) clientNames(ctx context.Context) ([]string, error) {
	c, err := o.cluster()
	if err != nil {
		return nil, err
	}
	found, err := c.oauthClients(ctx, false, labels.Everything())
	var names []string
	for n := range found {
		names = append(names, found[n].Name)
	}
	return names, err
}
