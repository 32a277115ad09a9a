// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// Permissive returns the spec of a policy that allows everything a policy can allow. The
// types of Secrets and other clusters are the exception: they have no pattern, so it lists those that tests use.
func Permissive() v1alpha1.OAuthClientPolicySpec {
	all := []v1alpha1.NamePattern{"*"}
	return v1alpha1.OAuthClientPolicySpec{
		Description: "Allows everything; for tests that are not about policy",
		Clients: v1alpha1.ClientRules{
			Profiles: []v1alpha1.Profile{
				v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2,
				v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud,
			},
			GrantTypes: []v1alpha1.GrantType{
				v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken, v1alpha1.GrantTypeClientCredentials,
			},
			CallbackHosts: []v1alpha1.HostPattern{"*"}, LoopbackCallbacks: true, PrivateUseSchemes: []v1alpha1.SchemePattern{"*.*"},
			ClientIDs: all, ConsentSkip: true, EntitlementEveryone: true, PKCEOptional: true, OutOfBand: true, LegacyOpenings: true,
		},
		ResourceServers: v1alpha1.ResourceServerRules{
			Scopes: all, Identifiers: all, WithoutOwner: true,
			From: []v1alpha1.ScopeAudience{v1alpha1.ScopeFromSame, v1alpha1.ScopeFromAll, v1alpha1.ScopeFromSelector},
		},
		Secrets: v1alpha1.SecretRules{
			Sources: []v1alpha1.CredentialSource{
				v1alpha1.SourceGenerate, v1alpha1.SourceFromSecret, v1alpha1.SourcePrivateKeyJWT, v1alpha1.SourceServiceAccount,
			},
			ServiceAccountClusters: []v1alpha1.ClusterName{"east", "west"},
			Types:                  []v1alpha1.SecretType{"nginx.org/oidc", "example.com/oauth"}, Labels: all, Annotations: all,
		},
	}
}

// Policy makes or replaces the OAuthClientPolicy of this name. A namespace has it by the label
// v1alpha1.LabelPolicy.
func (e *Env) Policy(ctx context.Context, name string, spec v1alpha1.OAuthClientPolicySpec) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1alpha1.OAuthClientPolicy{Spec: spec})
	if err != nil {
		return fmt.Errorf("write the policy %s: %w", name, err)
	}
	policy := &unstructured.Unstructured{Object: map[string]any{"spec": content["spec"]}}
	policy.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("OAuthClientPolicy"))
	policy.SetName(name)
	// Applied as kubectl would: a test that applies config/default replaces the default
	// policy with kubectl, and that is no conflict.
	err = e.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(policy), client.FieldOwner("kubectl"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply the policy %s: %w", name, err)
	}
	return nil
}
