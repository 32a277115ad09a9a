// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Bounds of a users file. Lengths are in bytes.
const (
	maxFile   = 4 << 20
	maxUsers  = 20_000
	maxName   = 256
	maxText   = 256
	maxGroups = 128
)

// fileForm is the users file as it is written.
type fileForm struct {
	Users *[]userForm `yaml:"users"`
}

type userForm struct {
	ID           string   `yaml:"id"`
	Name         string   `yaml:"name"`
	PasswordHash string   `yaml:"passwordHash"`
	DisplayName  string   `yaml:"displayName"`
	Email        string   `yaml:"email"`
	Groups       []string `yaml:"groups"`
}

// source is whose people a users file holds.
type source struct {
	key        string // see authserver.SubjectOf
	idFromName bool   // who has no ID has their name for one
}

// users is what a users file says. It is never changed.
type users struct {
	byName    map[string]user // by what authserver.NormalizeName makes of the name
	bySubject map[string]user
	nameless  int // how many have no ID but their name
	// decoy is verified for names that are not there, so that they take as long as most
	// of those that are.
	decoy hash
}

type user struct {
	owner authserver.Owner
	hash  hash
}

// parseUsers reads a users file. It refuses the whole file for one fault in it; its errors
// name the place and never quote a hash.
func (s source) parseUsers(raw []byte) (*users, error) {
	forms, err := decodeUsers(raw)
	if err != nil {
		return nil, err
	}
	u := &users{byName: make(map[string]user, len(forms)), bySubject: make(map[string]user, len(forms))}
	costs, spelling := map[string]int{}, map[string]string{} // spelling: of a name in the file
	for i, form := range forms {
		written := form.Name
		form.Name = normalized(form.Name)
		if form.ID == "" && s.idFromName {
			form.ID = form.Name
			u.nameless++
		}
		parsed, err := form.parse(s.key)
		if err != nil {
			return nil, fmt.Errorf("users[%d]: %w", i, err)
		}
		if first, twice := spelling[form.Name]; twice {
			return nil, fmt.Errorf("users[%d]: %w", i, nameTwice(first, written))
		}
		spelling[form.Name] = written
		if _, twice := u.bySubject[parsed.owner.Subject]; twice {
			return nil, fmt.Errorf("users[%d]: the id %q of %q is there twice", i, form.ID, form.Name)
		}
		u.byName[form.Name], u.bySubject[parsed.owner.Subject] = parsed, parsed
		costs[parsed.hash.cost()]++
	}
	u.decoy = u.chooseDecoy(costs)
	return u, nil
}

// chooseDecoy returns a decoy of the cost that most users have, and of the last by name
// where two costs are equally common: it must not depend on the order of a map.
func (u *users) chooseDecoy(costs map[string]int) hash {
	model, best := hash(ownArgon2id()), ""
	for _, one := range u.byName {
		cost := one.hash.cost()
		if best == "" || costs[cost] > costs[best] || costs[cost] == costs[best] && cost > best {
			model, best = one.hash, cost
		}
	}
	return model.decoy()
}

// line finds the line number in an error of the YAML library, the only part of it that
// cannot quote the file.
var line = regexp.MustCompile(`line [0-9]+`)

func decodeUsers(raw []byte) ([]userForm, error) {
	if len(raw) > maxFile {
		return nil, fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	var form fileForm
	if err := decoder.Decode(&form); err != nil && !errors.Is(err, io.EOF) {
		where := strings.Join(slices.Compact(line.FindAllString(err.Error(), 3)), ", ")
		return nil, fmt.Errorf("the file is not a list `users` with id, name, passwordHash (in quotes), displayName, email and groups (%s)",
			cmp.Or(where, "line unknown"))
	}
	if form.Users == nil {
		return nil, errors.New("the file has no list `users`")
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file has more than one YAML document")
	}
	if len(*form.Users) > maxUsers {
		return nil, fmt.Errorf("the file has more than %d users", maxUsers)
	}
	return *form.Users, nil
}

func (f userForm) parse(sourceKey string) (user, error) {
	if err := checkName(f.Name); err != nil {
		return user{}, fmt.Errorf("the name %w", err)
	}
	if f.ID == "" {
		return user{}, fmt.Errorf("the id of %q is missing: give each person one that nobody else ever gets, or set usersFile.idFromName: true", f.Name)
	}
	if err := checkName(f.ID); err != nil {
		return user{}, fmt.Errorf("the id of %q %w", f.Name, err)
	}
	for _, text := range []string{f.DisplayName, f.Email} {
		if len(text) > maxText || !isPrintableUnicode(text) {
			return user{}, fmt.Errorf("displayName and email of %q must be printable and at most %d bytes long", f.Name, maxText)
		}
	}
	if err := checkGroups(f.Groups); err != nil {
		return user{}, fmt.Errorf("the groups of %q: %w", f.Name, err)
	}
	h, err := parseHash(f.PasswordHash)
	if err != nil {
		return user{}, fmt.Errorf("the passwordHash of %q %w", f.Name, err)
	}
	owner := authserver.Owner{
		Subject: authserver.SubjectOf(sourceKey, f.ID), Source: sourceKey, SourceID: f.ID, Name: f.Name,
		DisplayName: f.DisplayName, Email: f.Email, Groups: f.Groups, CredentialVersion: versionOf(f.PasswordHash),
	}
	if owner.DisplayName == "" {
		owner.DisplayName = f.Name
	}
	return user{owner: owner, hash: h}, nil
}

// versionOf tells one password hash from another. The hash cannot be found from it: its salt alone
// is more than anybody can try.
func versionOf(passwordHash string) string {
	sum := sha256.Sum256([]byte("gatehouse credential version " + passwordHash))
	return hex.EncodeToString(sum[:16])
}

// normalized returns a name as a person's typed name is compared with it. What checkName refuses stays
// as it is, so that its message is about what is in the file.
func normalized(name string) string {
	if checkName(name) != nil {
		return name
	}
	return authserver.NormalizeName(name)
}

// nameTwice says that two users have one name. Names can look alike and be spelled with different
// characters: the message shows both then.
func nameTwice(first, second string) error {
	if first == second {
		return fmt.Errorf("the name %q is there twice", first)
	}
	return fmt.Errorf("the names %+q and %+q are one name, written with different Unicode characters; remove or rename one of them", first, second)
}

func checkGroups(groups []string) error {
	if len(groups) > maxGroups {
		return fmt.Errorf("more than %d", maxGroups)
	}
	for i, group := range groups {
		if err := checkGroup(group); err != nil {
			return fmt.Errorf("number %d %w", i, err)
		}
		if slices.Contains(groups[:i], group) {
			return fmt.Errorf("%q is there twice", group)
		}
	}
	return nil
}

// checkName tells what is wrong with the name or the ID of a user.
func checkName(name string) error {
	if err := checkGroup(name); err != nil {
		return err
	}
	return authserver.CheckOwnerName(name)
}

// checkGroup tells what is wrong with the name of a group. Names become names of the API
// server, where system: is reserved for the cluster itself.
func checkGroup(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case len(name) > maxName:
		return fmt.Errorf("is longer than %d bytes", maxName)
	case !isPrintableUnicode(name) || strings.TrimSpace(name) != name:
		return errors.New("has a control character, or a space at one end")
	case strings.HasPrefix(name, "system:"):
		return errors.New("begins with system:, which is the cluster's")
	}
	return nil
}

// isPrintableUnicode reports whether s is UTF-8 of letters, marks, numbers, punctuation, symbols
// and the ASCII space: nothing that is invisible or turns the direction of a line.
func isPrintableUnicode(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
