// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// An environment may take a cluster that is there instead of starting one. It installs Gatehouse in it, runs the programs on this
// machine, and removes at the end all that was made. So it takes only a cluster in which nothing of that is.

const (
	// Mallorys is the namespace of somebody who shares the cluster.
	Mallorys = "prints4u"
	// Miniflux is the OAuthClient of a real program, in the namespace of the same name.
	Miniflux = "miniflux"
	// madeBy is an annotation of namespaces that an environment made, and so may remove, with the value madeByDemo. That of the system
	// namespace says that the installation is an environment's, too.
	madeBy, madeByDemo = "gatehouse.dev/made-by", "make-demo"
	// leaveTimeout bounds how long it takes to remove everything.
	leaveTimeout = 10 * time.Minute
)

// namespaces are what an environment and its flows may make in an existing cluster, and kinds the CRDs.
var (
	namespaces = []string{"namespace/" + systemNamespace, "namespace/" + Namespace, "namespace/" + Mallorys, "namespace/" + Miniflux}
	kinds      = []string{"crd/oauthclients.gatehouse.dev", "crd/resourceservers.gatehouse.dev", "crd/oauthclientpolicies.gatehouse.dev"}
)

// UseCluster has the environment use the cluster of the current context of a kubeconfig, instead of one of its own. It is called before
// Start or Leave.
func (s *Environment) UseCluster(kubeconfig string) { s.existing = kubeconfig }

// InExistingCluster reports whether the cluster is there without the environment, which then has no say in its settings.
func (s *Environment) InExistingCluster() bool { return s.existing != "" }

// findKubectl finds the person's kubectl.
func (s *Environment) findKubectl() error {
	path, err := exec.LookPath(cmp.Or(os.Getenv("KUBECTL"), "kubectl"))
	if err != nil {
		return errors.New("with DEMO_KUBECONFIG the command kubectl is needed, and it is not in PATH: install it, or set KUBECTL to its path")
	}
	if s.KubectlPath, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("find kubectl: %w", err)
	}
	return nil
}

// reachCluster takes the way into the existing cluster.
func (s *Environment) reachCluster(ctx context.Context) (server string, err error) {
	if err := s.findKubectl(); err != nil {
		return "", err
	}
	if _, err := os.Stat(s.existing); err != nil {
		return "", fmt.Errorf("read DEMO_KUBECONFIG: %w", err)
	}
	// A copy with one context: the person may choose another one in theirs meanwhile.
	text, err := run(ctx, nil, []string{"KUBECONFIG=" + s.existing, "KUBERC=off"}, s.KubectlPath, "config", "view", "--raw", "--flatten", "--minify")
	if err != nil {
		return "", fmt.Errorf("read the current context of DEMO_KUBECONFIG: %w", err)
	}
	if err := os.WriteFile(s.Kubeconfig, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the kubeconfig: %w", err)
	}
	return s.Kubectl(ctx, "config", "view", "--output", "jsonpath={.clusters[0].cluster.server}")
}

// joinCluster takes the existing cluster, if nothing is there that an environment makes.
func (s *Environment) joinCluster(ctx context.Context) (string, error) {
	if err := WriteCertificates(s.folder.Path("tls"), s.now()); err != nil {
		return "", err
	}
	server, err := s.reachCluster(ctx)
	if err != nil {
		return "", err
	}
	found, err := s.Kubectl(ctx, append([]string{"get", "--ignore-not-found", "--output", "name"}, append(kinds, namespaces...)...)...)
	if err != nil {
		return "", err
	}
	objects, err := s.clusterObjects(ctx)
	if err != nil {
		return "", err
	}
	more, err := s.KubectlWith(ctx, strings.NewReader(objects), "get", "--ignore-not-found", "--output", "name", "--filename", "-")
	if err != nil {
		return "", err
	}
	if there := strings.Fields(found + "\n" + more); len(there) > 0 {
		return "", fmt.Errorf("the cluster %s has %s already. This installs Gatehouse and removes it again, so it takes no cluster that has any of it. Nothing was changed. "+
			"If `make demo` or `make run` was killed there, `make demo-clean` removes what it left", server, strings.Join(there, ", "))
	}
	// From here on something may have been made.
	s.leaveCluster = func() error { return s.leave(context.WithoutCancel(ctx)) } // what stops the environment does not stop this
	return "the cluster at " + server + ", as DEMO_KUBECONFIG says; what is made there is removed at the end", nil
}

