// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

const placeholder = "{namespace}"

// matchesName reports whether a pattern of names allows the name: the whole name, or its
// beginning where the pattern ends with *.
func (p Policy) matchesName(pattern v1alpha1.NamePattern, name string) bool {
	text := strings.ReplaceAll(string(pattern), placeholder, p.Namespace)
	if beginning, ok := strings.CutSuffix(text, "*"); ok {
		return strings.HasPrefix(name, beginning)
	}
	return name == text
}

// matchesAnyName reports whether one of the patterns allows the name.
func (p Policy) matchesAnyName(patterns []v1alpha1.NamePattern, name string) bool {
	for _, pattern := range patterns {
		if p.matchesName(pattern, name) {
			return true
		}
	}
	return false
}

// matchesAnyHost reports whether one of the patterns allows the host with its port.
func (p Policy) matchesAnyHost(patterns []v1alpha1.HostPattern, host string) bool {
	for _, pattern := range patterns {
		text := strings.ReplaceAll(string(pattern), placeholder, p.Namespace)
		if text == "*" || text == host {
			return true
		}
		// *.example.com: below the domain, never the domain itself.
		if domain, ok := strings.CutPrefix(text, "*"); ok && strings.HasSuffix(host, domain) && len(host) > len(domain) {
			return true
		}
	}
	return false
}

// matchesAnyScheme reports whether one of the patterns allows the private-use scheme.
func (p Policy) matchesAnyScheme(patterns []v1alpha1.SchemePattern, scheme string) bool {
	for _, pattern := range patterns {
		text := strings.ReplaceAll(string(pattern), placeholder, p.Namespace)
		if text == scheme || text == "*.*" && strings.Contains(scheme, ".") {
			return true
		}
		if beginning, ok := strings.CutSuffix(text, "*"); ok && text != "*.*" && strings.HasPrefix(scheme, beginning) {
			return true
		}
	}
	return false
}
