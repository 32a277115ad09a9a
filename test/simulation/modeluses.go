// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// NoteUses is of authserver.Store.
func (m *model) NoteUses(ctx context.Context, uses []authserver.Use) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, u := range uses {
		u.Since, u.UsedAt = kept(u.Since), kept(u.UsedAt)
		key := [2]string{u.UID, u.CredentialID}
		if before, noted := m.uses[key]; noted {
			m.uses[key] = before.With(u)
		} else {
			m.uses[key] = u
		}
		for other, old := range m.uses {
			if other[0] == u.UID && other[1] != "" && other != key && !old.UsedAt.After(u.UsedAt.Add(-authserver.UseMemory)) {
				delete(m.uses, other)
			}
		}
	}
	return nil
}

// Uses is of authserver.Store.
func (m *model) Uses(ctx context.Context, uid, afterUID, afterCredentialID string, limit int) ([]authserver.Use, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var found []authserver.Use
	for _, u := range m.uses {
		if uid != "" && u.UID != uid {
			continue
		}
		if cmp.Or(cmp.Compare(u.UID, afterUID), cmp.Compare(u.CredentialID, afterCredentialID)) > 0 {
			found = append(found, u)
		}
	}
	slices.SortFunc(found, func(a, b authserver.Use) int {
		return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.CredentialID, b.CredentialID))
	})
	return found[:min(len(found), max(limit, 0))], nil
}

// GrantsPage is of authserver.Store.
func (m *model) GrantsPage(ctx context.Context, f authserver.GrantFilter, now time.Time, after authserver.GrantID, limit int) ([]authserver.Grant, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var found []authserver.Grant
	for _, g := range m.inOrder {
		chosen := (f.ClientUID == "" || g.ClientUID == f.ClientUID) && (f.Owner == "" || g.Owner == f.Owner)
		if chosen && isListed(g, kept(now)) && bytes.Compare(g.ID[:], after[:]) > 0 {
			found = append(found, g.Grant)
		}
	}
	slices.SortFunc(found, func(a, b authserver.Grant) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found[:min(len(found), max(limit, 0))], nil
}
