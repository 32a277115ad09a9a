// SPDX-License-Identifier: Apache-2.0

package oauth2

import (
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// resourceParameter is the one parameter that may be repeated (RFC 8707 §2).
const resourceParameter = "resource"

// parseResources reads what resources a request names: absolute URIs without a fragment, in the characters of RFC 3986.
func parseResources(v *Given) ([]string, authserver.Refusal) {
	size := 0
	for _, text := range v.resources {
		if !isResource(text) {
			return nil, authserver.Refuse(authserver.InvalidTarget, "resource must be an absolute URI without a fragment")
		}
		size += len(text)
	}
	if len(v.resources) > authserver.MaxResources || size > authserver.MaxResource {
		return nil, authserver.Refuse(authserver.InvalidTarget, "too many resources, or too long ones")
	}
	return v.resources, nil
}

func isResource(text string) bool {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("#\"<>\\^`{|}", r) }) {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "" || u.Path != "")
}
