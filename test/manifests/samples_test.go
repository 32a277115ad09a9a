// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// The samples show what is risky too, and say so when they are applied. Whoever applies them again hears nothing.
func TestTheSamplesWarnOfWhatIsRiskyOnce(t *testing.T) {
	env := deployed(t)
	applySamples(t, env)
	kubectl(t, env, nil, "delete", "oauthclients.gatehouse.dev", "--namespace=photos", "--all", "--wait=false")
	want := []string{
		"allowSecretInURLUntil is 2035-12-31T00:00:00Z", // Integrator
		"spec.entitlement is Everyone",                  // PhotoFrame
	}
	warnings := applySamples(t, env)
	for i, warning := range warnings {
		if i >= len(want) || !strings.HasPrefix(warning, want[i]) {
			t.Errorf("warning %d: %s", i, warning)
		}
	}
	if len(warnings) != len(want) {
		t.Errorf("got %d warnings, want %d", len(warnings), len(want))
	}
	if again := applySamples(t, env); len(again) > 0 {
		t.Errorf("applied again: %q", again)
	}
	kubectl(t, env, nil, "get", "resourceservers.gatehouse.dev", "--namespace=photos", "photostorage")
	kubectl(t, env, nil, "get", "gapi", "--namespace=photos", "photostorage")
	for _, name := range []string{"photoprint", "photoframe", "photoreport"} {
		kubectl(t, env, nil, "get", "oauthclients.gatehouse.dev", "--namespace=photos", name)
		kubectl(t, env, nil, "get", "gclient", "--namespace=photos", name)
	}
	kubectl(t, env, nil, "get", "gatehouse", "--all-namespaces")
}

// applySamples applies config/samples and returns the warnings, sorted.
func applySamples(t *testing.T, env *testenv.Env) []string {
	t.Helper()
	return applyRisky(t, env, build(t, root+"/config/samples"))
}

// applyRisky applies manifests and returns what the admission policy warns of, sorted. Any other warning is an error.
func applyRisky(t *testing.T, env *testenv.Env, manifests []byte, args ...string) []string {
	t.Helper()
	const ours = "Warning: Validation failed for ValidatingAdmissionPolicy 'gatehouse-warnings' with binding 'gatehouse-warnings': "
	args = append([]string{
		"--kubeconfig=" + env.Kubeconfig, "--cache-dir=" + t.TempDir(), "apply", "--server-side", "--validate=strict", "-f", "-",
	}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(env.Binaries, "kubectl"), args...)
	cmd.Stdin = bytes.NewReader(manifests)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var warnings []string
	for line := range strings.Lines(stderr.String()) {
		warning, found := strings.CutPrefix(strings.TrimSpace(line), ours)
		if !found {
			t.Fatalf("apply: %s", line)
		}
		warnings = append(warnings, warning)
	}
	slices.Sort(warnings)
	return warnings
}

func TestTheSamplesEntitleBobAndNobodyElse(t *testing.T) {
	env := deployed(t)
	applySamples(t, env)
	bob, alice := account{user: "gatehouse:bob"}, account{user: "gatehouse:alice", groups: []string{"gatehouse:family"}}
	check(t, env, []row{
		{bob, "authorize", "oauthclients.gatehouse.dev/photoprint", "photos", allowed},
		{bob, "authorize", "oauthclients.gatehouse.dev/photobook", "photos", allowed},
		{bob, "get", "oauthclients.gatehouse.dev/photoprint", "photos", refused},
		{alice, "authorize", "oauthclients.gatehouse.dev/photoprint", "photos", refused},
	})
}
