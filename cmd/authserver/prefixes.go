// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/upstream"
)

// checkPrefixes returns which sources could give one name to two people: other servers do not know of each other, so the prefixes of
// their names have to differ from the first character on where they differ. What an expression yields nobody knows before somebody logs
// in; then a name that two people would have is refused.
func (c *config) checkPrefixes(list string) (found []string) {
	type prefixed struct {
		index  int
		prefix string
	}
	var before []prefixed
	for i, s := range c.Identity.Sources {
		name, ok := s.nameMapping()
		if !ok || name.Claim == "" {
			continue
		}
		own := prefixed{i, ""}
		if name.Prefix != nil {
			own.prefix = authserver.FoldName(*name.Prefix)
		}
		for _, other := range before {
			if strings.HasPrefix(own.prefix, other.prefix) || strings.HasPrefix(other.prefix, own.prefix) {
				found = append(found, fmt.Sprintf("%s[%d].%s.claimMappings.username.prefix: somebody could have the name of somebody of %s[%d]; "+
					"let each of the two put a prefix before its names that the other does not begin with, like %q", list, i, s.kind(), list, other.index, s.Key+":"))
				break
			}
		}
		before = append(before, own)
	}
	return found
}

// nameMapping is how the names of people are made who log in on another server.
func (s sourceConfig) nameMapping() (upstream.Mapping, bool) {
	switch {
	case s.OpenIDConnect != nil:
		return s.OpenIDConnect.ClaimMappings.Username, true
	case s.OAuth2 != nil:
		return s.OAuth2.ClaimMappings.Username, true
	}
	return upstream.Mapping{}, false
}

// kind is the key under which the source says what it is, where people log in on another server.
func (s sourceConfig) kind() string {
	if s.OAuth2 != nil {
		return "oauth2"
	}
	return "openIDConnect"
}
