// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/controlplane/binaries"
	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

// build builds the programs of the environment and, once per machine, those of the control plane.
func (s *Environment) build(ctx context.Context) (string, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return "", errors.New("the command go is not in PATH: install Go from https://go.dev/dl and try again")
	}
	packages := packages
	if s.InExistingCluster() {
		packages = packages[1:] // without the one that starts a cluster
	} else {
		dir, err := binaries.Ensure(ctx, s.progress)
		if err != nil {
			return "", err
		}
		s.binaries, s.KubectlPath = dir, filepath.Join(dir, "kubectl")
	}
	if _, err := output(ctx, gobuild.Command(s.folder.Path("bin")+"/", packages...)); err != nil {
		return "", err
	}
	return "operator, authserver, photoprint and photostorage are built", nil
}

// provideCluster starts a control plane, or takes the cluster that is there.
func (s *Environment) provideCluster(ctx context.Context) (string, error) {
	if s.InExistingCluster() {
		return s.joinCluster(ctx)
	}
	return s.startCluster(ctx)
}

// startCluster starts the control plane.
func (s *Environment) startCluster(ctx context.Context) (string, error) {
	if err := WriteCertificates(s.folder.Path("tls"), s.now()); err != nil {
		return "", err
	}
	if err := s.writeAuthentication(); err != nil {
		return "", err
	}
	ready, stdout, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer ready.Close()
	err = s.programs.start(programCluster, stdout, "--dir", s.folder.Path(), "--binaries", s.binaries,
		"--port", fmt.Sprint(s.ports.apiServer()), "--authentication-config", s.folder.Path(authenticationFile))
	_ = stdout.Close() // the program has a descriptor of its own
	if err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, func() { _ = ready.Close() })() // ends the read when the person does not want to wait
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		return "", errors.New("the control plane did not start")
	}
	s.Kubeconfig = strings.TrimSpace(line)
	return "etcd, kube-apiserver and kube-controller-manager serve a new, empty cluster", nil
}

// authenticationFile tells the API server whose ID tokens it takes.
const authenticationFile = "authentication.yaml"

// writeAuthentication lets people into the cluster by the ID tokens that Gatehouse issues to ClusterClient. Gatehouse does not serve yet: the
// API server asks for its keys every ten seconds until it has them.
func (s *Environment) writeAuthentication() error {
	ca, err := os.ReadFile(s.CA)
	if err != nil {
		return fmt.Errorf("read the certificate authority: %w", err)
	}
	return s.writeYAML(authenticationFile, map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
		"jwt": []any{map[string]any{
			"issuer": map[string]any{"url": s.Issuer, "audiences": []string{ClusterClient + "." + ClusterClient}, "certificateAuthority": string(ca)},
			"claimMappings": map[string]any{
				"username": map[string]string{"claim": "preferred_username", "prefix": "gatehouse:"},
				"groups":   map[string]string{"claim": "groups", "prefix": "gatehouse:"},
			},
		}},
	})
}

// serve starts the operator and the authorization server, each as its own ServiceAccount.
func (s *Environment) serve(ctx context.Context) (string, error) {
	operator, err := s.kubeconfigOf(ctx, operatorAccount, "operator.kubeconfig")
	if err != nil {
		return "", err
	}
	authserver, err := s.kubeconfigOf(ctx, authserverAccount, "authserver.kubeconfig")
	if err != nil {
		return "", err
	}
	if err := s.writeUsers(ctx); err != nil {
		return "", err
	}
	if err := s.writeConfig(); err != nil {
		return "", err
	}
	token, err := s.adminToken(ctx)
	if err != nil {
		return "", err
	}
	if err := s.programs.start(programOperator, nil, "--issuer="+s.Issuer, "--namespace="+systemNamespace,
		"--admin-url=https://"+address(s.ports.admin()), "--admin-ca-file="+s.CA, "--admin-token-file="+token,
		"--metrics-bind-address="+address(s.ports.operatorMetrics()),
		"--health-probe-bind-address="+address(s.ports.operatorProbes()), "--kubeconfig="+operator); err != nil {
		return "", err
	}
	if err := s.programs.start(programAuthserver, nil, "--config="+s.folder.Path("authserver.yaml"), "--kubeconfig="+authserver); err != nil {
		return "", err
	}
	for _, url := range []string{"http://" + address(s.ports.operatorProbes()) + "/readyz", s.Issuer + "/readyz"} {
		if err := s.await(ctx, url); err != nil {
			return "", err
		}
	}
	return "the operator, and the authorization server on " + s.Issuer, nil
}

// adminToken writes the operator's token for the admin endpoint of the authorization server, and returns the path of the file.
func (s *Environment) adminToken(ctx context.Context) (string, error) {
	token, err := s.Kubectl(ctx, "create", "token", operatorAccount, "--namespace", systemNamespace, "--audience", "admin@"+s.Issuer, "--duration", "24h")
	if err != nil {
		return "", err
	}
	path := s.folder.Path("admin.token")
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		return "", fmt.Errorf("write the operator's token for the admin endpoint: %w", err)
	}
	return path, nil
}

// startApps starts PhotoStorage and PhotoPrint, which know of Gatehouse what their mounted Secrets say.
func (s *Environment) startApps(ctx context.Context) (string, error) {
	tls := []string{"--cert", s.folder.Path("tls", "tls.crt"), "--key", s.folder.Path("tls", "tls.key"), "--ca", s.CA}
	storage := []string{"--listen", address(s.ports.photoStorage()), "--secret", s.Mounted(PhotoStorage)}
	if err := s.programs.start(programPhotoStorage, nil, slices.Concat(tls, storage)...); err != nil {
		return "", err
	}
	print := []string{"--listen", address(s.ports.photoPrint()), "--secret", s.Mounted(PhotoPrint), "--photos", s.PhotosURL}
	if err := s.programs.start(programPhotoPrint, nil, slices.Concat(tls, print)...); err != nil {
		return "", err
	}
	for _, port := range []int{s.ports.photoStorage(), s.ports.photoPrint()} {
		if err := s.await(ctx, "https://"+address(port)+"/healthz"); err != nil {
			return "", err
		}
	}
	return "PhotoStorage and PhotoPrint serve, with their Secrets mounted", nil
}

// startTimeout is how long a program may take until it serves.
const startTimeout = 60 * time.Second

// Await waits until an address of the environment answers with success.
func (s *Environment) Await(ctx context.Context, url string) error { return s.await(ctx, url) }

// await waits until url answers with success.
func (s *Environment) await(ctx context.Context, url string) error {
	client, err := s.Client()
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		last := probe(waiting, client, url)
		if last == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-waiting.Done():
			return fmt.Errorf("%s does not answer after %s: %w", url, startTimeout, last)
		}
	}
}

func probe(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return err
}
