// SPDX-License-Identifier: Apache-2.0

package namespaced

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// maxFile bounds what is read, in bytes.
const maxFile = 1 << 20

// ReadPolicy reads the policy from a file with what would stand in spec of an OAuthClientPolicy. What the API server would
// refuse there is refused.
func ReadPolicy(path string) (*v1alpha1.OAuthClientPolicySpec, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the policy %s: %w", path, err)
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("read the policy %s: it is larger than %d bytes", path, maxFile)
	}
	spec := &v1alpha1.OAuthClientPolicySpec{}
	if err := yaml.UnmarshalStrict(text, spec); err != nil {
		return nil, fmt.Errorf("read the policy %s: it must hold what stands in spec of an OAuthClientPolicy: %w", path, err)
	}
	if err := check(spec); err != nil {
		return nil, fmt.Errorf("the policy %s cannot be used: %w", path, err)
	}
	return spec, nil
}

// rule is what the API demands of a list: how long it may be, and what each value may be.
type rule struct {
	field  string
	values []string
	most   int
	check  func(string) error
}

func check(spec *v1alpha1.OAuthClientPolicySpec) error {
	var problems []error
	for _, r := range rules(spec) {
		if len(r.values) > r.most {
			problems = append(problems, fmt.Errorf("%s must hold at most %d values", r.field, r.most))
		}
		for _, value := range r.values {
			if err := r.check(value); err != nil {
				problems = append(problems, fmt.Errorf("%s must not hold %q: %w", r.field, value, err))
			}
		}
	}
	if utf8.RuneCountInString(string(spec.Description)) > 256 {
		problems = append(problems, errors.New("description must have at most 256 characters"))
	}
	if days := spec.Clients.MaxGrantDurationDays; days < 0 || days > 90 {
		problems = append(problems, errors.New("clients.maxGrantDurationDays must be from 1 to 90"))
	}
	if seconds := spec.Clients.MaxAccessTokenLifetimeSeconds; seconds != 0 && (seconds < 60 || seconds > 86400) {
		problems = append(problems, errors.New("clients.maxAccessTokenLifetimeSeconds must be from 60 to 86400"))
	}
	if days := spec.Secrets.MaxRotationIntervalDays; days < 0 || days > 365 {
		problems = append(problems, errors.New("secrets.maxRotationIntervalDays must be from 1 to 365"))
	}
	return errors.Join(problems...)
}

func rules(spec *v1alpha1.OAuthClientPolicySpec) []rule {
	c, rs, s := &spec.Clients, &spec.ResourceServers, &spec.Secrets
	return []rule{
		{"clients.profiles", texts(c.Profiles), 8, oneOf(v1alpha1.ProfileOAuth2, v1alpha1.ProfileOAuth1, v1alpha1.ProfileConnectionsCloudOAuth2,
			v1alpha1.ProfileConnectionsCloudOAuth1, v1alpha1.ProfileIntegrationCloud)},
		{"clients.grantTypes", texts(c.GrantTypes), 8, oneOf(v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeRefreshToken,
			v1alpha1.GrantTypeClientCredentials)},
		{"clients.callbackHosts", texts(c.CallbackHosts), 64, host},
		{"clients.privateUseSchemes", texts(c.PrivateUseSchemes), 64, scheme},
		{"clients.clientIDs", texts(c.ClientIDs), 64, name},
		{"resourceServers.scopes", texts(rs.Scopes), 64, name},
		{"resourceServers.identifiers", texts(rs.Identifiers), 64, name},
		{"resourceServers.from", texts(rs.From), 3, oneOf(v1alpha1.ScopeFromSame, v1alpha1.ScopeFromAll, v1alpha1.ScopeFromSelector)},
		{"secrets.types", texts(s.Types), 16, secretType},
		{"secrets.labels", texts(s.Labels), 64, name},
		{"secrets.annotations", texts(s.Annotations), 64, name},
	}
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func oneOf[T ~string](known ...T) func(string) error {
	return func(value string) error {
		if !slices.Contains(known, T(value)) {
			return fmt.Errorf("it is none of %s", strings.Join(texts(known), ", "))
		}
		return nil
	}
}

// The rules of the API, as they stand on the types HostPattern, SchemePattern, NamePattern and SecretType.
var (
	hosts    = regexp.MustCompile(`^([*]|(([*][.])?[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?)$`)
	schemes  = regexp.MustCompile(`^([*][.][*]|[a-z][a-z0-9+.-]*([.][*])?)$`)
	foreign  = regexp.MustCompile(`[{]namespace[}]([a-z0-9-].*)?[*]$`)
	types    = regexp.MustCompile(`^([a-z0-9.-]+/[A-Za-z0-9._-]+)?$`)
	trusted  = regexp.MustCompile(`^([^/]*[.])?(kubernetes[.]io|k8s[.]io|helm[.]sh)(/|$)`)
	browsers = []string{"http", "https", "javascript", "data", "vbscript", "file", "blob", "about"}
)

// inNamespace is a pattern as it reads in the namespace n.
func inNamespace(pattern string) string { return strings.ReplaceAll(pattern, "{namespace}", "n") }

func host(value string) error {
	if len(value) > 255 || !hosts.MatchString(inNamespace(value)) || strings.HasSuffix(value, ":443") {
		return errors.New("write apps.example.com, *.apps.example.com, or * alone, without :443")
	}
	return nil
}

func scheme(value string) error {
	if len(value) > 128 || !schemes.MatchString(inNamespace(value)) || slices.Contains(browsers, value) {
		return errors.New("write com.example.app or com.example.*")
	}
	return nil
}

func name(value string) error {
	switch {
	case value == "" || utf8.RuneCountInString(value) > 255 || strings.Contains(strings.TrimSuffix(value, "*"), "*"):
		return errors.New("write a name, or the beginning of names and then *")
	case strings.ContainsAny(inNamespace(value), "{}"):
		return errors.New("braces stand only in {namespace}")
	case foreign.MatchString(value):
		return errors.New("it would match names of other namespaces too: write {namespace}.* or {namespace}/*")
	}
	return nil
}

func secretType(value string) error {
	if len(value) > 253 || value == "Opaque" || trusted.MatchString(value) || !types.MatchString(value) {
		return errors.New("write a type like nginx.org/oidc, and none of Kubernetes or Helm")
	}
	return nil
}
