// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/claimmap"
)

// ClaimMappings returns the claims of a client's own that can be made, and a sentence for each that cannot. A client with such
// a one is not accepted.
func ClaimMappings(spec *v1alpha1.OAuthClientSpec) (mappings []claimmap.Mapping, mistakes []string) {
	for _, wanted := range spec.EffectiveOpenID().Claims.Mappings {
		m, err := claimmap.Compile(wanted.Claim, wanted.Expression)
		if err != nil {
			mistakes = append(mistakes, oneLine(err))
			continue
		}
		mappings = append(mappings, m)
	}
	return mappings, mistakes
}

// oneLine returns an error without the picture that the compiler draws of the expression.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "|") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}
