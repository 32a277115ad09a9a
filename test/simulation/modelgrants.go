// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Approve is of authserver.Store.
func (m *model) Approve(ctx context.Context, g authserver.Grant, c *authserver.Consent) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if m.grants[g.ID] != nil || m.proofs[g.Proof.Hash] != nil {
		return authserver.ErrExists
	}
	m.approve(g)
	if c != nil {
		m.consent(*c, g.Scopes)
	}
	return nil
}

// ApproveUnder is of authserver.Store.
func (m *model) ApproveUnder(ctx context.Context, g authserver.Grant, read authserver.Consent) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	kept, ok := m.consents[[2]string{read.Owner, read.ClientUID}]
	switch {
	case m.grants[g.ID] != nil || m.proofs[g.Proof.Hash] != nil:
		return authserver.ErrExists
	case !ok || !slices.Equal(kept.Scopes, read.Scopes) || !kept.GivenAt.Equal(read.GivenAt):
		return authserver.ErrStale
	}
	m.approve(g)
	return nil
}

// approve keeps a grant.
func (m *model) approve(g authserver.Grant) {
	m.insert(g)
	if g.RevokedAt.IsZero() {
		m.revokeSurplus(g)
		m.tellOfEnd(g)
	}
}

// consent keeps a consent: for the decided scopes alone, if the older one is not that which it was joined with.
func (m *model) consent(c authserver.Consent, decided []string) {
	delete(m.absent, c.ClientUID)
	key := [2]string{c.Owner, c.ClientUID}
	scopes := c.Scopes
	if len(c.Before) > 0 && !slices.Equal(c.Before, m.consents[key].Scopes) {
		scopes = decided
	}
	m.consents[key] = authserver.Consent{Owner: c.Owner, ClientUID: c.ClientUID, Scopes: list(scopes), GivenAt: kept(c.GivenAt)}
}

// list is a list as the store keeps it: its own, and never nil.
func list(scopes []string) []string { return append(make([]string, 0, len(scopes)), scopes...) }

func (m *model) insert(g authserver.Grant) {
	g.Scopes, g.EndOf = list(g.Scopes), nil
	g.ApprovedAt, g.EndsAt, g.RotatedAt = kept(g.ApprovedAt), kept(g.EndsAt), kept(g.RotatedAt)
	g.Authentication.At = kept(g.Authentication.At)
	g.PreviousRotatedAt, g.RevokedAt, g.Proof.ExpiresAt = kept(g.PreviousRotatedAt), kept(g.RevokedAt), kept(g.Proof.ExpiresAt)
	row := &grantRow{g, g.Proof.ExpiresAt.Add(authserver.ProofMemory)}
	if g.Generation > 0 && g.EndsAt.After(row.keptUntil) {
		row.keptUntil = g.EndsAt
	}
	m.grants[g.ID], m.proofs[g.Proof.Hash] = row, row
	m.inOrder = append(m.inOrder, row)
}

// revokeSurplus revokes, as of the approval of g, the oldest live grants beside it.
func (m *model) revokeSurplus(g authserver.Grant) {
	at := kept(g.ApprovedAt)
	var redeemed, waiting []*grantRow
	for _, row := range slices.Backward(m.inOrder) {
		switch {
		case row.Owner != g.Owner || row.ClientUID != g.ClientUID || !isListed(row, at):
		case row.Generation > 0:
			redeemed = append(redeemed, row)
		default:
			waiting = append(waiting, row)
		}
	}
	for _, surplus := range append(beyond(redeemed, authserver.MaxGrants-1), beyond(waiting, authserver.MaxGrants)...) {
		surplus.RevokedAt = at
	}
}

// beyond returns the rows that are more than limit, the oldest ones. Of those of one moment, newer rows come first.
func beyond(rows []*grantRow, limit int) []*grantRow {
	slices.SortStableFunc(rows, func(a, b *grantRow) int { return cmp.Or(b.ApprovedAt.Compare(a.ApprovedAt)) })
	return rows[min(len(rows), limit):]
}

// isLive reports whether the grant is neither revoked nor over.
func isLive(g *grantRow, now time.Time) bool { return g.RevokedAt.IsZero() && g.EndsAt.After(now) }

// isListed reports whether the grant is live, and was redeemed or can be.
func isListed(g *grantRow, now time.Time) bool {
	return isLive(g, now) && (g.Generation > 0 || g.Proof.ExpiresAt.After(now))
}

