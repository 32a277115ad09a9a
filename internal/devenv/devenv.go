// SPDX-License-Identifier: Apache-2.0

// Package devenv starts everything that `make demo` and `make run` need, on loopback and with TLS: a Kubernetes control plane, the
// operator, the authorization server, and the two small apps of hack/demo with their Secrets mounted. It keeps all of it in one
// folder, and starts from nothing each time: no cluster, database, key or password outlives an environment.
//
// It uses no Kubernetes library: what needs one is a program that it builds and runs, so that its own first word comes at once.
// What people do in the environment is package flows's.
package devenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/devenv/transcript"
)

// Names in the cluster: of the installation (config/), and of the environment (config/samples).
const (
	systemNamespace   = "gatehouse-system"
	operatorAccount   = "gatehouse-operator"
	authserverAccount = "gatehouse-authserver"

	// Namespace is where the apps' OAuthClients are.
	Namespace = "photos"
	// PhotoPrint is the OAuthClient of the app that asks.
	PhotoPrint = "photoprint"
	// ClusterClient is the OAuthClient by which people log in to the cluster, in the namespace of the same name. Its sample is one of those
	// of real programs, and is not applied at the start.
	ClusterClient = "kubernetes"
	// PhotoStorage is the ResourceServer: the API.
	PhotoStorage = "photostorage"

	// The apps of the other profiles. They are as old as their protocols, and package flows speaks in their place.

	// PhotoBook speaks OAuth 1.0a.
	PhotoBook = "photobook"
	// CloudPrint speaks OAuth 2.0 as IBM Connections Cloud did.
	CloudPrint = "cloudprint"
	// CloudAlbum speaks OAuth 1.0a as IBM Connections Cloud did.
	CloudAlbum = "cloudalbum"
	// Integrator speaks OAuth 2.0 as webMethods Integration Cloud did.
	Integrator = "integrator"
)

// apps are the OAuthClients, and the ResourceServer, whose Secrets are mounted.
var apps = []string{PhotoPrint, PhotoStorage, PhotoBook, CloudPrint, CloudAlbum, Integrator}

// Environment is everything, running. What is exported is set by New, and true once Start has returned.
type Environment struct {
	Kubeconfig, KubectlPath string
	Issuer, Metrics         string // URLs of the authorization server
	OperatorMetrics         string // URL
	CA                      string // path of the certificate authority of everything that serves
	PhotoPrintURL           string
	PhotosURL               string // of the photos at PhotoStorage
	Bob, Alice              User   // entitled to the apps, and to nothing

	folder   *Folder
	existing string // kubeconfig of a cluster that is there; empty: the environment starts one
	binaries string // folder of the control plane's programs
	ports    Ports
	progress io.Writer // of what the build of the control plane says
	now      func() time.Time
	programs programs
	mounts   mounter
	also     []func() error // what Stop ends besides
	// leaveCluster removes what was made in an existing cluster; nil: nothing was.
	leaveCluster func() error
}

// New describes an environment in folder. failed is called when something of it ends by itself.
func New(folder *Folder, ports Ports, progress io.Writer, now func() time.Time, failed func(error)) *Environment {
	s := &Environment{
		Kubeconfig:      folder.Path("admin.kubeconfig"),
		Issuer:          "https://" + address(ports.authserver()),
		Metrics:         "http://" + address(ports.authserverMetrics()) + "/metrics",
		OperatorMetrics: "http://" + address(ports.operatorMetrics()) + "/metrics",
		CA:              folder.Path("tls", "ca.crt"),
		PhotoPrintURL:   "https://" + address(ports.photoPrint()),
		PhotosURL:       "https://" + address(ports.photoStorage()) + "/photos",
		Bob:             newUser("1001", "bob"), Alice: newUser("1002", "alice"),
		folder: folder, ports: ports, progress: progress, now: now,
	}
	s.programs = programs{folder: folder, failed: failed}
	s.mounts = mounter{command: s.watchSecrets, failed: failed, folders: map[string]string{}}
	for _, app := range apps {
		s.mounts.folders[secretOf(app)] = s.Mounted(app)
	}
	return s
}

// Start starts everything and says so, step by step. When it returns nil all of it serves. Whatever it returns, Stop is to
// be called.
func (s *Environment) Start(ctx context.Context, script *transcript.Transcript) error {
	for _, step := range []struct {
		name, doing string
		do          func(context.Context) (string, error)
	}{
		{"programs", "building the programs", s.build},
		{"cluster", "providing the cluster", s.provideCluster},
		{"installed", "installing Gatehouse in the cluster", s.install},
		{"serving", "starting the operator and the authorization server", s.serve},
		{"applied", "applying config/samples", s.applySamples},
		{"Secret", "waiting for the operator", s.awaitSecrets},
		{"apps", "starting the apps", s.startApps},
	} {
		if err := script.Step(ctx, step.name, step.doing, step.do); err != nil {
			return err
		}
	}
	return nil
}

// Stop ends everything and returns when it is gone.
func (s *Environment) Stop() error {
	s.mounts.stop()
	errs := []error{s.programs.stop()}
	if s.leaveCluster != nil {
		errs = append(errs, s.leaveCluster())
	}
	for _, end := range slices.Backward(s.also) {
		errs = append(errs, end())
	}
	return errors.Join(append(errs, s.folder.Close())...)
}

// AlsoStop has Stop end something else, after the programs that may use it.
func (s *Environment) AlsoStop(end func() error) { s.also = append(s.also, end) }

// Launch starts a program of others, which ends with the environment. Its output is in logs/NAME.log.
func (s *Environment) Launch(name, path string, variables map[string]string) error {
	cmd := exec.Command(path)
	cmd.Dir = s.folder.Path()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "NO_PROXY=*", "no_proxy=*"}
	for variable, value := range variables {
		cmd.Env = append(cmd.Env, variable+"="+value)
	}
	return s.programs.launch(name, nil, cmd)
}

// Certificate returns the files of the certificate that everything in the environment serves with, and of its key.
func (s *Environment) Certificate() (certificate, key string) {
	return s.folder.Path("tls", "tls.crt"), s.folder.Path("tls", "tls.key")
}

// Progress is where builds say how far they are.
func (s *Environment) Progress() io.Writer { return s.progress }

// File is the path of a file that the next environment in the folder does not find.
func (s *Environment) File(name ...string) string {
	return s.folder.Path(append([]string{"files"}, name...)...)
}

// Logs are the ends of the logs that tell most about what went wrong, and where all of them are; empty when there is none yet.
func (s *Environment) Logs() string {
	var text strings.Builder
	for _, name := range []string{programCluster, programOperator, programAuthserver, programPhotoPrint, programPhotoStorage} {
		if tail := s.programs.tail(name); tail != "" {
			text.WriteString(tail + "\n")
		}
	}
	if text.Len() == 0 {
		return ""
	}
	return text.String() + "All logs are in " + s.folder.Shown("logs") + "."
}

// secretOf returns the name of the Secret of an app.
func secretOf(app string) string {
	if app == PhotoStorage {
		return app + "-resource-server"
	}
	return app + "-oauth"
}

// Mounted is the folder where the Secret of an app is mounted.
func (s *Environment) Mounted(app string) string { return s.folder.Path("mounts", app) }

// Callback is the callback URL of an app of another profile. Nothing serves there but PhotoPrint's "not found".
func (s *Environment) Callback(app string) string { return s.PhotoPrintURL + "/" + app + "/callback" }

// Client returns an HTTP client that trusts the environment's certificate authority and keeps no cookie.
func (s *Environment) Client() (*http.Client, error) {
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", s.CA)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}
