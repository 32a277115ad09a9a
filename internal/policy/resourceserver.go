// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/openid"
	"github.com/gatehouse-dev/gatehouse/internal/preset"
)

// ResourceServer returns everything in the spec of a ResourceServer that the policy does not
// allow. Empty: all of it is allowed.
func (p Policy) ResourceServer(spec *v1alpha1.ResourceServerSpec) []Denial {
	if p.Spec == nil {
		return []Denial{p.missing()}
	}
	rules := &p.Spec.ResourceServers
	var denials []Denial
	for i, id := range spec.Identifiers {
		if !p.matchesAnyName(rules.Identifiers, string(id)) {
			denials = append(denials, p.deny(fmt.Sprintf("spec.identifiers[%d]", i), "must be one that the policy allows, which %s is not", id)...)
		}
	}
	for i := range spec.Scopes {
		denials = append(denials, p.scope(fmt.Sprintf("spec.scopes[%d].", i), &spec.Scopes[i])...)
	}
	denials = append(denials, p.source(&spec.Credentials)...)
	denials = append(denials, p.rotation(&spec.Credentials, false)...)
	return append(denials, p.template(&spec.Credentials.SecretTemplate)...)
}

func (p Policy) scope(field string, d *v1alpha1.ScopeDeclaration) []Denial {
	rules := &p.Spec.ResourceServers
	var denials []Denial
	if openid.IsScope(string(d.Name)) {
		denials = append(denials, p.deny(field+"name", "must not be %s, which is a scope of OpenID Connect", d.Name)...)
	}
	if !p.matchesAnyName(rules.Scopes, string(d.Name)) {
		denials = append(denials, p.deny(field+"name", "must be one that the policy allows, which %s is not", d.Name)...)
	}
	if from := d.EffectiveFrom(); from != v1alpha1.ScopeFromSame && !slices.Contains(rules.From, from) {
		denials = append(denials, p.deny(field+"from", "must not be %s, which the policy does not allow", from)...)
	}
	if d.WithoutOwner && !rules.WithoutOwner {
		denials = append(denials, p.deny(field+"withoutOwner", "must not be true: the policy does not allow scopes that no person grants")...)
	}
	return denials
}

// template returns what the policy does not allow in a secretTemplate.
func (p Policy) template(t *v1alpha1.SecretTemplate) []Denial {
	const field = "spec.credentials.secretTemplate."
	rules := &p.Spec.Secrets
	var denials []Denial
	if kind := t.EffectiveType(); kind != v1alpha1.SecretTypeDefault && !slices.Contains(rules.Types, kind) {
		denials = append(denials, p.deny(field+"type", "must be left out, or be one that the policy allows, which %s is not", kind)...)
	}
	denials = append(denials, p.preset(t)...)
	for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
		if !p.matchesAnyName(rules.Labels, key) {
			denials = append(denials, p.deny(field+"labels", "must not hold %s, which the policy does not allow", key)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.Annotations)) {
		if !p.matchesAnyName(rules.Annotations, key) {
			denials = append(denials, p.deny(field+"annotations", "must not hold %s, which the policy does not allow", key)...)
		}
	}
	return denials
}

// preset returns what the policy does not allow in the preset of a secretTemplate.
func (p Policy) preset(t *v1alpha1.SecretTemplate) []Denial {
	const field = "spec.credentials.secretTemplate.preset"
	made, ok := preset.Of(t.Preset)
	if !ok {
		return nil
	}
	var denials []Denial
	if made.Type != "" && !slices.Contains(p.Spec.Secrets.Types, made.Type) {
		denials = append(denials, p.deny(field, "must not be %s: the policy does not allow Secrets of the type %s", made.Name, made.Type)...)
	}
	for _, key := range slices.Sorted(maps.Keys(made.Labels)) {
		if !p.matchesAnyName(p.Spec.Secrets.Labels, key) {
			denials = append(denials, p.deny(field, "must not be %s: the policy does not allow the label %s", made.Name, key)...)
		}
	}
	return denials
}

// ScopeOpen reports whether a scope that a ResourceServer of the namespace owner declares may
// be asked for by clients of another namespace with these labels. A selector that cannot be
// read opens the scope to nobody.
func ScopeOpen(d *v1alpha1.ScopeDeclaration, owner, namespace string, namespaceLabels map[string]string) bool {
	if owner == namespace {
		return true
	}
	switch d.EffectiveFrom() {
	case v1alpha1.ScopeFromAll:
		return true
	case v1alpha1.ScopeFromSelector:
		selector, err := d.Selector.AsSelector()
		return err == nil && selector.Matches(labels.Set(namespaceLabels))
	default:
		return false
	}
}
