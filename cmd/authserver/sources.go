// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
)

const (
	maxSources     = 16
	maxDisplayName = 64 // bytes
)

// sourceConfig is where people come from: one of the kinds.
type sourceConfig struct {
	Key         string           `yaml:"key"`
	DisplayName string           `yaml:"displayName"`
	UsersFile   *usersFileConfig `yaml:"usersFile"`
	LDAP        *ldap.Config     `yaml:"ldap"`
}

type usersFileConfig struct {
	Path       string `yaml:"path"`
	IDFromName bool   `yaml:"idFromName"`
}

// sourceKey is short and plain: it is part of what everybody's subject is made of.
var sourceKey = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkSources returns what is wrong with the sources of people, each with the key it is about.
func (c *config) checkSources() (found []string) {
	const list = "identity.sources"
	switch n := len(c.Identity.Sources); {
	case n == 0:
		return []string{list + ": it is missing; name where the people who may log in come from"}
	case n > maxSources:
		return []string{fmt.Sprintf("%s: there are more than %d", list, maxSources)}
	}
	first := map[string]int{}
	for i, s := range c.Identity.Sources {
		where := fmt.Sprintf("%s[%d]", list, i)
		if n, twice := first[s.Key]; twice && s.Key != "" {
			found = append(found, fmt.Sprintf("%s.key: %q is the key of %s[%d], too; the key tells the people of one source from those of another", where, s.Key, list, n))
		} else {
			first[s.Key] = i
		}
		for _, err := range s.check() {
			found = append(found, where+err.Error())
		}
	}
	return found
}

// check returns what is wrong, each after what is to be appended to the name of the source.
func (s sourceConfig) check() (found []error) {
	if !sourceKey.MatchString(s.Key) {
		found = append(found, errors.New(".key: it must be 1 to 63 lower-case letters, digits and hyphens, and a letter or digit at both ends, like users"))
	}
	if len(s.DisplayName) > maxDisplayName || !isGraphic(s.DisplayName) {
		found = append(found, fmt.Errorf(".displayName: it must be printable and at most %d bytes long", maxDisplayName))
	}
	switch {
	case (s.UsersFile == nil) == (s.LDAP == nil):
		return append(found, errors.New(": say what it is: usersFile or ldap, one of the two"))
	case s.LDAP != nil:
		for _, err := range s.LDAP.Check() {
			found = append(found, fmt.Errorf(".ldap.%w", err))
		}
	case s.UsersFile.Path == "":
		found = append(found, errors.New(".usersFile.path: it is missing; name the file with the people who may log in"))
	}
	return found
}

func isGraphic(text string) bool {
	for _, r := range text {
		if !unicode.IsGraphic(r) {
			return false
		}
	}
	return true
}

// openSources opens the sources of people.
func (r *resources) openSources(c config, log *slog.Logger) error {
	r.peopleChanged = make(chan struct{}, 1)
	changed := func() {
		select {
		case r.peopleChanged <- struct{}{}:
		default: // one that waits says as much
		}
	}
	pool := identity.NewHashPool(int64(c.Limits.HashMemoryMiB) << 20)
	var sources []identity.Source
	var errs []error
	for i, s := range c.Identity.Sources {
		if s.LDAP != nil {
			people, err := r.openLDAP(s, log)
			if err != nil {
				errs = append(errs, fmt.Errorf("identity.sources[%d].ldap: %w", i, err))
				continue
			}
			sources = append(sources, people)
			continue
		}
		users, err := identity.OpenUsersFile(identity.Config{
			Path: s.UsersFile.Path, SourceKey: s.Key, IDFromName: s.UsersFile.IDFromName, Log: log, Pool: pool, Changed: changed,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("identity.sources[%d].usersFile: %w", i, err))
			continue
		}
		sources, r.watchPeople = append(sources, users), append(r.watchPeople, users.Watch)
	}
	r.people = identity.NewSources(log, sources...)
	return errors.Join(errs...)
}

// openLDAP opens a source that is asked over the network. It asks nobody yet.
func (r *resources) openLDAP(s sourceConfig, log *slog.Logger) (*ldap.Source, error) {
	c := *s.LDAP
	c.Key = s.Key
	people, err := ldap.New(c, log)
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, people.Close)
	return people, nil
}
