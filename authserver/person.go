// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Owner is a resource owner as a directory knows them: a person who can log in and decide.
type Owner struct {
	// Subject is who it is: see SubjectOf. Everything that is kept of a person hangs on it.
	Subject string
	// Source is the key of the source that knows the person, and SourceID the ID there. The ID asks the source
	// about somebody who is not there, and is for nobody else.
	Source, SourceID string
	// Name is what the person logs in with and what RBAC, pages and the audit log call them.
	// It is unique at a time, and may be given to another person later.
	Name        string
	DisplayName string
	Email       string
	Groups      []string
	// CredentialVersion changes when what the person logs in with was changed. Empty: the
	// directory cannot tell.
	CredentialVersion string
}

// Person is the row that the store has of an owner.
type Person struct {
	Owner
	ConfirmedAt time.Time // when the directory last said that all of this is so
	// ConfirmedUntil is how long that holds. Zero: until the directory says otherwise.
	ConfirmedUntil time.Time
	EndedAt        time.Time // when the directory no longer knew the person; zero: it does
	// SealedRefreshToken is the refresh token of the server where the person logged in, sealed. It is for confirming
	// alone. Nil: there is none.
	SealedRefreshToken []byte
}

// Confirmation is what a directory said of a person, for the store.
type Confirmation struct {
	Person
	// EndGrants is what happens to the person's grants when CredentialVersion is another one than
	// before: true revokes them at ConfirmedAt.
	EndGrants bool
}

const (
	// MaxConfirmationAge is how long a person counts as confirmed whose source cannot be asked
	// about somebody who is not there. Then their grants rest until they log in again.
	MaxConfirmationAge = 24 * time.Hour
	// GoneMemory is how long it is remembered what a person or a client had that is gone: they
	// may come back, from a backup or because it was a mistake.
	GoneMemory = 90 * 24 * time.Hour
	// subjectLength is the length of a subject: 130 bits.
	subjectLength = 26
)

var subjectEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// SubjectOf returns the subject of the person whom a source knows by an ID: the first 26
// characters of the base32 spelling (RFC 4648 §6, lower case: a to z and 2 to 7) of the SHA-256
// of the source's key, a zero byte and the ID. It does not change as long as key and ID do not,
// it tells nothing of either to who does not know them, and it holds no colon: no subject looks
// like ClientSubject.
func SubjectOf(sourceKey, id string) string {
	sum := sha256.Sum256([]byte(sourceKey + "\x00" + id))
	return strings.ToLower(subjectEncoding.EncodeToString(sum[:]))[:subjectLength]
}

// clientSubjectPrefix stands before a client ID where a client acts as itself.
const clientSubjectPrefix = "client:"

// ClientSubject is the subject of a token that no person gave (RFC 7662 §2.2, RFC 9700 §4.15).
func ClientSubject(clientID string) string { return clientSubjectPrefix + clientID }

// CheckOwnerName returns what makes a name or an ID unfit for a person: that it begins like the
// names of clients in tokens, or of the cluster's own users, or that it holds control characters.
func CheckOwnerName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case strings.HasPrefix(name, "system:"):
		return errors.New("begins with system:, which is the cluster's")
	case strings.HasPrefix(name, clientSubjectPrefix):
		return errors.New("begins with client:, which stands for applications in tokens")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("has a control character")
	}
	return nil
}

// check refuses an owner who could be taken for somebody else, whatever directory they are from.
func (o Owner) check() error {
	if len(o.Subject) != subjectLength || strings.Trim(o.Subject, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return errors.New("the directory gave an owner without a proper subject")
	}
	if err := CheckOwnerName(o.Name); err != nil {
		return errors.Join(errors.New("the directory gave an owner whose name is not usable"), err)
	}
	if NormalizeName(o.Name) != o.Name { // nobody could type it, and it looks like another name
		return errors.New("the directory gave an owner whose name has a blank at an end, or is not in Unicode Normalization Form C")
	}
	if slices.ContainsFunc(o.Groups, func(group string) bool { return strings.ContainsFunc(group, unicode.IsControl) }) {
		return errors.New("the directory gave an owner with a group whose name has a control character")
	}
	return nil
}

// absence is why a person cannot act now; empty: they can.
func (p Person) absence(now time.Time) string {
	switch {
	case p.Subject == "" || !p.EndedAt.IsZero():
		return "the directory does not know this owner any more"
	case !p.ConfirmedUntil.IsZero() && !now.Before(p.ConfirmedUntil):
		return "the directory has not confirmed this owner for too long; a login does"
	default:
		return ""
	}
}