// clusterObjects are the roles and admission policies of the installation, without objects of its own kinds.
func (s *Environment) clusterObjects(ctx context.Context) (string, error) {
	var all strings.Builder
	for _, folder := range []string{"config/rbac", "config/policy"} {
		text, err := s.Kubectl(ctx, "kustomize", folder)
		if err != nil {
			return "", err
		}
		for document := range strings.SplitSeq(text, "\n---\n") {
			if !strings.Contains(document, "kind: OAuthClientPolicy\n") || strings.Contains(document, "kind: ValidatingAdmissionPolicy") {
				all.WriteString(strings.TrimSuffix(document, "\n") + "\n---\n")
			}
		}
	}
	admin, err := os.ReadFile("config/admin/rbac.yaml")
	if err != nil {
		return "", fmt.Errorf("read the roles of the admin endpoint: %w", err)
	}
	return all.String() + string(admin), nil
}

// Clean removes what an environment that was killed has left in the existing cluster.
func (s *Environment) Clean(ctx context.Context) error {
	server, err := s.reachCluster(ctx)
	if err != nil {
		return err
	}
	made, err := s.madeNamespaces(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(made, "namespace/"+systemNamespace) {
		return fmt.Errorf("the namespace %s of the cluster %s is not there, or is not that of a demo: it lacks the annotation %s. Nothing was changed", systemNamespace, server, madeBy)
	}
	return s.leave(ctx)
}

// MakeNamespace makes a namespace that the environment may remove at the end. It fails if there is one of the name: in an existing
// cluster that is somebody else's.
func (s *Environment) MakeNamespace(ctx context.Context, name string) error {
	object := fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, annotations: {%s: %s}}\n", name, madeBy, madeByDemo)
	_, err := s.KubectlWith(ctx, strings.NewReader(object), "create", "--filename", "-")
	return err
}

// madeNamespaces returns which of the namespaces an environment made.
func (s *Environment) madeNamespaces(ctx context.Context) ([]string, error) {
	var made []string
	for _, name := range namespaces {
		mark, err := s.Kubectl(ctx, "get", name, "--ignore-not-found", "--output", `jsonpath={.metadata.annotations.gatehouse\.dev/made-by}`)
		if err != nil {
			return nil, err
		}
		if mark == madeByDemo {
			made = append(made, name)
		}
	}
	return made, nil
}

// leave removes all that was made in the existing cluster. It goes on after an error. The system namespace goes when all else has gone:
// by its mark a second try knows that the rest was made, too.
func (s *Environment) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	made, err := s.madeNamespaces(ctx)
	errs := []error{err}
	others := slices.DeleteFunc(made, func(name string) bool { return name == "namespace/"+systemNamespace })
	system := len(others) < len(made)
	remove := func(arguments ...string) {
		_, err := s.Kubectl(ctx, append([]string{"delete", "--ignore-not-found"}, arguments...)...)
		errs = append(errs, err)
	}
	if len(others) > 0 {
		remove(append([]string{"--wait=false"}, others...)...)
	}
	remove(append([]string{"--timeout=5m"}, kinds...)...) // a busy API server takes more than a minute
	objects, err := s.clusterObjects(ctx)
	if err == nil {
		_, err = s.KubectlWith(ctx, strings.NewReader(objects), "delete", "--ignore-not-found", "--filename", "-")
	}
	errs = append(errs, err)
	if len(others) > 0 {
		_, err = s.Kubectl(ctx, append([]string{"wait", "--for=delete", "--timeout=3m"}, others...)...)
		errs = append(errs, err)
	}
	if errors.Join(errs...) == nil && system {
		remove("--timeout=60s", "namespace/"+systemNamespace)
	}
	if err = errors.Join(errs...); err != nil {
		return fmt.Errorf("not all was removed from the cluster; `make demo-clean` tries again: %w", err)
	}
	return nil
}