func (m *model) revokeAll(at time.Time, ends func(*grantRow) bool) {
	for _, g := range m.inOrder {
		if g.RevokedAt.IsZero() && ends(g) {
			g.RevokedAt = at
		}
	}
}

// GrantByProof is of authserver.Store.
func (m *model) GrantByProof(ctx context.Context, proof authserver.Hash) (authserver.Grant, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Grant{}, err
	}
	defer end()
	return found(m.proofs[proof])
}

func found(g *grantRow) (authserver.Grant, error) {
	if g == nil {
		return authserver.Grant{}, authserver.ErrNotFound
	}
	return g.Grant, nil
}

// Redeem is of authserver.Store.
func (m *model) Redeem(ctx context.Context, proof authserver.Hash, now time.Time) (authserver.Grant, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Grant{}, err
	}
	defer end()
	g := m.proofs[proof]
	if now = kept(now); g == nil || g.Generation != 0 || !isListed(g, now) {
		return authserver.Grant{}, authserver.ErrNotFound
	}
	g.Generation, g.RotatedAt = 1, now
	if g.EndsAt.After(g.keptUntil) {
		g.keptUntil = g.EndsAt
	}
	return g.Grant, nil
}

// Grant is of authserver.Store.
func (m *model) Grant(ctx context.Context, id authserver.GrantID) (authserver.Grant, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Grant{}, err
	}
	defer end()
	return found(m.grants[id])
}

// OwnedGrant is of authserver.Store.
func (m *model) OwnedGrant(ctx context.Context, id authserver.GrantID) (authserver.Grant, authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	defer end()
	g, err := found(m.grants[id])
	if err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	g, p := m.owned(g)
	return g, p, nil
}

// owned returns what the use of a token asks for of the grant and of its owner.
func (m *model) owned(g authserver.Grant) (authserver.Grant, authserver.Person) {
	g.Profile, g.PreviousRotatedAt, g.Proof = "", time.Time{}, authserver.Proof{}
	p, known := m.people[g.Owner]
	if !known {
		return g, authserver.Person{}
	}
	return g, authserver.Person{
		Owner:          authserver.Owner{Subject: p.Subject, Name: p.Name, Groups: p.Groups},
		ConfirmedUntil: p.ConfirmedUntil, EndedAt: p.EndedAt,
	}
}

// Rotate is of authserver.Store.
func (m *model) Rotate(ctx context.Context, r authserver.Rotation, now time.Time) (authserver.Grant, authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Grant{}, authserver.Person{}, err
	}
	defer end()
	g := m.grants[r.GrantID]
	if now = kept(now); g == nil || g.Generation != r.Generation || r.Generation == 0 ||
		g.ClientUID != r.ClientUID || g.Profile != r.Profile || !isLive(g, now) {
		return authserver.Grant{}, authserver.Person{}, authserver.ErrStale
	}
	g.Generation, g.RotatedAt, g.PreviousRotatedAt = g.Generation+1, now, g.RotatedAt
	moved, owner := m.owned(g.Grant)
	return moved, owner, nil
}

// Revoke is of authserver.Store.
func (m *model) Revoke(ctx context.Context, id authserver.GrantID, now time.Time) (bool, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	g := m.grants[id]
	if g == nil || !g.RevokedAt.IsZero() {
		return false, nil
	}
	g.RevokedAt = kept(now)
	return true, nil
}

// GrantsOf is of authserver.Store.
func (m *model) GrantsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Grant, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	var live []authserver.Grant
	for _, g := range m.inOrder {
		if g.Owner == owner && isListed(g, kept(now)) {
			live = append(live, g.Grant)
		}
	}
	slices.SortStableFunc(live, func(a, b authserver.Grant) int { return a.ApprovedAt.Compare(b.ApprovedAt) })
	return live, nil
}

// Spend is of authserver.Store.
func (m *model) Spend(ctx context.Context, key authserver.Hash, now, until time.Time) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if blocked, marked := m.spent[key]; marked && blocked.After(kept(now)) {
		return authserver.ErrExists
	}
	m.spent[key] = kept(until)
	return nil
}

// Spent is of authserver.Store.
func (m *model) Spent(ctx context.Context, key authserver.Hash, now time.Time) (bool, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return false, err
	}
	defer end()
	return m.spent[key].After(kept(now)), nil
}
