// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// model is a store in memory that keeps the promises of authserver.Store: each call takes effect at one moment,
// between its beginning and its end.
type model struct {
	mu       sync.Mutex // for storetest alone: in a simulation one goroutine runs at a time
	sessions map[authserver.Hash]authserver.Session
	told     map[authserver.Hash]toldClient
	people   map[string]authserver.Person
	factors  map[authserver.Hash]authserver.Factor
	grants   map[authserver.GrantID]*grantRow
	proofs   map[authserver.Hash]*grantRow
	inOrder  []*grantRow // as they were approved
	consents map[[2]string]authserver.Consent
	uses     map[[2]string]authserver.Use // by UID and credential ID
	absent   map[string]time.Time
	spent    map[authserver.Hash]time.Time
}

type grantRow struct {
	authserver.Grant
	keptUntil time.Time
}

func newModel() *model {
	return &model{
		sessions: map[authserver.Hash]authserver.Session{}, told: map[authserver.Hash]toldClient{}, people: map[string]authserver.Person{},
		factors: map[authserver.Hash]authserver.Factor{},
		grants:  map[authserver.GrantID]*grantRow{}, proofs: map[authserver.Hash]*grantRow{},
		consents: map[[2]string]authserver.Consent{}, uses: map[[2]string]authserver.Use{}, absent: map[string]time.Time{}, spent: map[authserver.Hash]time.Time{},
	}
}

// begin takes the store for one call, unless the call's context has ended.
func (m *model) begin(ctx context.Context) (end func(), err error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("call the store: %w: %w", authserver.ErrUnavailable, context.Cause(ctx))
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

// kept is a time as the store keeps it.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// CreateSession is of authserver.Store.
func (m *model) CreateSession(ctx context.Context, s authserver.Session, c authserver.Confirmation) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, exists := m.sessions[s.Hash]; exists {
		return authserver.ErrExists
	}
	if c.Subject != "" {
		m.confirm(c)
	}
	s.AuthenticatedAt, s.ExpiresAt, s.Methods = kept(s.AuthenticatedAt), kept(s.ExpiresAt), slices.Clone(s.Methods)
	m.sessions[s.Hash] = s
	all := m.sessionsOf(s.Owner)
	all = slices.DeleteFunc(all, func(other authserver.Session) bool { return other.Hash == s.Hash })
	for _, surplus := range all[min(len(all), authserver.MaxSessions-1):] {
		delete(m.sessions, surplus.Hash)
	}
	m.endLogins(s.Owner)
	return nil
}

// sessionsOf returns all sessions of the owner, newest first.
func (m *model) sessionsOf(owner string) []authserver.Session {
	var found []authserver.Session
	for _, s := range m.sessions {
		if s.Owner == owner {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b authserver.Session) int {
		return cmp.Or(b.AuthenticatedAt.Compare(a.AuthenticatedAt), bytes.Compare(a.Hash[:], b.Hash[:]))
	})
	return found
}

// Session is of authserver.Store.
func (m *model) Session(ctx context.Context, h authserver.Hash) (authserver.Session, authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Session{}, authserver.Person{}, err
	}
	defer end()
	s, ok := m.sessions[h]
	if !ok {
		return authserver.Session{}, authserver.Person{}, authserver.ErrNotFound
	}
	return s, m.people[s.Owner], nil
}

// SessionsOf is of authserver.Store.
func (m *model) SessionsOf(ctx context.Context, owner string, now time.Time) ([]authserver.Session, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return slices.DeleteFunc(m.sessionsOf(owner), func(s authserver.Session) bool { return !s.ExpiresAt.After(kept(now)) }), nil
}

// DeleteSession is of authserver.Store.
func (m *model) DeleteSession(ctx context.Context, owner string, h authserver.Hash) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	if m.sessions[h].Owner == owner {
		delete(m.sessions, h)
	}
	m.endLogins(owner)
	return nil
}

