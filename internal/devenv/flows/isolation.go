// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

const (
	// mallorys is the namespace in which Mallory may do what Kubernetes' role edit allows, and nothing elsewhere.
	mallorys = devenv.Mallorys
	// refusalTimeout is how long the API server may take to learn of a new namespace and its policy.
	refusalTimeout = 30 * time.Second
)

// asMallory has kubectl act as Mallory.
var asMallory = []string{"--as", "mallory", "--as-group", "system:authenticated"}

// isolation is about Mallory, who shares the cluster with PhotoPrint and wants what is not hers.
type isolation struct {
	*flow
}

func (m *isolation) section() section {
	return section{"Isolation: Mallory edits a namespace of the same cluster, which has the default policy", []step{
		{"Mallory", m.arrive},
		{"no question", m.try("spec.consent", "a client that asks nobody", "consent: Skip")},
		{"everyone", m.try("spec.entitlement", "a client for everyone", "entitlement: Everyone")},
		{"callback", m.takeCallback},
		{"Bob's name", m.try("spec.clientID", "a client ID that is Bob's name", "clientID: "+m.Bob.Name)},
		{"scope", m.takeScope},
		{"policy", m.choosePolicy},
	}}
}

// arrive: an administrator gives Mallory a namespace, as they would anybody. What she declares there in good faith is let in.
func (m *isolation) arrive(ctx context.Context) (string, error) {
	if err := m.MakeNamespace(ctx, mallorys); err != nil {
		return "", err
	}
	if _, err := m.Kubectl(ctx, "create", "rolebinding", "mallory", "--namespace", mallorys, "--clusterrole", "edit", "--user", "mallory"); err != nil {
		return "", err
	}
	return "she has Kubernetes' role edit in the namespace " + mallorys, nil
}

// try is a step in which Mallory applies a client with one field that she may not have.
func (m *isolation) try(field, wish, line string) func(context.Context) (string, error) {
	manifest := m.client("trick", "https://"+mallorys+".example/callback") + "  " + line + "\n"
	return func(ctx context.Context) (string, error) { return m.refused(ctx, wish, field, manifest) }
}

func (m *isolation) client(name, callback string) string {
	return fmt.Sprintf("apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: %s, namespace: %s}\nspec:\n  callbackURLs: [%q]\n",
		name, mallorys, callback)
}

// takeCallback: an address belongs to the namespace that held it first. Only the operator knows who that is, so the answer is a
// condition. Another spelling is the same address.
func (m *isolation) takeCallback(ctx context.Context) (string, error) {
	trick := strings.NewReader(m.client("mirror", m.PhotoPrintURL+"/callback?from=mallory"))
	if _, err := m.KubectlWith(ctx, trick, slices.Concat([]string{"apply", "--filename", "-"}, asMallory)...); err != nil {
		return "", err
	}
	object := []string{"oauthclients.gatehouse.dev/mirror", "--namespace", mallorys}
	if _, err := m.Kubectl(ctx, slices.Concat([]string{"wait", "--for", "condition=Accepted=False", "--timeout", "30s"}, object)...); err != nil {
		return "", err
	}
	said, err := m.Kubectl(ctx, slices.Concat([]string{"get", "--output", `jsonpath={.status.conditions[?(@.type=="Accepted")].message}`}, object)...)
	if err == nil && !strings.Contains(said, "callback") {
		err = fmt.Errorf("the condition says nothing of a callback: %s", said)
	}
	return "PhotoPrint's callback is refused: " + said, err
}

// takeScope: the scope of PhotoStorage, which would show Mallory everybody's tokens.
func (m *isolation) takeScope(ctx context.Context) (string, error) {
	return m.refused(ctx, "PhotoStorage's scope", "spec.scopes[0].name", fmt.Sprintf(`apiVersion: gatehouse.dev/v1alpha1
kind: ResourceServer
metadata: {name: trick, namespace: %s}
spec:
  scopes: [{name: photos.read, description: See your photos}]
`, mallorys))
}

// refused applies a manifest as Mallory until the API server refuses it, and returns the sentence that she reads.
func (m *isolation) refused(ctx context.Context, wish, field, manifest string) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, refusalTimeout)
	defer cancel()
	for {
		_, err := m.KubectlWith(waiting, strings.NewReader(manifest),
			slices.Concat([]string{"apply", "--dry-run=server", "--filename", "-"}, asMallory)...)
		said := ""
		if err != nil {
			said = sentence(err.Error())
		}
		switch {
		case strings.HasPrefix(said, field):
			return wish + " is refused: " + said, nil
		case waiting.Err() != nil:
			return "", fmt.Errorf("%s is not refused with a sentence about %s: %w", wish, field, errors.Join(err, context.Cause(waiting)))
		}
	}
}

// choosePolicy: the namespace's label names its policy, and the demo's own would allow more.
func (m *isolation) choosePolicy(ctx context.Context) (string, error) {
	_, err := m.Kubectl(ctx, slices.Concat([]string{"label", "namespace", mallorys, "gatehouse.dev/policy=" + devenv.Namespace}, asMallory)...)
	if err == nil {
		return "", errors.New("mallory chooses the policy of her namespace")
	}
	said := sentence(err.Error())
	if !strings.Contains(said, `cannot patch resource "namespaces"`) {
		return "", fmt.Errorf("mallory is not refused as she should be: %w", err)
	}
	return "another policy for her namespace is refused: " + said, nil
}

// sentence is what a person reads in what kubectl says: the words of the policy that refused, or of Kubernetes itself.
func sentence(said string) string {
	for _, before := range []string{"denied request: ", "is forbidden: ", "is invalid: "} {
		if _, after, found := strings.Cut(said, before); found {
			line, _, _ := strings.Cut(after, "\n")
			return strings.TrimSpace(line)
		}
	}
	return ""
}
