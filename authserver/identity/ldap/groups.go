// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Bounds of the groups of a person.
const (
	maxGroups = 256
	maxDepth  = 10 // groups in groups
	batch     = 20 // groups that one search asks about
)

// errGroups says that the groups are not all known: a part of them would be taken for all.
var errGroups = errors.New("a person has too many groups, or groups in groups that are too deep; let groupSearch.filter or a baseDN find fewer")

// withGroups returns the owner with their groups by name, each once, in alphabetical order.
func (s *Source) withGroups(ctx context.Context, e entry) (authserver.Owner, error) {
	var names []string
	var err error
	switch c := s.config; {
	case c.MemberOf != nil:
		names, err = c.MemberOf.names(e.memberOf)
	case c.GroupSearch != nil:
		names, err = s.searchGroups(ctx, e)
	}
	if err != nil {
		return authserver.Owner{}, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return checkName(name) != nil })
	slices.Sort(names)
	e.owner.Groups = slices.Compact(names)
	return e.owner, nil
}

// searchGroups finds the groups of a person and, if they are nested, those that these are in.
func (s *Source) searchGroups(ctx context.Context, e entry) ([]string, error) {
	g := s.config.GroupSearch
	found, err := s.groupsOf(ctx, fill(g.Filter, e.owner.Name, e.dn))
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	for depth := 0; len(found) > 0; depth++ {
		var next []string // DNs of groups that were not seen before: a loop ends
		for _, group := range found {
			dn := strings.ToLower(group.DN)
			if seen[dn] {
				continue
			}
			seen[dn] = true
			names, next = append(names, group.GetEqualFoldAttributeValue(g.NameAttribute)), append(next, group.DN)
		}
		if len(seen) > maxGroups || depth >= maxDepth && len(next) > 0 {
			return nil, fmt.Errorf("%w: %w", authserver.ErrUnavailable, errGroups)
		}
		if !g.Nested {
			break
		}
		if found, err = s.groupsAround(ctx, next); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// groupsAround returns the groups that groups are in.
func (s *Source) groupsAround(ctx context.Context, dns []string) (found []*ldap.Entry, err error) {
	for part := range slices.Chunk(dns, batch) {
		filter := "(|"
		for _, dn := range part {
			filter += fill(s.config.GroupSearch.Filter, "", dn)
		}
		more, err := s.groupsOf(ctx, filter+")")
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func (s *Source) groupsOf(ctx context.Context, filter string) ([]*ldap.Entry, error) {
	g := s.config.GroupSearch
	found, err := s.search(ctx, query{g.BaseDN, g.Scope, filter, []string{g.NameAttribute}, maxGroups})
	if errors.Is(err, errTooMany) {
		return nil, fmt.Errorf("%w: %w", authserver.ErrUnavailable, errGroups)
	}
	return found, err
}

// names returns the names of those groups that are below the base.
func (m *MemberOf) names(dns []string) ([]string, error) {
	base, err := ldap.ParseDN(m.BaseDN)
	if err != nil {
		return nil, fmt.Errorf("memberOf.baseDN: %w", err)
	}
	var names []string
	for _, text := range dns {
		if len(text) > maxDN {
			continue
		}
		dn, err := ldap.ParseDN(text)
		if err != nil || len(dn.RDNs) == 0 || !base.AncestorOfFold(dn) {
			continue
		}
		names = append(names, dn.RDNs[0].Attributes[0].Value)
	}
	if len(names) > maxGroups {
		return nil, fmt.Errorf("%w: %w", authserver.ErrUnavailable, errGroups)
	}
	return names, nil
}
