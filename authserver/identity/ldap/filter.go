// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// What stands in filters of the configuration for what is known later.
const (
	placeholderName = "{name}"
	placeholderDN   = "{dn}"
)

// equality is a whole condition with the name in it.
var equality = regexp.MustCompile(`\([A-Za-z][A-Za-z0-9-]*=[^()=*]*\{name\}[^()=*]*\)`)

// checkLoginFilter refuses a filter that would not say for some name whether it is a person's, and one
// that could not be asked without a name: see idFilter.
func checkLoginFilter(filter string) error {
	if !strings.Contains(filter, placeholderName) {
		return errors.New("it must hold {name}, like (uid={name})")
	}
	if strings.Contains(equality.ReplaceAllString(filter, ""), placeholderName) {
		return errors.New("{name} must stand in a condition of its own without *, like (uid={name})")
	}
	return checkFilter(filter)
}

func checkFilter(filter string) error {
	if _, err := ldap.CompileFilter(fill(filter, "x", "cn=x")); err != nil {
		return errors.New("it is not a filter, like (&(objectClass=person)(uid={name}))")
	}
	return nil
}

// fill puts a name and a DN into a filter: as values, whatever they hold (RFC 4515 §3).
func fill(filter, name, dn string) string {
	return strings.NewReplacer(placeholderName, ldap.EscapeFilter(name), placeholderDN, ldap.EscapeFilter(dn)).Replace(filter)
}

// loginFilter finds who has the name.
func (c Config) loginFilter(name string) string { return fill(c.UserSearch.Filter, name, "") }

// idFilter finds who has the ID, if they could log in with any name: an account that the filter leaves out because
// it is closed is not found.
func (c Config) idFilter(id string) (string, error) {
	value := ldap.EscapeFilter(id)
	if strings.EqualFold(c.Attributes.ID, guidAttribute) {
		raw, err := parseGUID(id)
		if err != nil {
			return "", err
		}
		value = ""
		for _, b := range raw {
			value += fmt.Sprintf(`\%02x`, b)
		}
	}
	return "(&(" + c.Attributes.ID + "=" + value + ")" + c.anybodyFilter() + ")", nil
}

// anybodyFilter finds everybody who could log in with some name.
func (c Config) anybodyFilter() string {
	return strings.ReplaceAll(c.UserSearch.Filter, placeholderName, "*")
}

// guidOrder is where the bytes of an objectGUID stand in its text: its first three numbers are little-endian.
var guidOrder = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

func formatGUID(raw []byte) (string, error) {
	if len(raw) != len(guidOrder) {
		return "", fmt.Errorf("it has %d bytes and not %d", len(raw), len(guidOrder))
	}
	ordered := make([]byte, len(raw))
	for i, from := range guidOrder {
		ordered[i] = raw[from]
	}
	t := hex.EncodeToString(ordered)
	return strings.Join([]string{t[:8], t[8:12], t[12:16], t[16:20], t[20:]}, "-"), nil
}

func parseGUID(text string) ([]byte, error) {
	ordered, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(ordered) != len(guidOrder) {
		return nil, errors.New("it is not the text of an objectGUID")
	}
	raw := make([]byte, len(ordered))
	for i, to := range guidOrder {
		raw[to] = ordered[i]
	}
	return raw, nil
}
