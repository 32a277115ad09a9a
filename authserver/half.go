// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// HalfLoginLifetime is how long somebody whose password was right has for the factor.
const HalfLoginLifetime = 5 * time.Minute

// halfLogin is what the browser keeps between the password and the factor, sealed. It opens nothing by itself.
type halfLogin struct {
	Owner   string    `json:"o"` // the subject
	Version string    `json:"v"` // of the password that was right
	Typed   string    `json:"t"` // as the name
	For     string    `json:"f"` // the interaction; empty: the account
	Ends    time.Time `json:"e"`
}

// afterPassword opens a session for the owner whose password was right, or asks for a factor first.
func (s *Server) afterPassword(ctx context.Context, owner Owner, c Credentials) (Login, error) {
	if err := owner.check(); err != nil {
		return Login{}, err
	}
	factors, err := s.factorsOf(ctx, owner.Subject)
	if err != nil {
		return Login{}, err
	}
	now := s.now()
	confirmation := s.confirmation(owner, nil, now)
	if !demandFactor(factors) {
		return s.openWithPassword(ctx, opening{confirmation: confirmation, typedName: c.Username, methods: []string{methodPassword}, authenticatedAt: now}, now)
	}
	// What the directory said counts from now on, not from when the factor is proven.
	if err := s.store.ConfirmPeople(ctx, []Confirmation{confirmation}); err != nil {
		return Login{}, fmt.Errorf("keep people: %w", err)
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Login{}, err
	}
	plain, err := json.Marshal(halfLogin{
		Owner: owner.Subject, Version: owner.CredentialVersion, Typed: c.Username, For: c.For, Ends: now.Add(HalfLoginLifetime),
	})
	if err != nil {
		return Login{}, fmt.Errorf("marshal half a login: %w", err)
	}
	s.audit(ctx, Event{Name: EventFactorAsked, Owner: owner.Name})
	return Login{Owner: owner, Half: base64.RawURLEncoding.EncodeToString(keys.seal(forHalfLogin, now, plain))}, nil
}

// openWithPassword opens a session of somebody without a factor. One that is added in the same moment ends all sessions that it sees,
// so whoever opens one later looks again.
func (s *Server) openWithPassword(ctx context.Context, o opening, now time.Time) (Login, error) {
	login, err := s.openSession(ctx, o, now)
	if err != nil {
		return Login{}, err
	}
	factors, err := s.factorsOf(ctx, login.Owner.Subject)
	if err == nil && !demandFactor(factors) {
		return login, nil
	}
	if err == nil {
		err = Refuse(TemporarilyUnavailable, "a second factor was added at the same moment")
	}
	return Login{}, errors.Join(err, wrap("end the session", s.store.DeleteSession(ctx, login.Owner.Subject, sha256.Sum256([]byte(login.Session)))))
}

// HalfLogin returns who has to prove a factor, by what Login gave for the interaction with this ID. Nil without an error:
// nobody, so the login begins anew. It is too old or for something else, or the person is gone, has another password or no factor.
func (s *Server) HalfLogin(ctx context.Context, half, interaction string) (*Owner, error) {
	h, err := s.openHalf(ctx, half, interaction)
	if err != nil || h == nil {
		return nil, err
	}
	return &h.person.Owner, nil
}

// openedHalf is half a login and what is known of the person now.
type openedHalf struct {
	halfLogin
	person  Person
	factors []Factor
}

func (s *Server) openHalf(ctx context.Context, sealed, interaction string) (*openedHalf, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return nil, err
	}
	raw, ok := decode(sealed)
	if !ok || sealed == "" || len(sealed) > MaxSealedInteraction {
		return nil, nil
	}
	var h openedHalf
	plain, err := keys.open(forHalfLogin, raw)
	if err != nil || json.Unmarshal(plain, &h.halfLogin) != nil || h.For != interaction || !s.now().Before(h.Ends) {
		return nil, nil //nolint:nilerr // it is worth nothing, whatever is wrong with it
	}
	h.person, err = s.store.Person(ctx, h.Owner)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the person who logs in: %w", err)
	}
	if h.person.absence(s.now()) != "" || h.person.CredentialVersion != h.Version {
		return nil, nil
	}
	if h.factors, err = s.factorsOf(ctx, h.Owner); err != nil {
		return nil, err
	}
	if !demandFactor(h.factors) {
		return nil, nil
	}
	return &h, nil
}
