// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// listUsage returns how clients and resource servers are used, page by page.
func (e *endpoint) listUsage(r *request) (any, error) {
	given, err := r.parameters("limit", "continue")
	if err != nil {
		return nil, err
	}
	limit, err := limitOf(given["limit"], adminapi.MaxPage)
	if err != nil {
		return nil, err
	}
	uid, credentialID, ok := readPlace(given["continue"])
	if !ok {
		return nil, badRequest("continue is no text that a page ended with")
	}
	page := adminapi.UsagePage{Items: []adminapi.ClientUsage{}}
	if given["continue"] == "" {
		if page.Counting, err = e.counting(r); err != nil {
			return nil, err
		}
		uid, credentialID = authserver.CountingUID, authserver.CountingID // these come first
	}
	uses, err := e.auth.ListUses(r.Context(), "", uid, credentialID, limit)
	if err != nil {
		return nil, err
	}
	for _, u := range uses {
		if u.UID != authserver.CountingUID {
			e.add(&page, u)
		}
	}
	if len(uses) == limit {
		last := uses[len(uses)-1]
		page.Continue = placeOf(last.UID, last.CredentialID)
	}
	return page, nil
}

// counting returns since when uses are counted and nothing is missing; nil: they are not counted yet. Where a use was missed, whoever asks is
// to think of it as of a new store, which does not know what was before.
func (e *endpoint) counting(r *request) (*adminapi.Counting, error) {
	uses, err := e.auth.ListUses(r.Context(), "", "", "", 2)
	if err != nil {
		return nil, err
	}
	var found *adminapi.Counting
	var complete time.Time
	for _, u := range uses { // in an order that depends on the store
		switch {
		case u.UID != authserver.CountingUID:
		case u.CredentialID == authserver.MissedID:
			complete = u.UsedAt.Add(time.Hour)
		default:
			found = &adminapi.Counting{Since: u.Since, Until: u.UsedAt}
		}
	}
	if found != nil && complete.After(found.Since) {
		found.Since = complete
	}
	return found, nil
}

// clientUsage returns how one client is used. One that was never used, as far as is known, has no times.
func (e *endpoint) clientUsage(r *request) (any, error) {
	if _, err := r.parameters(); err != nil {
		return nil, err
	}
	client, ok := e.clientNamed(r.PathValue("namespace"), r.PathValue("name"))
	if !ok {
		return nil, noSuchClient
	}
	page := adminapi.UsagePage{Items: []adminapi.ClientUsage{}}
	for last := (authserver.Use{}); ; {
		uses, err := e.auth.ListUses(r.Context(), client.UID, last.UID, last.CredentialID, adminapi.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, u := range uses {
			e.add(&page, u)
		}
		if len(uses) < adminapi.MaxPage {
			break
		}
		last = uses[len(uses)-1]
	}
	if len(page.Items) == 0 {
		return adminapi.ClientUsage{UID: client.UID, Namespace: client.Namespace, Name: client.Name}, nil
	}
	return page.Items[0], nil
}

// add adds a use to the entry of its client, which is the last one or a new one.
func (e *endpoint) add(page *adminapi.UsagePage, u authserver.Use) {
	if n := len(page.Items); n == 0 || page.Items[n-1].UID != u.UID {
		item := adminapi.ClientUsage{UID: u.UID, Since: u.Since, LastUsed: u.UsedAt}
		if c, ok := e.auth.ClientOf(u.UID); ok {
			item.Namespace, item.Name = c.Namespace, c.Name
		}
		page.Items = append(page.Items, item)
	}
	item := &page.Items[len(page.Items)-1]
	next := adminapi.ClientUsage{UID: u.UID, Since: u.Since, LastUsed: u.UsedAt}
	if u.CredentialID != "" {
		next.Credentials = []adminapi.CredentialUsage{{ID: u.CredentialID, LastUsed: u.UsedAt}}
	}
	if u.Challenged+u.Unchallenged > 0 {
		next.PKCE = &adminapi.PKCEUsage{
			Challenged: u.Challenged, Unchallenged: u.Unchallenged, LastChallenged: optional(u.ChallengedAt), LastUnchallenged: optional(u.UnchallengedAt),
		}
	}
	if u.IDTokenBytes > 0 {
		next.IDToken = &adminapi.IDToken{Bytes: u.IDTokenBytes, IssuedAt: u.IDTokenAt}
	}
	item.Add(next)
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// placeOf spells the place after a use.
func placeOf(uid, credentialID string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(uid + "\n" + credentialID))
}

// readPlace reads what placeOf spelled. Nothing is the place before the first use.
func readPlace(text string) (uid, credentialID string, ok bool) {
	if text == "" {
		return "", "", true
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > adminapi.MaxContinue {
		return "", "", false
	}
	uid, credentialID, ok = strings.Cut(string(raw), "\n")
	return uid, credentialID, ok && !strings.ContainsFunc(uid+credentialID, func(r rune) bool { return r <= ' ' || r > '~' })
}
