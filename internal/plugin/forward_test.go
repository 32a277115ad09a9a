// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// kubelet does what a node does with a port-forward: streams of the API server go to a port of the pod.
type kubelet struct {
	*httptest.Server
	mu   sync.Mutex
	pods map[string]string // where their admin ports are
	// asked are the paths of what came, such as /portForward/NAMESPACE/POD.
	asked []string
}

func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{pods: map[string]string{}}
	k.Server = httptest.NewTLSServer(http.HandlerFunc(k.forward))
	t.Cleanup(k.Close)
	return k
}

// runs has a pod answer at an address.
func (k *kubelet) runs(pod, address string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pods[pod] = address
}

func (k *kubelet) forward(w http.ResponseWriter, r *http.Request) {
	pod := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	k.mu.Lock()
	address, there := k.pods[pod]
	k.asked = append(k.asked, r.URL.Path)
	k.mu.Unlock()
	if !there {
		http.Error(w, "pod not found", http.StatusNotFound)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return
	}
	streams := make(chan httpstream.Stream, 16)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close()
	failures := map[string]httpstream.Stream{} // by request
	for {
		select {
		case s := <-streams:
			request := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				failures[request] = s
				continue
			}
			go carry(s, failures[request], address, s.Headers().Get(corev1.PortHeader))
		case <-conn.CloseChan():
			return
		}
	}
}

// carry copies between a stream and the pod until both directions end.
func carry(s, failure httpstream.Stream, address, port string) {
	defer s.Close()
	defer failure.Close()
	pod, err := net.Dial("tcp", address)
	if err != nil || port != strconv.Itoa(adminTestPort) {
		fmt.Fprintf(failure, "connect to port %s of the pod: %v", port, err)
		return
	}
	defer pod.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(s, pod)
		close(done)
	}()
	_, _ = io.Copy(pod, s)
	<-done
}

// remembering is a replica that remembers one refusal.
func remembering(t *testing.T, id string) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var list adminapi.RefusalList
		if r.Header.Get("Authorization") != "" && r.URL.Query().Get("requestID") == id {
			list.Items = append(list.Items, adminapi.Refusal{RequestID: id, Error: "invalid_callback"})
		}
		_ = json.NewEncoder(w).Encode(list)
	}))
	t.Cleanup(s.Close)
	return s
}

// pod makes a pod of the authorization server on the node that the kubelet serves.
func pod(t *testing.T, env *testenv.Env, namespace, name string, port int32) {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{
		"app.kubernetes.io/name": "gatehouse", "app.kubernetes.io/component": "authserver",
	}}}
	p.Spec.NodeName = namespace
	p.Spec.Containers = []corev1.Container{{Name: "authserver", Image: "gatehouse", Ports: []corev1.ContainerPort{{Name: "https", ContainerPort: 8443}, {Name: "admin", ContainerPort: port}}}}
	if err := env.Client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Status.Phase = corev1.PodRunning
	if err := env.Client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

// node has the API server find the kubelet.
func (k *kubelet) node(t *testing.T, env *testenv.Env, name string) {
	t.Helper()
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := env.Client.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	at := k.Listener.Addr().(*net.TCPAddr)
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: at.IP.String()}}
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(at.Port)
	if err := env.Client.Status().Update(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

// N381: each replica is asked through the real API server and its node; one that cannot be reached is named, and the others are asked
// nevertheless.
func TestN381EachReplicaIsAskedThroughTheAPIServer(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	k := newKubelet(t)
	k.node(t, env, ns)
	for _, name := range []string{"gatehouse-kubectl", "default"} { // the pods have the second
		if err := env.Client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	first, second := remembering(t, "first-1"), remembering(t, "second-1")
	ca := filepath.Join(t.TempDir(), "ca.crt")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: first.Certificate().Raw})))
	why := func(id string) []string {
		return []string{"why", id, "--kubeconfig=" + env.Kubeconfig, "-n", ns, "--system-namespace=" + ns, "--issuer=https://example.com", "--ca-file=" + ca}
	}
	says(t, 1, "no pod of the authorization server with an admin endpoint runs in namespace "+ns, why("first-1")...)

	k.runs("one", first.Listener.Addr().String())
	k.runs("two", second.Listener.Addr().String())
	pod(t, env, ns, "one", adminTestPort)
	pod(t, env, ns, "two", adminTestPort)
	says(t, 0, "by one", why("first-1")...)
	says(t, 0, "by two", why("second-1")...)
	says(t, 1, "replicas that were asked: 2", why("third-1")...)

	k.runs("closed", closedAddress(t))
	pod(t, env, ns, "closed", adminTestPort) // its port answers nothing
	pod(t, env, ns, "gone", adminTestPort)   // its node does not know it
	says(t, 0, "by two", why("second-1")...)
	told := why("third-1")
	says(t, 1, "replicas that were asked: 2", told...)
	says(t, 1, "closed: ", told...)
	says(t, 1, "pod gone: ", told...)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, path := range k.asked {
		if !strings.HasPrefix(path, "/portForward/"+ns+"/") {
			t.Errorf("the node was asked for %s", path)
		}
	}
}

// N452: the chart can have the certificate in a Secret of another name, and the operator's Deployment names it.
func TestN452TheAuthorityIsThatOfTheSecretWhichTheOperatorUses(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	k := newKubelet(t)
	k.node(t, env, ns)
	if err := env.Client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "gatehouse-kubectl"}}); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "default"}}); err != nil {
		t.Fatal(err)
	}
	server := remembering(t, "first-1")
	k.runs("one", server.Listener.Addr().String())
	pod(t, env, ns, "one", adminTestPort)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	secret := func(name string) *corev1.Secret {
		t.Helper()
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Data: map[string][]byte{"ca.crt": ca}}
		if err := env.Client.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	why := func(want int, words string, more ...string) {
		t.Helper()
		says(t, want, words, append([]string{"why", "first-1", "--kubeconfig=" + env.Kubeconfig, "-n", ns, "--system-namespace=" + ns}, more...)...)
	}
	// Without the Deployment, the name that it has unless somebody chose another one.
	why(1, ns+"/gatehouse-authserver-tls. Give a file with the authority of the server's certificate as --ca-file", "--issuer=https://example.com")
	standard := secret("gatehouse-authserver-tls")
	why(0, "by one", "--issuer=https://example.com")
	if err := env.Client.Delete(t.Context(), standard); err != nil {
		t.Fatal(err)
	}
	operator(t, env, ns, "https://example.com", "of-the-company")
	why(1, ns+"/of-the-company. Give a file with the authority of the server's certificate as --ca-file")
	secret("of-the-company")
	why(0, "by one")
	why(0, "by one", "--issuer=https://example.com")
}

// operator makes the Deployment of the operator, as the chart does.
func operator(t *testing.T, env *testenv.Env, namespace, issuer, secretName string) {
	t.Helper()
	labels := map[string]string{"app.kubernetes.io/name": "gatehouse", "app.kubernetes.io/component": "operator"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gatehouse-operator", Labels: labels}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template.Labels = labels
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "operator", Image: "gatehouse", Args: []string{"--leader-elect", "--issuer=" + issuer}}}
	d.Spec.Template.Spec.Volumes = []corev1.Volume{
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "admin-ca", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secretName}}},
	}
	if err := env.Client.Create(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

const adminTestPort = 9446

// closedAddress is one that nobody listens at.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
