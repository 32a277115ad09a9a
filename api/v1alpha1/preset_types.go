// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// SecretPreset names the form of Secret that one program, or one way to read it, demands.
//
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Enum="";ArgoCD;ArgoWorkflows;Dotenv;EnvFrom;EnvoyGateway;GitLab;Headlamp;Kiali;NginxIngressController;OAuth2Proxy;ServiceBinding;Spring
type SecretPreset string

// The presets. What each puts into a Secret stands in package internal/preset.
const (
	// PresetArgoCD labels the Secret, so that Argo CD reads it.
	PresetArgoCD SecretPreset = "ArgoCD"
	// PresetArgoWorkflows is for sso.clientId and sso.clientSecret of Argo Workflows.
	PresetArgoWorkflows SecretPreset = "ArgoWorkflows"
	// PresetDotenv adds a file .env.
	PresetDotenv SecretPreset = "Dotenv"
	// PresetEnvFrom names each key as an environment variable.
	PresetEnvFrom SecretPreset = "EnvFrom"
	// PresetEnvoyGateway is for the SecurityPolicy of Envoy Gateway.
	PresetEnvoyGateway SecretPreset = "EnvoyGateway"
	// PresetGitLab adds the provider that GitLab's chart reads.
	PresetGitLab SecretPreset = "GitLab"
	// PresetHeadlamp names each key as the chart of Headlamp demands.
	PresetHeadlamp SecretPreset = "Headlamp"
	// PresetKiali names the client secret as Kiali demands.
	PresetKiali SecretPreset = "Kiali"
	// PresetNginxIngressController gives the Secret the type that F5's controller demands.
	PresetNginxIngressController SecretPreset = "NginxIngressController"
	// PresetOAuth2Proxy adds the cookie-secret that the chart of oauth2-proxy demands.
	PresetOAuth2Proxy SecretPreset = "OAuth2Proxy"
	// PresetServiceBinding adds what the Service Binding specification for Kubernetes asks for.
	PresetServiceBinding SecretPreset = "ServiceBinding"
	// PresetSpring adds a file application.yaml for Spring Boot.
	PresetSpring SecretPreset = "Spring"
)
