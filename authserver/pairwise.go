// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/openid"
)

// subjectFor returns the subject under which the client knows the person with the subject: the same one, or, for a client with a
// sector, another one of the same form that nobody can lead back to the person (OpenID Connect Core §8.1). Clients of one
// sector know the same one. Everything that tells a client who a person is, or that reads what it says of one, goes
// through here. APIs and this server itself know people by their own subjects.
func (k *Keys) subjectFor(c *Client, subject string) string {
	if c.OpenID.Sector == "" || subject == "" {
		return subject
	}
	mac := hmac.New(sha256.New, k.pairwise.Bytes())
	mac.Write(framed(c.OpenID.Sector, subject))
	return strings.ToLower(subjectEncoding.EncodeToString(mac.Sum(nil)))[:subjectLength]
}

// asKnownBy returns the owner as the client knows them.
func (o Owner) asKnownBy(c *Client, keys *Keys) Owner {
	o.Subject = keys.subjectFor(c, o.Subject)
	return o
}

// seenByClient returns what the client of a token sees of it. Where subjects are pairwise, the name says no more than the
// scopes release: it would lead back to the person.
func (t TokenInfo) seenByClient(keys *Keys) TokenInfo {
	if t.Client.OpenID.Sector != "" && !slices.Contains(t.Scopes, openid.ScopeProfile) {
		t.Owner.Name = ""
	}
	t.Owner = t.Owner.asKnownBy(t.Client, keys)
	return t
}
