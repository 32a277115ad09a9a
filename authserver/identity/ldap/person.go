// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Bounds of what is taken from an entry, in bytes.
const (
	maxText = 256
	maxDN   = 4096
)

// unfitError is about an entry that cannot be a person. The operator has to change something.
type unfitError struct{ text string }

func (e unfitError) Error() string { return e.text }

// entry is the entry of a person.
type entry struct {
	dn       string
	owner    authserver.Owner // without groups
	memberOf []string
}

// entry returns the only one that the filter finds. ErrNotFound: there is none. An unfitError: there is more
// than one, or it is of no use.
func (s *Source) entry(ctx context.Context, filter string) (entry, error) {
	c := s.config
	found, err := s.search(ctx, query{c.UserSearch.BaseDN, c.UserSearch.Scope, filter, c.personAttributes(), 1})
	switch {
	case errors.Is(err, errTooMany):
		return entry{}, unfitError{"userSearch finds more than one entry; it must find one for each name"}
	case err != nil:
		return entry{}, err
	case len(found) == 0:
		return entry{}, fmt.Errorf("the directory: %w", authserver.ErrNotFound)
	}
	return c.person(found[0])
}

// personAttributes are those that are read of a person, and no others.
func (c Config) personAttributes() []string {
	attributes := []string{c.Attributes.ID, c.Attributes.Name}
	for _, a := range []string{c.Attributes.DisplayName, c.Attributes.Mail, c.Attributes.PasswordChanged} {
		if a != "" {
			attributes = append(attributes, a)
		}
	}
	if c.MemberOf != nil {
		attributes = append(attributes, c.MemberOf.Attribute)
	}
	return attributes
}

// person reads an entry.
func (c Config) person(e *ldap.Entry) (entry, error) {
	if e.DN == "" || len(e.DN) > maxDN {
		return entry{}, unfitError{"an entry without a DN of usual length"}
	}
	id, err := c.id(e)
	if err != nil {
		return entry{}, unfitError{fmt.Sprintf("%.*q: attribute %s: %s", maxText, e.DN, c.Attributes.ID, err)}
	}
	name, err := one(e, c.Attributes.Name)
	if err == nil {
		name = authserver.NormalizeName(name)
		err = checkName(name)
	}
	if err != nil {
		return entry{}, unfitError{fmt.Sprintf("%.*q: attribute %s: %s", maxText, e.DN, c.Attributes.Name, err)}
	}
	owner := authserver.Owner{
		Subject: authserver.SubjectOf(c.Key, id), Source: c.Key, SourceID: id, Name: name,
		DisplayName: text(e, c.Attributes.DisplayName), Email: text(e, c.Attributes.Mail),
	}
	if owner.DisplayName == "" {
		owner.DisplayName = name
	}
	if c.Attributes.PasswordChanged != "" {
		if value := e.GetEqualFoldAttributeValue(c.Attributes.PasswordChanged); value != "" {
			sum := sha256.Sum256([]byte("gatehouse LDAP password changed " + value))
			owner.CredentialVersion = hex.EncodeToString(sum[:16])
		}
	}
	found := entry{dn: e.DN, owner: owner}
	if c.MemberOf != nil {
		found.memberOf = e.GetEqualFoldAttributeValues(c.MemberOf.Attribute)
	}
	return found, nil
}

// id is the text of the ID: of an objectGUID the one that Windows shows.
func (c Config) id(e *ldap.Entry) (string, error) {
	if strings.EqualFold(c.Attributes.ID, guidAttribute) {
		return formatGUID(e.GetEqualFoldRawAttributeValue(c.Attributes.ID))
	}
	id, err := one(e, c.Attributes.ID)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(c.Attributes.ID, "entryUUID") {
		id = strings.ToLower(id)
	}
	return id, checkName(id)
}

// one returns the only value: of several nobody knows which one the directory says first tomorrow.
func one(e *ldap.Entry, attribute string) (string, error) {
	switch values := e.GetEqualFoldAttributeValues(attribute); len(values) {
	case 0:
		return "", errors.New("it is not there, or bindDN may not read it")
	case 1:
		return values[0], nil
	default:
		return "", errors.New("it has more than one value")
	}
}

// text returns the first value, if it is fit to be shown.
func text(e *ldap.Entry, attribute string) string {
	if attribute == "" {
		return ""
	}
	value := e.GetEqualFoldAttributeValue(attribute)
	if len(value) > maxText || !isPrintable(value) {
		return ""
	}
	return value
}

// checkName tells what is wrong with a name, of a person or a group, or an ID.
func checkName(name string) error {
	switch {
	case len(name) > maxText:
		return fmt.Errorf("it is longer than %d bytes", maxText)
	case !isPrintable(name) || strings.TrimSpace(name) != name:
		return errors.New("it has a character that is not printable, or a blank at one end")
	}
	return authserver.CheckOwnerName(name)
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// answersTo reports whether what was typed is the name or the mail address, but for letter case. Directories also take
// other blanks, widths and accents for equal; guesses are not counted together then.
func (e entry) answersTo(typed string) bool {
	typed = authserver.FoldName(typed)
	return typed == authserver.FoldName(e.owner.Name) || typed == authserver.FoldName(e.owner.Email)
}
