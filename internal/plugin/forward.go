// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // client-go takes this type and no other
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// place is where a replica is reached.
type place struct{ name, address string }

// addresses returns where each replica is reached, and why some are not.
func (o *options) addresses(ctx context.Context, c *cluster) (found []place, missing []error, end func(), err error) {
	if given := o.endpoint.addresses; len(given) > 0 {
		if len(given) > adminapi.MaxReplicas {
			return nil, nil, nil, usagef("--admin-address names more than %d replicas", adminapi.MaxReplicas)
		}
		for _, a := range given {
			if _, _, err := net.SplitHostPort(a); err != nil {
				return nil, nil, nil, usagef("--admin-address %q must be HOST:PORT", a)
			}
			found = append(found, place{a, a})
		}
		return found, nil, func() {}, nil
	}
	return o.forwarded(ctx, c)
}

// forwarded opens a way through the API server to each pod of the server, as kubectl port-forward does. Each ends with end.
func (o *options) forwarded(ctx context.Context, c *cluster) (found []place, missing []error, end func(), err error) {
	pods := &corev1.PodList{}
	err = c.List(ctx, pods, client.InNamespace(o.endpoint.systemNamespace), client.MatchingLabels{
		"app.kubernetes.io/name": "gatehouse", "app.kubernetes.io/component": "authserver",
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("find the pods of the authorization server in namespace %s: %w", o.endpoint.systemNamespace, err)
	}
	stop := make(chan struct{})
	slices.SortStableFunc(pods.Items, func(a, b corev1.Pod) int { return preference(&a) - preference(&b) })
	for n := range pods.Items {
		pod := &pods.Items[n]
		port := adminPort(pod)
		if port == 0 || pod.Status.Phase != corev1.PodRunning || len(found) == adminapi.MaxReplicas {
			continue
		}
		local, err := forward(ctx, c.rest, pod, port, stop)
		if err != nil {
			missing = append(missing, fmt.Errorf("pod %s: %w", pod.Name, err))
			continue
		}
		found = append(found, place{pod.Name, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(local)))})
	}
	if len(found) == 0 {
		close(stop)
		if len(missing) > 0 {
			return nil, nil, nil, fmt.Errorf("no pod of the authorization server can be reached; create on pods/portforward in namespace %s is needed: %w",
				o.endpoint.systemNamespace, errors.Join(missing...))
		}
		return nil, nil, nil, fmt.Errorf("no pod of the authorization server with an admin endpoint runs in namespace %s: see --system-namespace. "+
			"Where a proxy speaks HTTP to the server, and with chosen namespaces, there is no such endpoint",
			o.endpoint.systemNamespace)
	}
	return found, missing, func() { close(stop) }, nil
}

// preference is lower for a pod that is rather asked. One that is not ready, or ends, may still remember a refusal, so it is asked, too,
// but after the others: it may have lost the database, for instance.
func preference(pod *corev1.Pod) int {
	if pod.DeletionTimestamp != nil {
		return 2
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return 0
		}
	}
	return 1
}

// adminPort returns the port of the admin endpoint; zero: the pod has none.
func adminPort(pod *corev1.Pod) int32 {
	for _, container := range pod.Spec.Containers {
		for _, p := range container.Ports {
			if p.Name == "admin" {
				return p.ContainerPort
			}
		}
	}
	return 0
}

// forward listens on a port of this machine that leads to one of the pod, until stop is closed.
func forward(ctx context.Context, config *rest.Config, pod *corev1.Pod, port int32, stop <-chan struct{}) (uint16, error) {
	dialer, err := dialerTo(config, pod)
	if err != nil {
		return 0, err
	}
	ready := make(chan struct{})
	f, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{fmt.Sprintf("0:%d", port)}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return 0, err
	}
	failed := make(chan error, 1)
	go func() { failed <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return 0, errors.Join(errors.New("the way to it was not opened"), err)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	ports, err := f.GetPorts()
	if err != nil {
		return 0, err
	}
	return ports[0].Local, nil
}

// dialerTo speaks WebSocket, and SPDY with API servers that do not know that.
func dialerTo(config *rest.Config, pod *corev1.Pod) (httpstream.Dialer, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath, config.NegotiatedSerializer = &corev1.SchemeGroupVersion, "/api", scheme.Codecs.WithoutConversion()
	core, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, err
	}
	target := core.Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("portforward").URL()
	tunnel, err := portforward.NewSPDYOverWebsocketDialer(target, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	return portforward.NewFallbackDialer(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
