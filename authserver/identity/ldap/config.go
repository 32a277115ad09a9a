// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Config is what a Source is made of. Its names are those of the configuration file.
type Config struct {
	Key string `yaml:"-"` // see authserver.SubjectOf
	// URLs of servers with the same people, in the order in which they are asked: ldaps://HOST[:PORT], or
	// ldap://HOST[:PORT] with StartTLS.
	URLs     []string `yaml:"urls"`
	StartTLS bool     `yaml:"startTLS"`
	// CAFile has the certificates of authorities in PEM. Empty: those of the system. It is read for each connection.
	CAFile string `yaml:"caFile"`
	// InsecurePlaintext lets ldap:// do without TLS, to a loopback address alone.
	InsecurePlaintext bool `yaml:"insecurePlaintext"`
	// BindDN is who searches. Its password is the content of PasswordFile, which is read for each connection.
	BindDN       string        `yaml:"bindDN"`
	PasswordFile string        `yaml:"passwordFile"`
	UserSearch   Search        `yaml:"userSearch"`
	Attributes   Attributes    `yaml:"attributes"`
	GroupSearch  *GroupSearch  `yaml:"groupSearch"`
	MemberOf     *MemberOf     `yaml:"memberOf"`
	Timeout      time.Duration `yaml:"timeout"`     // of a question with all its steps; 5 seconds by default
	Connections  int           `yaml:"connections"` // for searches, and as many for logins; 8 by default
}

// Search says where people are looked for.
type Search struct {
	BaseDN string `yaml:"baseDN"`
	Filter string `yaml:"filter"` // {name} is the name that was typed
	Scope  string `yaml:"scope"`  // sub (default), one
}

// Attributes are where a person's properties stand.
type Attributes struct {
	ID              string `yaml:"id"`   // entryUUID, objectGUID or another one that never changes and is never given again
	Name            string `yaml:"name"` // what RBAC calls the person
	DisplayName     string `yaml:"displayName"`
	Mail            string `yaml:"mail"`
	PasswordChanged string `yaml:"passwordChanged"` // changes with the password, such as pwdChangedTime or pwdLastSet
}

// GroupSearch says how the groups of a person are found.
type GroupSearch struct {
	BaseDN        string `yaml:"baseDN"`
	Filter        string `yaml:"filter"` // {dn} is that of the person, {name} what they are called
	Scope         string `yaml:"scope"`
	NameAttribute string `yaml:"nameAttribute"` // cn by default
	Nested        bool   `yaml:"nested"`        // groups that are in groups, too
}

// MemberOf takes the groups from an attribute of the person.
type MemberOf struct {
	Attribute string `yaml:"attribute"` // memberOf by default
	// BaseDN is where the groups are that count; the first value of a DN's first part is the name.
	BaseDN string `yaml:"baseDN"`
}

const (
	defaultTimeout     = 5 * time.Second
	maxTimeout         = time.Minute
	defaultConnections = 8
	maxConnections     = 128
	maxURLs            = 8
	guidAttribute      = "objectguid" // of Active Directory: 16 bytes
)

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Connections == 0 {
		c.Connections = defaultConnections
	}
	if c.GroupSearch != nil {
		g := *c.GroupSearch
		if g.NameAttribute == "" {
			g.NameAttribute = "cn"
		}
		c.GroupSearch = &g
	}
	if c.MemberOf != nil && c.MemberOf.Attribute == "" {
		c.MemberOf = &MemberOf{Attribute: "memberOf", BaseDN: c.MemberOf.BaseDN}
	}
	return c
}

