// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// Trial is how one server answered.
type Trial struct {
	URL string
	Err error // nil: everything that a login needs can be done there
}

// Try does on each server what a login does before it knows a name: it connects, binds as bindDN, and looks at the
// places where people and groups are and at one person.
func (s *Source) Try(ctx context.Context) []Trial {
	var trials []Trial
	for _, server := range s.config.URLs {
		trials = append(trials, Trial{server, s.try(ctx, server)})
	}
	return trials
}

func (s *Source) try(ctx context.Context, server string) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	opened, err := dial(ctx, s.config, server)
	if err != nil {
		return err
	}
	defer opened.end()
	for _, step := range []func(*conn) error{
		func(c *conn) error { return s.config.bindAsService(ctx, c) },
		func(c *conn) error { return lookAt(c, "userSearch", s.config.UserSearch.BaseDN) },
		s.lookAtGroups,
		s.lookAtSomebody,
	} {
		if err := opened.ask(ctx, func() error { return step(opened) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) lookAtGroups(c *conn) error {
	switch {
	case s.config.GroupSearch != nil:
		return lookAt(c, "groupSearch", s.config.GroupSearch.BaseDN)
	case s.config.MemberOf != nil:
		return lookAt(c, "memberOf", s.config.MemberOf.BaseDN)
	}
	return nil
}

// lookAt tells whether there is something to search in.
func lookAt(c *conn, key, baseDN string) error {
	request := ldap.NewSearchRequest(baseDN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{"1.1"}, nil)
	found, err := c.Search(request)
	if err == nil && len(found.Entries) == 0 {
		err = errors.New("there is no such entry, or bindDN may not read it")
	}
	if err != nil {
		return fmt.Errorf("%s.baseDN: %w", key, clean(err))
	}
	return nil
}

// lookAtSomebody tells whether there are people, and whether the first one could log in.
func (s *Source) lookAtSomebody(c *conn) error {
	request := s.request(query{s.config.UserSearch.BaseDN, s.config.UserSearch.Scope, s.config.anybodyFilter(), s.config.personAttributes(), 0})
	found, err := c.Search(request)
	switch {
	case err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return fmt.Errorf("userSearch: %w", clean(err))
	case found == nil || len(found.Entries) == 0:
		return errors.New("userSearch.filter: it finds nobody, whatever the name, or bindDN may not read the entries")
	}
	if _, err := s.config.person(found.Entries[0]); err != nil {
		return fmt.Errorf("attributes: %w", err)
	}
	return nil
}
