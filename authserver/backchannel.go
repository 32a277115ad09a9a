// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"time"
)

// logoutLease is how long one replica alone may take to tell a client: longer than one waits for its turn and its answer.
const logoutLease = 2 * time.Minute

// logoutPauses are how long it takes until a client is told again that could not be told.
var logoutPauses = [...]time.Duration{15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour}

// MaxLogoutAttempts is how often it is tried to tell a client: within four and a half hours.
const MaxLogoutAttempts = len(logoutPauses) + 1

// LogoutOutcome is how an attempt to tell a client ended.
type LogoutOutcome string

// The outcomes.
const (
	LogoutDelivered LogoutOutcome = "delivered"
	LogoutFailed    LogoutOutcome = "failed" // and is tried again
	LogoutGivenUp   LogoutOutcome = "given_up"
)

// LogoutOutcomes returns all outcomes.
func LogoutOutcomes() []LogoutOutcome {
	return []LogoutOutcome{LogoutDelivered, LogoutFailed, LogoutGivenUp}
}

// BackChannelLogout is a client that is to be told that a session has ended (OpenID Connect Back-Channel Logout 1.0 §2.3).
type BackChannelLogout struct {
	// Client is who is to be told; nil: it is not known any more.
	Client *Client
	// ClientUID is the UID of the client, known or not.
	ClientUID string
	// Unserved says that there is nobody to tell: the client is not known, is not served or has no address for logouts.
	Unserved bool
	// Subject is whose session it was, as the client knows them.
	Subject string
	// SessionID is what the client calls the session (sid), as its ID tokens did.
	SessionID string
	// LeasedUntil is how long nobody else tells the client.
	LeasedUntil time.Time

	due DueLogout
}

// endOf is the session of whose end the client is told that is given the scopes in it; nil: it is told of none.
func (c *Client) endOf(s Session, scopes []string) *Session {
	if c.OpenID.BackChannelLogoutURI == "" || !c.speaksOpenID(scopes) {
		return nil
	}
	return &s
}

// LogoutsDue says that this server has ended a session: there may be clients to tell. Others end sessions, too.
func (s *Server) LogoutsDue() <-chan struct{} { return s.logoutsDue }

// sessionsEnded wakes whoever tells clients.
func (s *Server) sessionsEnded() {
	select {
	case s.logoutsDue <- struct{}{}:
	default:
	}
}

// ClaimLogouts returns clients that are to be told now, at most limit and none of those whose UIDs are in busy. Fewer than limit: no more
// are due. For a while nobody else gets them. Each must be given to LogoutTold, LogoutFailed or ReturnLogout, those that are Unserved to
// LogoutFailed.
func (s *Server) ClaimLogouts(ctx context.Context, busy []string, limit int) ([]BackChannelLogout, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	now := s.now()
	claimed, err := s.store.ClaimLogouts(ctx, now, now.Add(logoutLease), busy, limit)
	if err != nil {
		return nil, fmt.Errorf("claim logouts: %w", err)
	}
	due := make([]BackChannelLogout, len(claimed))
	for n, d := range claimed {
		l := BackChannelLogout{ClientUID: d.ClientUID, SessionID: sessionID(d.ID), LeasedUntil: d.LeasedUntil, Unserved: true, due: d}
		if client, known := s.clients.ByUID(d.ClientUID); known {
			l.Client, l.Subject = client, keys.subjectFor(client, d.Owner)
			l.Unserved = !client.served() || client.OpenID.BackChannelLogoutURI == ""
		}
		due[n] = l
	}
	return due, nil
}

// LogoutTold says that the client was told.
func (s *Server) LogoutTold(ctx context.Context, l BackChannelLogout) error {
	if err := s.store.FinishLogout(ctx, l.due.ID); err != nil {
		return fmt.Errorf("finish a logout: %w", err)
	}
	s.auditLogout(ctx, EventLogoutSent, l, "")
	return nil
}

// LogoutFailed says that the client could not be told, and returns when it is tried again; the zero time: it was given up.
func (s *Server) LogoutFailed(ctx context.Context, l BackChannelLogout, why error) (again time.Time, err error) {
	failed := l.due
	failed.Attempts++
	if failed.Attempts < MaxLogoutAttempts {
		again = s.now().Add(logoutPauses[failed.Attempts-1])
		return again, wrap("postpone a logout", s.store.PostponeLogout(ctx, failed, again))
	}
	if err := s.store.FinishLogout(ctx, l.due.ID); err != nil {
		return time.Time{}, fmt.Errorf("give a logout up: %w", err)
	}
	s.auditLogout(ctx, EventLogoutGivenUp, l, why.Error())
	return time.Time{}, nil
}

// ReturnLogout says that nothing was tried, and when somebody may: it does not count as an attempt.
func (s *Server) ReturnLogout(ctx context.Context, l BackChannelLogout, at time.Time) error {
	return wrap("return a logout", s.store.PostponeLogout(ctx, l.due, at))
}

// auditLogout names the owner as the other events do. Where the row of the person cannot be read the line has no owner.
func (s *Server) auditLogout(ctx context.Context, name EventName, l BackChannelLogout, reason string) {
	e := Event{Name: name, Reason: reason}
	if l.Client != nil {
		e.ClientID = l.Client.ID
	}
	if p, err := s.store.Person(ctx, l.due.Owner); err == nil {
		e.Owner = p.Name
	}
	s.audit(ctx, e)
}
