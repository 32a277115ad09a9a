// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// sampleOrigin is where the callback URLs of config/samples are: at PhotoPrint's, unless DEV_PORT says otherwise.
const sampleOrigin = "https://127.0.0.1:9443"

// install applies the CRDs, the roles and the policies. The two Deployments of config/ are left out: there
// is no node to run them, the programs run beside the cluster.
func (s *Environment) install(ctx context.Context) (string, error) {
	if err := s.MakeNamespace(ctx, systemNamespace); err != nil {
		return "", err
	}
	for _, arguments := range [][]string{
		{"apply", "--server-side", "--filename", "config/default/namespace.yaml"},
		{"apply", "--server-side", "--kustomize", "config/crd"},
		{"apply", "--server-side", "--kustomize", "config/rbac"},
		{"apply", "--server-side", "--filename", "config/admin/rbac.yaml"},
		{"wait", "--for", "condition=Established", "--timeout", "60s", "crd/oauthclients.gatehouse.dev",
			"crd/resourceservers.gatehouse.dev", "crd/oauthclientpolicies.gatehouse.dev"},
		{"apply", "--server-side", "--kustomize", "config/policy"},
	} {
		if _, err := s.Kubectl(ctx, arguments...); err != nil {
			return "", err
		}
	}
	return "the CRDs, the roles of the two programs and the policies, from config/", nil
}

// applySamples applies config/samples as it is, but for the callbacks' port where DEV_PORT moves it.
func (s *Environment) applySamples(ctx context.Context) (string, error) {
	samples, err := s.Kubectl(ctx, "kustomize", "config/samples")
	if err != nil {
		return "", err
	}
	for _, path := range []string{"/callback", "/" + PhotoBook + "/callback", "/" + CloudPrint + "/callback",
		"/" + CloudAlbum + "/callback", "/" + Integrator + "/callback"} {
		if !strings.Contains(samples, sampleOrigin+path+"\n") {
			return "", fmt.Errorf("config/samples does not hold the callback URL %s", sampleOrigin+path)
		}
	}
	samples = strings.ReplaceAll(samples, sampleOrigin+"/", s.PhotoPrintURL+"/")
	if err := s.MakeNamespace(ctx, Namespace); err != nil {
		return "", err
	}
	applied, err := s.KubectlWith(ctx, strings.NewReader(samples), "apply", "--server-side", "--filename", "-")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("config/samples: %d OAuthClients, %d ResourceServers, and RoleBindings that let Bob use them",
		strings.Count(applied, "oauthclient.gatehouse.dev/"), strings.Count(applied, "resourceserver.gatehouse.dev/")), nil
}

// awaitSecrets waits until all clients are ready and the apps' Secrets mounted.
func (s *Environment) awaitSecrets(ctx context.Context) (string, error) {
	s.mounts.begin(ctx)
	_, err := s.Kubectl(ctx, "wait", "--namespace", Namespace, "--for", "condition=Ready", "--timeout", "60s", "oauthclients,resourceservers", "--all")
	if err != nil {
		return "", err
	}
	waiting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, app := range apps {
		if err := s.awaitMount(waiting, app); err != nil {
			return "", err
		}
	}
	return "photoprint-oauth, photostorage-resource-server and those of other apps are there, and mounted", nil
}

// awaitMount waits until the Secret of app is mounted.
func (s *Environment) awaitMount(ctx context.Context, app string) error {
	for len(mounted(s.Mounted(app))) == 0 {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for the Secret %s to be mounted: %w", secretOf(app), context.Cause(ctx))
		}
	}
	return nil
}

// watchSecrets is the command whose output the mounter reads.
func (s *Environment) watchSecrets() *exec.Cmd {
	cmd := exec.Command(s.KubectlPath, "get", "secrets", "--namespace", Namespace, "--watch", "--output", "json")
	cmd.Env = append(os.Environ(), s.kubectlEnvironment()...)
	return cmd
}
