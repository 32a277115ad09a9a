// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// errTooMany says that there are more entries than were asked for.
var errTooMany = errors.New("there are more entries than are taken")

// query is one search.
type query struct {
	baseDN, scope, filter string
	attributes            []string
	most                  int // entries
}

// request asks for one entry more than are taken.
func (s *Source) request(q query) *ldap.SearchRequest {
	scope := ldap.ScopeWholeSubtree
	if q.scope == "one" {
		scope = ldap.ScopeSingleLevel
	}
	r := ldap.NewSearchRequest(q.baseDN, scope, ldap.NeverDerefAliases, q.most+1, max(1, int(s.config.Timeout.Seconds())), false,
		q.filter, q.attributes, nil)
	r.EnforceSizeLimit = true // also where the server does not
	return r
}

// search returns the entries, errTooMany, or an error that wraps ErrUnavailable.
func (s *Source) search(ctx context.Context, q query) ([]*ldap.Entry, error) {
	request := s.request(q)
	var entries []*ldap.Entry
	err := s.connections.use(ctx, func(c *conn) error {
		result, err := c.Search(request)
		if result != nil {
			entries = result.Entries
		}
		return err
	})
	switch {
	case err == nil && len(entries) > q.most, ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return nil, errTooMany
	case errors.Is(err, authserver.ErrUnavailable):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("search below %s: %w: %w", q.baseDN, authserver.ErrUnavailable, clean(err))
	}
	return entries, nil
}
