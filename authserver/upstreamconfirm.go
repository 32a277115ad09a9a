// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// refreshTurn is how long one replica alone asks about a person: many servers take a refresh token once, and end what it is for
// when it comes twice.
const refreshTurn = 2 * time.Minute

// upstreamAsks is how many people other servers are asked about at a time.
const upstreamAsks = 8

// ConfirmUpstreamPeople asks other servers about the people who log in there, as ConfirmPeople asks the directory. It is to be called
// by the clock, apart from that: a server that is slow keeps nobody else waiting.
func (s *Server) ConfirmUpstreamPeople(ctx context.Context) error {
	if s.upstreams == nil {
		return nil
	}
	return s.eachPage(ctx, func(page []Person) error {
		asking, ctx := errgroup.WithContext(ctx)
		asking.SetLimit(upstreamAsks)
		for _, p := range page {
			if p.askedUpstream() {
				asking.Go(func() error { return s.confirmUpstream(ctx, p) })
			}
		}
		return asking.Wait()
	})
}

// askedUpstream reports whether another server is asked about the person, with their refresh token.
func (p Person) askedUpstream() bool { return len(p.SealedRefreshToken) > 0 }

// confirmUpstream asks about one person, and keeps the answer at once: the token of before may be worth nothing any more.
func (s *Server) confirmUpstream(ctx context.Context, p Person) error {
	c, err := s.confirm(ctx, p)
	if err != nil || !differs(p, c.Person) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if current, err := s.isCurrent(ctx, p); err != nil || !current { // they logged in meanwhile, or another replica asked
		return err
	}
	if err := s.keepPeople(ctx, []Confirmation{c}, eventsOf(p, c)); err != nil {
		return err
	}
	return s.endIfRenameTaken(ctx, p, c.Person)
}

// confirmedFor is how long it holds what the source says of a person now.
func (s *Server) confirmedFor(p Person) time.Duration {
	if p.askedUpstream() {
		return UpstreamRefreshedFor
	}
	return s.directory.ConfirmedFor(p.Source)
}

// ask asks the source of a person, with a refresh token where there is one. The sealed token is what to keep.
func (s *Server) ask(ctx context.Context, p Person) (owner Owner, sealed []byte, err error) {
	if s.upstreams == nil || len(p.SealedRefreshToken) == 0 {
		owner, err = s.directory.Confirm(ctx, p)
		return owner, nil, err
	}
	token, err := s.openUpstreamToken(p.SealedRefreshToken)
	if err != nil {
		return Owner{}, nil, err
	}
	// A server that stops waits for the answer, which may hold the next token.
	login, err := s.upstreams.Refresh(context.WithoutCancel(ctx), p, token, func() error { return s.takeTurn(ctx, p) })
	if err != nil && login.RefreshToken == "" {
		return Owner{}, nil, err
	}
	if err != nil { // the token that was sent may be worth nothing any more
		sealed, failed := s.sealUpstreamToken(login.RefreshToken, nil)
		return Owner{}, sealed, errors.Join(err, failed)
	}
	if login.RefreshToken == "" { // it stays good (RFC 6749 §6)
		login.RefreshToken = token
	}
	var before []byte
	if login.RefreshToken == token {
		before = p.SealedRefreshToken
	}
	sealed, err = s.sealUpstreamToken(login.RefreshToken, before)
	return login.Owner, sealed, err
}

// takeTurn is ErrExists where another replica asks about the person, or has asked since they were read: then the token is an old one.
func (s *Server) takeTurn(ctx context.Context, p Person) error {
	turn := sha256.Sum256(framed("upstream refresh token", p.Subject, string(p.SealedRefreshToken)))
	if err := s.store.Spend(ctx, turn, s.now(), s.now().Add(refreshTurn)); err != nil {
		return wrap("take the turn to ask", err)
	}
	current, err := s.isCurrent(ctx, p)
	if err == nil && !current {
		err = ErrExists
	}
	return err
}

