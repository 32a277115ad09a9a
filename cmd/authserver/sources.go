// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/upstream"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

const (
	maxSources     = 16
	maxDisplayName = 64 // bytes
)

// sourceConfig is where people come from: one of the kinds.
type sourceConfig struct {
	Key         string `yaml:"key"`
	DisplayName string `yaml:"displayName"`
	// Domains are those of the mail addresses of its people. They choose the source at the login.
	Domains       []string                `yaml:"domains"`
	UsersFile     *usersFileConfig        `yaml:"usersFile"`
	LDAP          *ldap.Config            `yaml:"ldap"`
	OpenIDConnect *upstream.OpenIDConnect `yaml:"openIDConnect"`
	OAuth2        *upstream.OAuth2        `yaml:"oauth2"`
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
	return append(found, c.checkPrefixes(list)...)
}

// check returns what is wrong, each after what is to be appended to the name of the source.
func (s sourceConfig) check() (found []error) {
	if !sourceKey.MatchString(s.Key) {
		found = append(found, errors.New(".key: it must be 1 to 63 lower-case letters, digits and hyphens, and a letter or digit at both ends, like users"))
	}
	if len(s.DisplayName) > maxDisplayName || !isGraphic(s.DisplayName) {
		found = append(found, fmt.Errorf(".displayName: it must be printable and at most %d bytes long", maxDisplayName))
	}
	for _, domain := range s.Domains {
		if domain != strings.ToLower(domain) || !strings.Contains(domain, ".") || strings.ContainsAny(domain, "@ ") || !isGraphic(domain) {
			found = append(found, fmt.Errorf(".domains: %q must be a domain in lower-case letters, like example.com", domain))
		}
	}
	within := func(key string, errs []error) []error {
		for _, err := range errs {
			found = append(found, fmt.Errorf(".%s.%w", key, err))
		}
		return found
	}
	switch {
	case s.kinds() != 1:
		return append(found, errors.New(": say what it is: usersFile, ldap, openIDConnect or oauth2, one of them"))
	case s.LDAP != nil:
		return within("ldap", s.LDAP.Check())
	case s.OpenIDConnect != nil:
		return within("openIDConnect", s.OpenIDConnect.Check())
	case s.OAuth2 != nil:
		return within("oauth2", s.OAuth2.Check())
	case s.UsersFile.Path == "":
		found = append(found, errors.New(".usersFile.path: it is missing; name the file with the people who may log in"))
	}
	return found
}

// kinds is how many kinds of sources it is said to be.
func (s sourceConfig) kinds() (n int) {
	for _, is := range []bool{s.UsersFile != nil, s.LDAP != nil, s.OpenIDConnect != nil, s.OAuth2 != nil} {
		if is {
			n++
		}
	}
	return n
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
	o := opener{r: r, pool: identity.NewHashPool(int64(c.Limits.HashMemoryMiB) << 20), log: log, changed: changed}
	var errs []error
	for i, s := range c.Identity.Sources {
		if err := o.open(s); err != nil {
			errs = append(errs, fmt.Errorf("identity.sources[%d].%w", i, err))
		}
	}
	r.people = identity.NewSources(log, o.sources...).WithUpstreams(o.upstreams...)
	return errors.Join(errs...)
}

// opener opens one source after the other.
type opener struct {
	r         *resources
	pool      *identity.Pool
	log       *slog.Logger
	changed   func()
	sources   []identity.Source
	upstreams []identity.Upstream
}

// open opens a source. One that is asked over the network is asked nothing yet.
func (o *opener) open(s sourceConfig) error {
	switch {
	case s.LDAP != nil:
		c := *s.LDAP
		c.Key = s.Key
		people, err := ldap.New(c, o.log)
		if err != nil {
			return fmt.Errorf("ldap: %w", err)
		}
		o.sources = append(o.sources, people)
		o.r.follow(s.Key, people)
	case s.OpenIDConnect != nil, s.OAuth2 != nil:
		people, err := s.upstream(o.log)
		if err != nil {
			return err
		}
		o.upstreams = append(o.upstreams, people)
		o.r.follow(s.Key, people)
	default:
		users, err := identity.OpenUsersFile(identity.Config{
			Path: s.UsersFile.Path, SourceKey: s.Key, IDFromName: s.UsersFile.IDFromName, Log: o.log, Pool: o.pool, Changed: o.changed,
		})
		if err != nil {
			return fmt.Errorf("usersFile: %w", err)
		}
		o.sources, o.r.watchPeople = append(o.sources, users), append(o.r.watchPeople, users.Watch)
	}
	return nil
}

// upstream returns a source whose people log in on another server.
func (s sourceConfig) upstream(log *slog.Logger) (*upstream.Source, error) {
	if s.OpenIDConnect != nil {
		people, err := upstream.NewOpenIDConnect(s.Key, *s.OpenIDConnect, log)
		if err != nil {
			return nil, fmt.Errorf("openIDConnect: %w", err)
		}
		return people, nil
	}
	people, err := upstream.NewOAuth2(s.Key, *s.OAuth2, log)
	if err != nil {
		return nil, fmt.Errorf("oauth2: %w", err)
	}
	return people, nil
}

// remote is a source that is asked over the network.
type remote interface {
	Down() bool
	Close() error
}

// follow closes a source at the end, and lets a metric say whether it answers.
func (r *resources) follow(key string, s remote) {
	r.close = append(r.close, s.Close)
	if r.remote == nil {
		r.remote = map[string]func() bool{}
	}
	r.remote[key] = s.Down
}

// loginWays are the ways to log in, in the order of the sources. All with passwords are one.
func (c *config) loginWays() (ways []web.LoginWay) {
	const password = ""
	for _, s := range c.Identity.Sources {
		if s.OpenIDConnect != nil || s.OAuth2 != nil {
			ways = append(ways, web.LoginWay{Key: s.Key, Name: s.shown(), Domains: s.Domains})
			continue
		}
		n := slices.IndexFunc(ways, func(way web.LoginWay) bool { return way.Key == password })
		if n < 0 {
			n, ways = len(ways), append(ways, web.LoginWay{Name: web.PasswordWay})
		}
		ways[n].Domains = append(ways[n].Domains, s.Domains...)
	}
	return ways
}

// shown is what people read.
func (s sourceConfig) shown() string {
	if s.DisplayName == "" {
		return s.Key
	}
	return s.DisplayName
}
