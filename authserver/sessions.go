// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"encoding/hex"
	"fmt"
)

// OpenSession is a login of an owner that lasts, as the account page shows it.
type OpenSession struct {
	Session
	// ID names the session on the page. It opens nothing.
	ID string
	// Current is set for the session of the browser that asks.
	Current bool
}

// Sessions returns the owner's sessions that last, newest first.
func (s *Server) Sessions(ctx context.Context, v *Visitor) ([]OpenSession, error) {
	sessions, err := s.store.SessionsOf(ctx, v.Owner.Subject, s.now())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	open := make([]OpenSession, len(sessions))
	for n, session := range sessions {
		open[n] = OpenSession{Session: session, ID: hex.EncodeToString(session.Hash[:]), Current: session.Hash == v.Session.Hash}
	}
	return open, nil
}

// EndSession ends one of the owner's sessions. It is no error if there is none with the ID, and
// nothing happens to somebody else's.
func (s *Server) EndSession(ctx context.Context, v *Visitor, id string) error {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != len(Hash{}) {
		return nil //nolint:nilerr // no session has such an ID
	}
	if err := s.store.DeleteSession(ctx, v.Owner.Subject, Hash(raw)); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	s.sessionsEnded()
	s.audit(ctx, Event{Name: EventSignedOut, Owner: v.Owner.Name, Reason: "ended by the owner on the account page"})
	return nil
}

// EndOtherSessions ends all of the owner's sessions but the one that the browser is in.
func (s *Server) EndOtherSessions(ctx context.Context, v *Visitor) error {
	return s.endSessions(ctx, v, v.Session.Hash, "the owner ended all other sessions")
}

// EndAllSessions ends all of the owner's sessions.
func (s *Server) EndAllSessions(ctx context.Context, v *Visitor) error {
	return s.endSessions(ctx, v, Hash{}, "the owner ended all sessions")
}

func (s *Server) endSessions(ctx context.Context, v *Visitor, but Hash, reason string) error {
	if err := s.store.DeleteSessions(ctx, v.Owner.Subject, but); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	s.sessionsEnded()
	s.audit(ctx, Event{Name: EventSignedOut, Owner: v.Owner.Name, Reason: reason})
	return nil
}