// DeleteSessions is of authserver.Store.
func (m *model) DeleteSessions(ctx context.Context, owner string, but authserver.Hash) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	m.endSessions(owner, func(s authserver.Session) bool { return s.Hash != but })
	m.endLogins(owner)
	return nil
}

func (m *model) endSessions(owner string, ends func(authserver.Session) bool) {
	for h, s := range m.sessions {
		if s.Owner == owner && ends(s) {
			delete(m.sessions, h)
		}
	}
}

// ConfirmPeople is of authserver.Store.
func (m *model) ConfirmPeople(ctx context.Context, people []authserver.Confirmation) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	for _, c := range people {
		m.confirm(c)
		m.endLogins(c.Subject)
	}
	return nil
}

func (m *model) confirm(c authserver.Confirmation) {
	c.ConfirmedAt, c.ConfirmedUntil, c.EndedAt = kept(c.ConfirmedAt), kept(c.ConfirmedUntil), kept(c.EndedAt)
	before, known := m.people[c.Subject]
	switch {
	case !c.EndedAt.IsZero():
		m.endSessions(c.Subject, func(authserver.Session) bool { return true })
	case c.CredentialVersion != "":
		m.endSessions(c.Subject, func(s authserver.Session) bool { return s.CredentialVersion != c.CredentialVersion })
		if c.EndGrants && known && before.CredentialVersion != "" && before.CredentialVersion != c.CredentialVersion {
			m.revokeAll(c.ConfirmedAt, func(g *grantRow) bool { return g.Owner == c.Subject })
		}
	}
	if known && !isNews(before, c.Person) {
		return
	}
	p := c.Person
	p.Groups, p.SealedRefreshToken = slices.Clone(p.Groups), slices.Clone(p.SealedRefreshToken)
	if !p.EndedAt.IsZero() && !before.EndedAt.IsZero() {
		p.EndedAt = before.EndedAt
	}
	m.people[c.Subject] = p
}

// isNews reports whether a row is written: when something is new, or half of the time of the confirmation has passed.
func isNews(before, now authserver.Person) bool {
	half := now.ConfirmedAt.Add(now.ConfirmedUntil.Sub(now.ConfirmedAt) / 2)
	return before.Source != now.Source || before.Name != now.Name || before.DisplayName != now.DisplayName ||
		before.Email != now.Email || !slices.Equal(before.Groups, now.Groups) ||
		before.CredentialVersion != now.CredentialVersion || !bytes.Equal(before.SealedRefreshToken, now.SealedRefreshToken) || before.EndedAt.IsZero() != now.EndedAt.IsZero() ||
		before.ConfirmedUntil.IsZero() != now.ConfirmedUntil.IsZero() ||
		!now.ConfirmedUntil.IsZero() && (before.ConfirmedUntil.After(now.ConfirmedUntil) || !before.ConfirmedUntil.After(half))
}

// Person is of authserver.Store.
func (m *model) Person(ctx context.Context, subject string) (authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return authserver.Person{}, err
	}
	defer end()
	p, ok := m.people[subject]
	if !ok {
		return authserver.Person{}, authserver.ErrNotFound
	}
	return p, nil
}

// People is of authserver.Store.
func (m *model) People(ctx context.Context, after string, limit int) ([]authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return page(m.people, after, limit), nil
}

// PeopleNamed is of authserver.Store.
func (m *model) PeopleNamed(ctx context.Context, name string) ([]authserver.Person, error) {
	end, err := m.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return slices.DeleteFunc(page(m.people, "", len(m.people)), func(p authserver.Person) bool { return p.Name != name || !p.EndedAt.IsZero() }), nil
}

// page returns at most limit rows by their keys, from the one that follows after on.
func page[R any](rows map[string]R, after string, limit int) []R {
	var keys []string
	for key := range rows {
		if key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var found []R
	for _, key := range keys[:min(len(keys), max(limit, 0))] {
		found = append(found, rows[key])
	}
	return found
}

// Ping is of authserver.Store.
func (m *model) Ping(ctx context.Context) error {
	end, err := m.begin(ctx)
	if err != nil {
		return err
	}
	end()
	return nil
}
