// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// objects are what a team has applied: an API, and a client of either protocol. Nothing in them is newer than v0.1.0, because an
// older version is given them too.
const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: photos, labels: {gatehouse.dev/policy: photos}}
---
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClientPolicy
metadata: {name: photos}
spec:
  clients: {profiles: [OAuth2, OAuth1], grantTypes: [AuthorizationCode, RefreshToken, ClientCredentials], callbackHosts: [app.example], entitlementEveryone: true}
  resourceServers: {scopes: ["photos.*"], withoutOwner: true}
---
apiVersion: gatehouse.dev/v1alpha1
kind: ResourceServer
metadata: {name: storage, namespace: photos}
spec:
  scopes: [{name: photos.read, description: See your photos, withoutOwner: true}]
---
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: print, namespace: photos}
spec:
  callbackURLs: [https://app.example/print]
  scopes: [photos.read]
  entitlement: Everyone
  oauth2: {grantTypes: [AuthorizationCode, RefreshToken, ClientCredentials]}
---
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: book, namespace: photos}
spec:
  profile: OAuth1
  callbackURLs: [https://app.example/book]
  scopes: [photos.read]
  entitlement: Everyone
`

// secrets are what the operator makes for them.
var secrets = []string{"storage-resource-server", "print-oauth", "book-oauth"}

// site is an installation whose programs change.
type site struct {
	*installation.Installation
	version  version // whose programs are started
	config   string  // that was applied last
	operator *installation.Program
	server   *installation.Program // which the clients reach
	store    string
	roots    *x509.CertPool
	started  int
}

// newSite installs a version, runs its operator and applies the objects.
func newSite(t *testing.T, v version) *site {
	t.Helper()
	s := &site{version: v, roots: x509.NewCertPool()}
	dir := t.TempDir()
	var err error
	s.Installation, err = installation.New(t.Context(), installation.Options{Dir: dir, Say: t.Logf, Command: func(program string, args ...string) *exec.Cmd {
		return exec.Command(filepath.Join(s.version.bin, program), args...)
	}})
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop()) })
	must(t, devenv.WriteCertificates(dir, time.Now()))
	pem, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	must(t, err)
	s.roots.AppendCertsFromPEM(pem)
	must(t, os.Symlink(filepath.Join(v.bin, "authserver"), filepath.Join(dir, "authserver"))) // hashes the passwords
	must(t, s.WriteUsers(t.Context(), "bob"))
	s.install(t, v)
	must(t, s.Apply(t.Context(), objects))
	for _, name := range secrets {
		must(t, s.Eventually(t.Context(), "the operator makes "+name, func() (bool, error) {
			err := s.API.Get(t.Context(), client.ObjectKey{Namespace: "photos", Name: name}, &corev1.Secret{})
			return err == nil, client.IgnoreNotFound(err)
		}))
	}
	return s
}

// install applies the objects of a version, and has its operator take the place of the one that runs.
func (s *site) install(t *testing.T, v version) {
	t.Helper()
	if s.config != v.config {
		must(t, s.Deploy(t.Context(), v.config))
		s.config = v.config
	}
	if s.operator != nil {
		must(t, s.End(s.operator.Process))
	}
	s.version = v
	var err error
	s.operator, err = s.StartOperator(t.Context())
	must(t, err)
}

// launch starts a server of a version on the store and returns once it is ready, or with the reason why it has ended.
func (s *site) launch(t *testing.T, v version) (*installation.Program, error) {
	t.Helper()
	s.version = v
	s.started++
	return s.StartAuthserver(t.Context(), "authserver-"+strings.Repeat("i", s.started), map[string]any{
		"store": s.store, "shutdownDelaySeconds": 1, "tls": map[string]string{"certFile": filepath.Join(s.Dir, "tls.crt"), "keyFile": filepath.Join(s.Dir, "tls.key")},
	})
}

// serve starts a server of a version, to which clients speak from now on.
func (s *site) serve(t *testing.T, v version) {
	t.Helper()
	server, err := s.launch(t, v)
	must(t, err)
	s.server = server
}

// end ends the server that clients speak to.
func (s *site) end(t *testing.T) {
	t.Helper()
	must(t, s.End(s.server.Process))
	s.server = nil
}

// replace has a server of another version take the place of the one that serves: after it, or, where several may share the
// store, beside it first. Both serve then what people and applications hold.
func (s *site) replace(t *testing.T, v version, shared bool, h *holdings) {
	t.Helper()
	if !shared {
		s.end(t)
		s.serve(t, v)
		return
	}
	before := s.server
	s.serve(t, v)
	after := s.server
	h.goOn(t, "beside a server of the other version")
	s.server = before
	h.goOn(t, "beside a server of "+v.name)
	s.server = after
	must(t, s.End(before.Process))
}

// refuses checks that a server of a version does not start on the store, and says why.
func (s *site) refuses(t *testing.T, v version, sentence string) {
	t.Helper()
	server, err := s.launch(t, v)
	if err == nil {
		t.Errorf("%s starts on the store, and should say %q", v.name, sentence)
		must(t, s.End(server.Process))
		return
	}
	_ = s.End(server.Process) // it has ended
	if !strings.Contains(err.Error(), sentence) {
		t.Errorf("%s says\n%v\nand should say %q", v.name, err, sentence)
	}
}

// client reaches the server that serves now, whatever the host of the address.
func (s *site) client() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: s.roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.server.Address)
		},
	}}
}
