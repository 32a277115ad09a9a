// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// InteractionLifetime is how long an owner has to log in and decide.
const InteractionLifetime = 15 * time.Minute

// Interaction is one authorization request on its way through login, entitlement and
// consent. It lives sealed in the browser: nothing is stored for somebody who has not logged in.
// It is a value: the steps return what they found, and change nothing in it. The short names are
// for the sealed form, which has to fit into a cookie.
type Interaction struct {
	ID            string        `json:"i"`
	ClientUID     string        `json:"u,omitempty"`
	ClientID      string        `json:"c,omitempty"`
	Callback      string        `json:"r,omitempty"` // where the browser goes
	Requested     string        `json:"q,omitempty"` // the callback as the request spelled it
	State         string        `json:"s,omitempty"`
	StateApart    bool          `json:"a,omitempty"` // the state is not here but in pieces: see SealState
	FormPost      bool          `json:"e,omitempty"` // how the answer travels
	Scopes        []string      `json:"o,omitempty"`
	Resources     []string      `json:"w,omitempty"` // as their APIs spell them
	CodeChallenge string        `json:"h,omitempty"`
	Prompt        Prompt        `json:"p,omitzero"`
	OpenID        OpenIDRequest `json:"d,omitzero"`
	StartedAt     time.Time     `json:"t"`
	Profile       Profile       `json:"f"`
	// RequestToken is what a Signed client's link named. It says client, callback and scopes, which are
	// empty here. It is opened when the owner has logged in.
	RequestToken string `json:"k,omitempty"`

	key keyID // that seals it; what follows from a decision is derived under the same key
}

// Return is where the browser goes when the interaction ends, as far as the interaction itself says so.
func (i Interaction) Return() Return {
	return Return{
		Profile: i.Profile, ClientID: i.ClientID, Callback: i.Callback, State: i.State, RequestToken: i.RequestToken, Silent: i.Prompt.None, FormPost: i.FormPost,
	}
}

// fail sends a refusal back to the client.
func (i Interaction) fail(cause Refusal) ReturnError { return NewReturnError(cause, i.Return()) }

// checkAge refuses an interaction that took too long.
func (s *Server) checkAge(i Interaction) error {
	if s.now().Sub(i.StartedAt) >= InteractionLifetime {
		return newExpiredError(InteractionGone, "the request is too old", i)
	}
	return nil
}

// resolved is an interaction and what it asks for as things are now.
type resolved struct {
	Interaction
	keys   *Keys
	client *Client
	scopes []string
	to     Return
	// name is what is decided on, and key what that is sealed with: the interaction, or the request
	// token, which may be brought to several interactions.
	name []string
	key  keyID
	// expired is set when the request token is too old for a decision. One that was decided on in time
	// gets the same answer as long as that is good.
	expired bool
}

// resolve finds what an interaction asks for. The client may have been deleted, suspended or changed
// since the interaction began.
func (s *Server) resolve(i Interaction) (resolved, error) {
	if i.StateApart { // the client could not tell the answer from a forged one (RFC 6749 §10.12)
		return resolved{}, NewInteractionError(InteractionUnreadable, "the state of the request is not there")
	}
	if err := s.checkAge(i); err != nil {
		return resolved{}, err
	}
	return s.resolveOfAnyAge(i)
}

// resolveOfAnyAge does so for an interaction that may have expired.
func (s *Server) resolveOfAnyAge(i Interaction) (resolved, error) {
	keys, err := s.currentKeys()
	if err != nil {
		return resolved{}, err
	}
	if i.RequestToken != "" {
		return s.resolveRequestToken(keys, i)
	}
	client, ok := s.clients.ByUID(i.ClientUID)
	if !ok || !client.served() {
		return resolved{}, Refuse(UnknownClient, "no such client")
	}
	if !client.HasCallback(i.Callback) {
		return resolved{}, callbackDiffers(Refuse(InvalidCallback, "the callback is not registered for this client"), client, i.Callback)
	}
	if _, refusal := restrictScopes(client.Scopes, i.Scopes); refusal != nil {
		return resolved{}, i.fail(refusal)
	}
	return resolved{
		Interaction: i, keys: keys, client: client, scopes: i.Scopes, to: i.Return(),
		name: []string{"interaction", i.ID}, key: i.key,
	}, nil
}

// unlessSilent returns nil if something may be shown, else the error for the callback.
func (r resolved) unlessSilent(cause Refusal) error {
	if !r.Prompt.None {
		return nil
	}
	return NewReturnError(cause, r.to)
}

// Step is what an interaction needs next.
type Step int

