// SPDX-License-Identifier: Apache-2.0

package devenv

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// Kubectl runs kubectl as administrator and returns what it printed.
func (s *Environment) Kubectl(ctx context.Context, arguments ...string) (string, error) {
	return s.KubectlWith(ctx, nil, arguments...)
}

// KubectlWith is Kubectl with something on its standard input.
func (s *Environment) KubectlWith(ctx context.Context, stdin io.Reader, arguments ...string) (string, error) {
	out, err := run(ctx, stdin, s.kubectlEnvironment(), s.KubectlPath, arguments...)
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w", strings.Join(arguments, " "), err)
	}
	return out, nil
}

// Shell runs a script in a shell that stops at the first error, and returns what it printed.
func (s *Environment) Shell(ctx context.Context, script string) (string, error) {
	out, err := run(ctx, nil, nil, "sh", "-euc", script)
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSpace(out))
	}
	return out, err
}

// kubectlEnvironment keeps what belongs to the person, their clusters, preferences and cache, out of it.
func (s *Environment) kubectlEnvironment() []string {
	return []string{"KUBECONFIG=" + s.Kubeconfig, "KUBERC=off", "KUBECACHEDIR=" + s.folder.Path("kubectl-cache")}
}

// kubeconfigOf writes a kubeconfig that lets a ServiceAccount of the system namespace in, and nobody else: the programs run here with
// the rights they have in a cluster.
func (s *Environment) kubeconfigOf(ctx context.Context, account, file string) (path string, err error) {
	token, err := s.Kubectl(ctx, "create", "token", account, "--namespace", systemNamespace, "--duration", "720h")
	if err != nil {
		return "", err
	}
	text, err := s.Kubectl(ctx, "config", "view", "--raw", "--flatten", "--minify", "--output", "json")
	if err != nil {
		return "", err
	}
	var config map[string]any
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return "", fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	users, _ := config["users"].([]any)
	if len(users) != 1 {
		return "", fmt.Errorf("the administrator's kubeconfig names %d users, want 1", len(users))
	}
	user, _ := users[0].(map[string]any)
	user["user"] = map[string]string{"token": strings.TrimSpace(token)}
	out, err := json.Marshal(config) // JSON is YAML too
	if err != nil {
		return "", fmt.Errorf("write the kubeconfig of %s: %w", account, err)
	}
	path = s.folder.Path(file)
	return path, os.WriteFile(path, out, 0o600)
}
