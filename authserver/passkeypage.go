// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// passkeyPage is what a page that asks for a passkey is for, sealed into its form. Nothing is kept before a good answer comes. The short
// names are for the sealed form.
type passkeyPage struct {
	ID      string    `json:"i"` // random, and the challenge
	Owner   string    `json:"o"` // the subject of who is asked; empty: whoever answers
	For     string    `json:"f"` // the interaction; empty: the account
	Browser string    `json:"b"` // the hash of what ties the page to the browser, in base64
	Ends    time.Time `json:"e"`
}

func (p passkeyPage) challenge() []byte { return []byte(p.ID) }

func tied(browser string) string {
	sum := sha256.Sum256(framed("passkey page", browser))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// BeginPasskeyLogin returns what a login page needs that takes a passkey instead of a password. What ties it to the browser is a
// value that the browser keeps in a cookie, and that nobody else knows. Zero: the server takes no passkeys.
func (s *Server) BeginPasskeyLogin(browser, interaction string) (PasskeyPage, error) {
	if s.passkeys == nil || browser == "" {
		return PasskeyPage{}, nil
	}
	return s.askPasskey(passkeyPage{For: interaction, Browser: tied(browser)}, nil)
}

// askPasskey seals a page that asks for one of the passkeys or, with none, for any.
func (s *Server) askPasskey(page passkeyPage, data []string) (PasskeyPage, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return PasskeyPage{}, err
	}
	now := s.now()
	page.ID, page.Ends = s.newID(), now.Add(PasskeyLifetime)
	plain, err := json.Marshal(page)
	if err != nil {
		return PasskeyPage{}, fmt.Errorf("marshal a page that asks for a passkey: %w", err)
	}
	options, err := s.passkeys.RequestOptions(page.challenge(), data)
	if err != nil {
		return PasskeyPage{}, fmt.Errorf("ask for a passkey: %w", err)
	}
	return PasskeyPage{Options: options, Ticket: base64.RawURLEncoding.EncodeToString(keys.seal(forPasskey, now, plain))}, nil
}

// openPasskeyPage returns the page that an answer is to, if it is one for the owner in this browser.
func (s *Server) openPasskeyPage(a PasskeyAnswer, owner string) (passkeyPage, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return passkeyPage{}, err
	}
	late := Refuse(PasskeyTooLate, "the page is too old, or was shown in another browser or for something else")
	raw, ok := decode(a.Ticket)
	if !ok || s.passkeys == nil || a.Browser == "" || len(a.Ticket) > MaxSealedInteraction {
		return passkeyPage{}, late
	}
	var page passkeyPage
	plain, err := keys.open(forPasskey, raw)
	if err != nil || json.Unmarshal(plain, &page) != nil || page.Owner != owner || page.For != a.For || page.Browser != tied(a.Browser) || !s.now().Before(page.Ends) {
		return passkeyPage{}, late
	}
	return page, nil
}

// SecondSteps are what somebody can show beside their password, and beside recovery codes.
type SecondSteps struct {
	App     bool
	Passkey PasskeyPage
}

// StepsOfHalf returns the second steps of who has to prove one by what Login gave for the interaction.
func (s *Server) StepsOfHalf(ctx context.Context, half, interaction string) (SecondSteps, error) {
	h, err := s.openHalf(ctx, half, interaction)
	if err != nil || h == nil {
		return SecondSteps{}, err
	}
	return s.secondSteps(h.factors, passkeyPage{Owner: h.Owner, For: interaction, Browser: tied(half)})
}

// StepsOf returns the second steps of a visitor who has to prove one for the interaction.
func (s *Server) StepsOf(ctx context.Context, v *Visitor, interaction string) (SecondSteps, error) {
	factors, err := s.Factors(ctx, v)
	if err != nil {
		return SecondSteps{}, err
	}
	return s.secondSteps(factors, passkeyPage{Owner: v.Owner.Subject, For: interaction, Browser: tied(v.tie())})
}

// tie is what ties a page to the browser that the visitor is in.
func (v *Visitor) tie() string { return string(v.Session.Hash[:]) }

