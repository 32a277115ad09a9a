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

// Upstreams are the sources whose people log in on another server: a browser is sent there and comes back.
type Upstreams interface {
	// Begin returns the address where the browser logs in. ErrUnavailable: the source does not answer now. ErrNotFound:
	// there is no such source.
	Begin(ctx context.Context, r UpstreamRequest) (address string, err error)
	// Finish returns who came back with an answer. An UpstreamError says why nobody did; ErrUnavailable: the source
	// does not answer now.
	Finish(ctx context.Context, a UpstreamAnswer) (UpstreamLogin, error)
	// Refresh asks about a person with a refresh token of their last login or confirmation. ErrTokenRefused: the source does
	// not take it any more. ErrNotFound: whom it is of is not taken any more. ErrUnavailable: it cannot tell now. A RefreshToken
	// beside an error is the next one: the one that was sent may be worth nothing any more.
	// It calls turn right before it uses the token, and returns its error.
	Refresh(ctx context.Context, p Person, token string, turn func() error) (UpstreamLogin, error)
}

// UpstreamRequest is what a login at another server begins with.
type UpstreamRequest struct {
	Source       string // its key
	RedirectURI  string // where the browser comes back to; another one for each source
	State        string
	Nonce        string
	CodeVerifier string // RFC 7636
	LoginHint    string
	// MaxAge is how old a login there may be; nil: it does not matter.
	MaxAge *Seconds
	// SelectAccount lets the person choose, even if they are logged in there.
	SelectAccount bool
}

// UpstreamAnswer is what the browser came back with, and what it has to fit to.
type UpstreamAnswer struct {
	Source       string
	RedirectURI  string
	Code         string
	Issuer       string // RFC 9207; empty: the answer named none
	Nonce        string
	CodeVerifier string
	MaxAge       *Seconds
	BegunAt      time.Time
}

// UpstreamLogin is who logged in at another server, or was confirmed by it.
type UpstreamLogin struct {
	Owner Owner
	// RefreshToken confirms the person later; empty: there is none.
	RefreshToken string
	// AuthenticatedAt is when the person proved who they are, as far as the source says so; else zero.
	AuthenticatedAt time.Time
}

// UpstreamRefreshedFor is how long it holds what a source said of a person that is asked with a refresh token.
const UpstreamRefreshedFor = time.Hour

// upstreamState is a login that is under way, sealed in the browser. The short names are for the sealed form.
type upstreamState struct {
	ID          string    `json:"i"`
	Source      string    `json:"s"`
	Interaction string    `json:"n,omitempty"`
	MaxAge      *Seconds  `json:"m,omitempty"`
	BegunAt     time.Time `json:"t"`
}

// UpstreamStart is a login at another server that has begun.
type UpstreamStart struct {
	Address string // where the browser goes
	State   string // names the login
	Sealed  string // what the browser keeps
}

// UpstreamChoice is a person's choice of a source.
type UpstreamChoice struct {
	Source, RedirectURI string
	// Interaction is what the login is for; zero: the account page.
	Interaction   Interaction
	SelectAccount bool
	// Again asks for a new login.
	Again bool
}

// BeginUpstream begins a login at another server. Nothing is stored: the browser keeps what the answer must fit to.
func (s *Server) BeginUpstream(ctx context.Context, c UpstreamChoice) (UpstreamStart, error) {
	if s.upstreams == nil {
		return UpstreamStart{}, fmt.Errorf("begin a login: %w", ErrNotFound)
	}
	keys, err := s.currentKeys()
	if err != nil {
		return UpstreamStart{}, err
	}
	now := s.now()
	state := upstreamState{ID: s.newInteractionID(), Source: c.Source, Interaction: c.Interaction.ID, BegunAt: now, MaxAge: c.Interaction.loginAge()}
	if c.Again {
		state.MaxAge = new(Seconds)
	}
	sealed, nonce, verifier, err := keys.beginUpstream(state, now)
	if err != nil {
		return UpstreamStart{}, err
	}
	address, err := s.upstreams.Begin(ctx, UpstreamRequest{
		Source: c.Source, RedirectURI: c.RedirectURI, State: state.ID, Nonce: nonce, CodeVerifier: verifier,
		LoginHint: c.Interaction.OpenID.LoginHint, MaxAge: state.MaxAge, SelectAccount: c.SelectAccount,
	})
	if err != nil {
		return UpstreamStart{}, fmt.Errorf("begin a login at %s: %w", c.Source, away(err))
	}
	return UpstreamStart{Address: address, State: state.ID, Sealed: sealed}, nil
}

// loginAge is how old a login may be that the interaction takes; nil: it does not matter.
func (i Interaction) loginAge() *Seconds {
	if i.Prompt.Login {
		return new(Seconds)
	}
	return i.OpenID.MaxAge
}

// beginUpstream seals a state, and derives from it what nobody else can know.
func (k *Keys) beginUpstream(state upstreamState, now time.Time) (sealed, nonce, verifier string, err error) {
	plain, err := json.Marshal(state)
	if err != nil {
		return "", "", "", fmt.Errorf("marshal the state: %w", err)
	}
	raw := k.seal(forUpstream, now, plain)
	nonce, verifier, err = k.upstreamSecrets(keyID(raw), state.ID)
	return base64.RawURLEncoding.EncodeToString(raw), nonce, verifier, err
}

// upstreamSecrets derives nonce and code verifier. So the browser keeps less.
func (k *Keys) upstreamSecrets(id keyID, state string) (nonce, verifier string, err error) {
	first, err := k.sign(forUpstreamNonce, id, framed("nonce", state))
	if err != nil {
		return "", "", err
	}
	second, err := k.sign(forUpstreamNonce, id, framed("verifier", state))
	return base64.RawURLEncoding.EncodeToString(first[:]), base64.RawURLEncoding.EncodeToString(second[:]), err
}

