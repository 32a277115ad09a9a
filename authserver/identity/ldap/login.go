// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
)

// logIn returns the owner if the directory takes the password.
func (s *Source) logIn(ctx context.Context, e entry, password string, lane authserver.Lane) (owner authserver.Owner, err error) {
	if err := s.bind(ctx, e.dn, password, lane); err != nil {
		return authserver.Owner{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	return s.withGroups(ctx, e)
}

// Nobody binds as an entry that is not there, with a password that nobody has: a wrong password takes the same steps.
func (s *Source) Nobody() identity.Candidate {
	return identity.Candidate{Check: func(ctx context.Context, _ string, lane authserver.Lane) (authserver.Owner, error) {
		err := s.bind(ctx, "cn="+rand.Text()+","+s.config.UserSearch.BaseDN, rand.Text(), lane)
		if err == nil {
			err = authserver.ErrWrongPassword
		}
		return authserver.Owner{}, err
	}}
}

// bind tries a password on a connection of its own, when it is its turn.
func (s *Source) bind(ctx context.Context, dn, password string, lane authserver.Lane) error {
	if dn == "" || password == "" { // would be an anonymous or an unauthenticated bind, which succeeds (RFC 4513 §5.1)
		return authserver.ErrWrongPassword
	}
	var answer error // of the server
	turn := s.logins.Do(ctx, lane, 0, func() {
		ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
		defer cancel()
		var opened *conn
		opened, answer = s.servers.connect(ctx, func(context.Context, *conn) error { return nil })
		if answer == nil {
			answer = opened.ask(ctx, func() error { return opened.Bind(dn, password) })
			opened.end()
			if answer != nil && isBroken(answer) {
				answer = s.servers.failedToAnswer(ctx, opened.server, answer)
			} else {
				s.servers.answered(ctx, opened.server)
			}
		}
	})
	if turn != nil {
		return fmt.Errorf("wait for LDAP: %w", turn)
	}
	return s.bindResult(ctx, answer)
}

// bindResult tells refusals of the person from troubles of the server.
func (s *Source) bindResult(ctx context.Context, err error) error {
	switch {
	case err == nil || errors.Is(err, authserver.ErrUnavailable):
		return err
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax):
		return authserver.ErrWrongPassword
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConstraintViolation,
		ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultUnwillingToPerform):
		s.log.WarnContext(ctx, "the directory refuses a login for another reason than the password", "cause", clean(err).Error())
		return authserver.ErrWrongPassword
	default:
		return fmt.Errorf("bind: %w: %w", authserver.ErrUnavailable, clean(err))
	}
}