func (s *Server) secondSteps(factors []Factor, page passkeyPage) (SecondSteps, error) {
	var steps SecondSteps
	var data []string
	for _, f := range factors {
		switch f.Kind {
		case FactorTOTP:
			steps.App = true
		case FactorPasskey:
			data = append(data, f.Data)
		case FactorRecovery:
		}
	}
	if s.passkeys == nil || len(data) == 0 {
		return steps, nil
	}
	var err error
	steps.Passkey, err = s.askPasskey(page, data)
	return steps, err
}

// BeginPasskey returns what a page needs that adds a passkey.
func (s *Server) BeginPasskey(ctx context.Context, v *Visitor) (PasskeyPage, error) {
	factors, err := s.changeableFactors(ctx, v)
	if err != nil {
		return PasskeyPage{}, err
	}
	if s.passkeys == nil {
		return PasskeyPage{}, Refuse(FactorRefused, errNoPasskeys.Error())
	}
	if len(passkeysOf(factors)) >= MaxPasskeys {
		return PasskeyPage{}, Refuse(FactorRefused, "there are too many passkeys")
	}
	name := s.newID()
	ticket, err := s.sealEnrolment(v, FactorPasskey, name)
	if err != nil {
		return PasskeyPage{}, err
	}
	creation, err := s.creation(v, name, factors)
	if err != nil {
		return PasskeyPage{}, err
	}
	options, err := s.passkeys.CreationOptions(creation)
	return PasskeyPage{Options: options, Ticket: ticket}, wrap("begin to add a passkey", err)
}

func passkeysOf(factors []Factor) (data []string) {
	for _, f := range factors {
		if f.Kind == FactorPasskey {
			data = append(data, f.Data)
		}
	}
	return data
}

func (s *Server) creation(v *Visitor, challenge string, factors []Factor) (PasskeyCreation, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return PasskeyCreation{}, err
	}
	display := v.Owner.DisplayName
	if display == "" {
		display = v.Owner.Name
	}
	return PasskeyCreation{
		Challenge: []byte(challenge), Handle: keys.userHandleOf(v.Owner.Subject), Name: v.Owner.Name, DisplayName: display, Existing: passkeysOf(factors),
	}, nil
}

// AddPasskey adds the passkey that an authenticator has made for a page. WrongPasskey: it is none.
func (s *Server) AddPasskey(ctx context.Context, v *Visitor, ticket, answer, name string) (Enrolled, error) {
	factors, err := s.changeableFactors(ctx, v)
	if err != nil {
		return Enrolled{}, err
	}
	page, err := s.openEnrolment(v, FactorPasskey, ticket)
	if err != nil {
		return Enrolled{}, err
	}
	if s.passkeys == nil {
		return Enrolled{}, Refuse(FactorRefused, errNoPasskeys.Error())
	}
	creation, err := s.creation(v, page.Name, factors)
	if err != nil {
		return Enrolled{}, err
	}
	made, err := s.passkeys.Created(creation, answer)
	if err != nil {
		s.audit(ctx, Event{Name: EventFactorFailed, Owner: v.Owner.Name, Reason: "a passkey was not added: " + err.Error()})
		return Enrolled{}, Refuse(WrongPasskey, "the authenticator did not make a passkey for this page")
	}
	now := s.now()
	f := Factor{
		ID: sha256.Sum256(made.CredentialID), Owner: v.Owner.Subject, Kind: FactorPasskey, Name: factorName(name),
		Data: made.Data, Counter: int64(made.Counter), CreatedAt: now,
	}
	sentBefore := slices.ContainsFunc(factors, func(other Factor) bool { return other.ID == f.ID })
	if !sentBefore && len(creation.Existing) >= MaxPasskeys {
		return Enrolled{}, Refuse(FactorRefused, "there are too many passkeys")
	}
	err = s.store.Spend(ctx, sha256.Sum256(framed("passkey", page.Name)), now, page.Ends)
	if err != nil && !errors.Is(err, ErrExists) {
		return Enrolled{}, fmt.Errorf("spend a challenge: %w", err)
	}
	if err != nil && !sentBefore {
		return Enrolled{}, Refuse(FactorRefused, "the page has added another passkey")
	}
	return s.addFactor(ctx, v, factors, f, page.Name, methodKey, methodPresence)
}