// isCurrent reports whether the store still has of a person what was read of them. People are read by the page, and to ask
// about a page can take minutes.
func (s *Server) isCurrent(ctx context.Context, p Person) (bool, error) {
	now, err := s.store.Person(ctx, p.Subject)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && !differs(p, now) && p.ConfirmedAt.Equal(now.ConfirmedAt), wrap("read a person again", err)
}

// sealUpstreamToken returns what is kept of a refresh token. What was kept before stays while its key is in use.
func (s *Server) sealUpstreamToken(token string, before []byte) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	active := keys.activeID(s.now())
	if bytes.HasPrefix(before, active[:]) {
		return before, nil
	}
	return keys.sealWith(active, forUpstreamToken, []byte(token))
}

// openUpstreamToken returns ErrCannotAsk for a token whose key is gone.
func (s *Server) openUpstreamToken(sealed []byte) (string, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return "", err
	}
	token, err := keys.open(forUpstreamToken, sealed)
	if err != nil {
		return "", fmt.Errorf("open a refresh token: %w: %w", ErrCannotAsk, err)
	}
	return string(token), nil
}

// nameTaken reports whether somebody else has the name: of another source, or of the same where nothing says that names are
// unique there at a time (OpenID Connect Core §5.7). RoleBindings are by name and would not tell
// the two apart. Where nobody logs in on another server, the directory itself knows that.
func (s *Server) nameTaken(ctx context.Context, o Owner) (bool, error) {
	if s.upstreams == nil {
		return false, nil
	}
	people, err := s.store.PeopleNamed(ctx, o.Name)
	if err != nil {
		return false, fmt.Errorf("read who has a name: %w", err)
	}
	for _, p := range people {
		same := p.Subject == o.Subject || p.Source == o.Source && s.directory.ConfirmedFor(o.Source) != MaxConfirmationAge
		if !same && (p.Source != o.Source || p.absence(s.now()) == "") {
			return true, nil
		}
	}
	return false, nil
}

// checkNewName refuses a login with a name that somebody of another source has.
func (s *Server) checkNewName(ctx context.Context, o Owner) error {
	taken, err := s.nameTaken(ctx, o)
	if err == nil && taken {
		err = NewUpstreamError(UpstreamNameTaken, errors.New("somebody else has the name; rename one of the two, or let the source put a prefix before its names")).Of(o.Name)
	}
	return err
}

// confirmName makes nobody of a person who comes back, or has a new name, if somebody of another source has that name.
func (s *Server) confirmName(ctx context.Context, before Person, o Owner) error {
	if before.EndedAt.IsZero() && before.Name == o.Name {
		return nil
	}
	taken, err := s.nameTaken(ctx, o)
	if err == nil && taken {
		err = fmt.Errorf("the name is known to another source: %w", ErrNotFound)
	}
	return err
}

// endIfRenameTaken makes nobody of a person who has had a new name for a moment, if somebody of another source got it in the same
// moment: each of the two is there now, so at least one of them sees the other. What comes later is refused for them.
func (s *Server) endIfRenameTaken(ctx context.Context, before, now Person) error {
	if !now.EndedAt.IsZero() || before.EndedAt.IsZero() && before.Name == now.Name {
		return nil
	}
	taken, err := s.nameTaken(ctx, now.Owner)
	if err != nil || !taken {
		return err
	}
	ended := Confirmation{Person: now}
	ended.EndedAt, ended.SealedRefreshToken = s.now(), nil
	return s.keepPeople(ctx, []Confirmation{ended}, eventsOf(now, ended))
}

// endIfNameTaken ends a session that was opened at the same moment as one of somebody of another source with the
// same name: each of the two is there now, so at least one of them sees the other.
func (s *Server) endIfNameTaken(ctx context.Context, o Owner, session Hash) error {
	err := s.checkNewName(ctx, o)
	if err == nil {
		return nil
	}
	return errors.Join(err, wrap("end the session", s.store.DeleteSession(ctx, o.Subject, session)))
}