// UpstreamReturn is what the browser came back with.
type UpstreamReturn struct {
	Sealed string // from the browser's cookie
	State  string
	Source string // whose address the browser came back to
	Code   string
	Issuer string
	// Error is set where the source sent an error.
	Error       string
	RedirectURI string
}

// UpstreamFinish is a login that came back, however it ended.
type UpstreamFinish struct {
	Login       Login
	Interaction string // what it was for; empty: the account page
}

// FinishUpstream logs in who came back from another server. The interaction is known beside most errors. An answer is taken once,
// in the browser where the login began, and at the address of the source that was asked.
func (s *Server) FinishUpstream(ctx context.Context, r UpstreamReturn) (UpstreamFinish, error) {
	var f UpstreamFinish
	state, nonce, verifier, err := s.openUpstream(r)
	if err != nil {
		return f, err
	}
	f.Interaction = state.Interaction
	login, err := s.askUpstream(ctx, r, state, nonce, verifier)
	if err != nil {
		if e, ok := errors.AsType[UpstreamError](err); ok {
			s.audit(ctx, Event{Name: EventLoginFailed, Owner: e.owner, Reason: "source " + state.Source + ": " + string(e.cause)})
		}
		return f, err
	}
	f.Login, err = s.logInFrom(ctx, login, state)
	return f, err
}

// openUpstream reads what the browser kept.
func (s *Server) openUpstream(r UpstreamReturn) (state upstreamState, nonce, verifier string, err error) {
	keys, err := s.currentKeys()
	if err != nil || s.upstreams == nil {
		return state, "", "", errors.Join(err, unlessNil(s.upstreams))
	}
	elsewhere := NewUpstreamError(UpstreamOtherBrowser, errors.New("the state is not one of this browser"))
	raw, ok := decode(r.Sealed)
	if !ok || len(r.Sealed) > MaxSealedInteraction {
		return state, "", "", elsewhere
	}
	plain, err := keys.open(forUpstream, raw)
	if err != nil || json.Unmarshal(plain, &state) != nil || state.ID != r.State {
		return upstreamState{}, "", "", elsewhere
	}
	if state.Source != r.Source {
		return state, "", "", NewUpstreamError(UpstreamAnswerUnfit, fmt.Errorf("the login began at source %s", state.Source))
	}
	if age := s.now().Sub(state.BegunAt); age < 0 || age >= InteractionLifetime {
		return state, "", "", NewUpstreamError(UpstreamTooLate, errors.New("the login took too long"))
	}
	nonce, verifier, err = keys.upstreamSecrets(keyID(raw), state.ID)
	return state, nonce, verifier, err
}

func unlessNil(u Upstreams) error {
	if u == nil {
		return Refuse(InvalidRequest, "no source of people takes answers")
	}
	return nil
}

// askUpstream redeems the answer, once.
func (s *Server) askUpstream(ctx context.Context, r UpstreamReturn, state upstreamState, nonce, verifier string) (UpstreamLogin, error) {
	if r.Error != "" {
		return UpstreamLogin{}, NewUpstreamError(UpstreamDenied, fmt.Errorf("the source says %.100q", r.Error))
	}
	login, err := s.upstreams.Finish(ctx, UpstreamAnswer{
		Source: state.Source, RedirectURI: r.RedirectURI, Code: r.Code, Issuer: r.Issuer, Nonce: nonce, CodeVerifier: verifier,
		MaxAge: state.MaxAge, BegunAt: state.BegunAt,
	})
	if err != nil {
		return UpstreamLogin{}, fmt.Errorf("finish a login at %s: %w", state.Source, away(err))
	}
	if err := s.spendState(ctx, state); err != nil {
		return UpstreamLogin{}, err
	}
	return login, s.checkNewName(ctx, login.Owner)
}

// spendState takes an answer once. It comes after the source has said who it is: nothing is written for anybody else.
func (s *Server) spendState(ctx context.Context, state upstreamState) error {
	err := s.store.Spend(ctx, sha256.Sum256(framed("upstream", state.ID)), s.now(), state.BegunAt.Add(InteractionLifetime))
	if errors.Is(err, ErrExists) {
		return NewUpstreamError(UpstreamUsed, errors.New("an answer to this login was taken before"))
	}
	return wrap("spend the state", err)
}

// away tells a source that does not answer from a store that does not.
func away(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return NewUpstreamError(UpstreamAway, err)
	}
	return err
}

// logInFrom opens the session. The login is as old as the source says.
func (s *Server) logInFrom(ctx context.Context, login UpstreamLogin, state upstreamState) (Login, error) {
	sealed, err := s.sealUpstreamToken(login.RefreshToken, nil)
	if err != nil {
		return Login{}, err
	}
	now := s.now()
	at := now.Add(-InteractionLifetime) // before any request that is under way: a source that does not say may have asked nothing
	if !login.AuthenticatedAt.IsZero() {
		at = login.AuthenticatedAt
	}
	if at.After(now) {
		at = now
	}
	if state.MaxAge != nil { // which the source has checked, but for the clocks' difference
		if oldest := state.BegunAt.Add(-time.Duration(*state.MaxAge) * time.Second); at.Before(oldest) {
			at = oldest
		}
	}
	return s.openSession(ctx, opening{confirmation: s.confirmation(login.Owner, sealed, now), authenticatedAt: at}, now)
}