// Check returns everything that is wrong, each with the key it is about.
func (c Config) Check() []error {
	c = c.withDefaults()
	var found []error
	say := func(key string, err error) {
		if err != nil {
			found = append(found, fmt.Errorf("%s: %w", key, err))
		}
	}
	for _, err := range c.checkURLs() {
		say("urls", err)
	}
	say("bindDN", checkDN(c.BindDN))
	if c.PasswordFile == "" {
		say("passwordFile", errors.New("it is missing; name the file with the password of bindDN"))
	}
	say("userSearch.baseDN", checkDN(c.UserSearch.BaseDN))
	say("userSearch.filter", checkLoginFilter(c.UserSearch.Filter))
	say("userSearch.scope", checkScope(c.UserSearch.Scope))
	for _, a := range []struct {
		key, value string
		required   bool
	}{
		{"id", c.Attributes.ID, true}, {"name", c.Attributes.Name, true}, {"displayName", c.Attributes.DisplayName, false},
		{"mail", c.Attributes.Mail, false}, {"passwordChanged", c.Attributes.PasswordChanged, false},
	} {
		say("attributes."+a.key, checkAttribute(a.value, a.required))
	}
	found = append(found, c.checkGroups()...)
	if c.Timeout < 100*time.Millisecond || c.Timeout > maxTimeout {
		say("timeout", fmt.Errorf("%s must be from 100ms to %s", c.Timeout, maxTimeout))
	}
	if c.Connections < 1 || c.Connections > maxConnections {
		say("connections", fmt.Errorf("%d must be a number from 1 to %d", c.Connections, maxConnections))
	}
	return found
}

func (c Config) checkGroups() (found []error) {
	say := func(key string, err error) {
		if err != nil {
			found = append(found, fmt.Errorf("%s: %w", key, err))
		}
	}
	if c.GroupSearch != nil && c.MemberOf != nil {
		say("groupSearch, memberOf", errors.New("remove one of the two"))
	}
	if g := c.GroupSearch; g != nil {
		say("groupSearch.baseDN", checkDN(g.BaseDN))
		say("groupSearch.scope", checkScope(g.Scope))
		say("groupSearch.nameAttribute", checkAttribute(g.NameAttribute, true))
		switch dn, name := strings.Contains(g.Filter, placeholderDN), strings.Contains(g.Filter, placeholderName); {
		case !dn && !name:
			say("groupSearch.filter", errors.New("it must hold {dn} or {name}, like (member={dn})"))
		case g.Nested && (!dn || name): // a group that is called like a person would get what that person has
			say("groupSearch.filter", errors.New("with nested it must hold {dn} and not {name}"))
		default:
			say("groupSearch.filter", checkFilter(g.Filter))
		}
	}
	if m := c.MemberOf; m != nil {
		say("memberOf.attribute", checkAttribute(m.Attribute, true))
		say("memberOf.baseDN", checkDN(m.BaseDN))
	}
	return found
}

func (c Config) checkURLs() (found []error) {
	if len(c.URLs) == 0 || len(c.URLs) > maxURLs {
		return []error{fmt.Errorf("name 1 to %d servers, like ldaps://ldap.example.com", maxURLs)}
	}
	for i, text := range c.URLs {
		if err := c.checkURL(text); err != nil {
			found = append(found, fmt.Errorf("number %d %w", i, err))
		}
	}
	return found
}

func (c Config) checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "ldap" && u.Scheme != "ldaps" || u.Hostname() == "" || text != u.Scheme+"://"+u.Host:
		return errors.New("must be ldaps://HOST[:PORT] or ldap://HOST[:PORT]") // and is not quoted: it may hold a password
	case u.Scheme == "ldaps" && c.StartTLS:
		return errors.New("is ldaps://, which has TLS already: remove startTLS")
	case u.Scheme == "ldaps" || c.StartTLS:
		return nil
	case !c.InsecurePlaintext:
		return errors.New("would send passwords in the clear: use ldaps://, or startTLS: true")
	case !isLoopback(u.Hostname()):
		return errors.New("would send passwords in the clear: insecurePlaintext is for loopback addresses like 127.0.0.1 alone")
	}
	return nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

func checkDN(dn string) error {
	if dn == "" {
		return errors.New("it is missing")
	}
	if _, err := ldap.ParseDN(dn); err != nil {
		return errors.New("it is not a distinguished name, like ou=people,dc=example,dc=com")
	}
	return nil
}

func checkScope(scope string) error {
	if scope != "" && scope != "sub" && scope != "one" {
		return errors.New("it must be sub or one")
	}
	return nil
}

// attribute is a description without options (RFC 4512 §2.5).
var attribute = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

func checkAttribute(name string, required bool) error {
	if name == "" && !required || attribute.MatchString(name) {
		return nil
	}
	return errors.New("it must be the name of an attribute, like uid")
}