// The steps in their order, which is the order of DESIGN's browser flow.
const (
	StepLogin   Step = iota // the owner must prove who they are
	StepFactor              // the owner must prove a second factor, too
	StepEnrol               // the owner must add a second factor
	StepRefused             // the owner may not use the client
	StepConsent             // the owner must decide
	StepIssue               // nothing is left to ask
)

// Position is where an interaction stands, and what its page needs.
type Position struct {
	Step   Step
	Client *Client // nil: nothing is told of it before the login
	Owner  Owner   // zero at StepLogin
	Scopes []Scope // what is asked for, explained
	// Return is where the browser goes when the interaction ends. Zero where Client is nil.
	Return Return
	// Ticket binds the decision to this interaction, owner and login. It comes back
	// with the form.
	Ticket string
	// Rememberable is set when the owner may tick "always".
	Rememberable bool
	// Choosable is set when the owner may allow some of the scopes.
	Choosable bool
	// Until is when a grant that is given now ends.
	Until time.Time

	// What Decide and Issue go on with.
	asked   resolved
	visitor *Visitor
	given   *Consent // the "always" that makes a page needless; nil: none does
	first   *Grant   // what the owner decided on this interaction before; nil: nothing
}

// Next says where an interaction stands. It is the only place that knows the order of
// the flow. With prompt=none nothing may be shown, and what would have to be is an
// error for the callback.
func (s *Server) Next(ctx context.Context, i Interaction, v *Visitor) (Position, error) {
	if v == nil && i.RequestToken != "" { // nobody learns anything about a request token before the login
		return Position{Step: StepLogin}, s.checkAge(i)
	}
	r, err := s.resolve(i)
	if err != nil {
		return Position{}, err
	}
	p := Position{Step: StepLogin, Client: r.client, Scopes: s.explain(r.scopes), Return: r.to, asked: r, visitor: v}
	if v == nil || r.demandsLogin(v) {
		return p, r.unlessSilent(Refuse(LoginRequired, "the owner is not logged in"))
	}
	if !r.isAbout(v.Owner) { // who logged in just now: to ask again would be to ask for ever
		return Position{}, i.fail(Refuse(LoginRequired, "another person than the one whom the request names has logged in"))
	}
	p.Owner = v.Owner
	if p.Step, err = s.stepOfLevel(ctx, r, v); err != nil {
		return Position{}, err
	}
	switch p.Step {
	case StepLogin, StepFactor:
		return p, r.unlessSilent(Refuse(LoginRequired, "the owner has to log in with a second factor"))
	case StepEnrol:
		return p, r.unlessSilent(Refuse(UnmetAuthenticationRequirements, "the owner has no second factor"))
	default:
	}
	if p.first, err = s.firstDecision(ctx, r, v.Owner); err != nil {
		return Position{}, err
	}
	entitled, err := s.mayUse(ctx, v.Owner, r.client, 0)
	if err != nil {
		return Position{}, err
	}
	if !entitled {
		p.Step = StepRefused
		return p, r.unlessSilent(NewAccessDeniedError(OwnerNotEntitled, "the owner may not use this client"))
	}
	needed, given, err := s.needsConsent(ctx, r, v.Owner)
	if err != nil {
		return Position{}, err
	}
	p.given = given
	if !needed || p.first != nil {
		p.Step = StepIssue
		return p, nil
	}
	return s.askConsent(p)
}

// askConsent returns the position with what the consent page needs.
func (s *Server) askConsent(p Position) (Position, error) {
	client, now := p.asked.client, s.now()
	ticket, err := p.asked.ticket(p.visitor, now)
	if err != nil {
		return Position{}, err
	}
	p.Step, p.Ticket = StepConsent, ticket
	p.Rememberable, p.Choosable = rememberable(client), client.OwnerChooses
	p.Until = endOf(client, p.asked.scopes, now.Add(proofLifetime(client)), now)
	return p, p.asked.unlessSilent(Refuse(ConsentRequired, "the owner has not consented"))
}

// firstDecision returns what the owner decided on the interaction before; nil: nothing. A request
// token is decided on once, whoever does it.
func (s *Server) firstDecision(ctx context.Context, r resolved, o Owner) (*Grant, error) {
	id, err := r.grantID(o.Subject)
	if err != nil {
		return nil, err
	}
	g, err := s.store.Grant(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read the first decision: %w", err)
	}
	switch {
	case err == nil && g.Owner == o.Subject:
		return &g, nil
	case r.expired:
		return nil, newExpiredError(RequestTokenExpired, "the request token has expired", r.Interaction)
	case err == nil:
		return nil, Refuse(RequestTokenUsed, "the request token was used before")
	default:
		return nil, nil
	}
}
