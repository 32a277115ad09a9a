// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Step is what an interaction needs next.
type Step int

// The steps in their order, which is the order of DESIGN's browser flow.
const (
	StepLogin   Step = iota // the owner must prove who they are
	StepRefused             // the owner may not use the client
	StepConsent             // the owner must decide
	StepIssue               // nothing is left to ask
)

// Position is where an interaction stands, and what its page needs.
type Position struct {
	Step   Step
	Client *Client
	Owner  Owner   // zero at StepLogin
	Scopes []Scope // what is asked for, explained
	// Ticket binds the decision to this interaction, owner and login. It comes back
	// with the form.
	Ticket string
	// Rememberable is set when the owner may tick "always".
	Rememberable bool
	// Choosable is set when the owner may allow some of the scopes.
	Choosable bool
	// Until is when a grant that is given now ends.
	Until time.Time
}

// Approval is what the browser carries back to the client.
type Approval struct {
	Return
	Proof string // RFC 6749 calls it code, RFC 5849 verifier
}

// Next says where an interaction stands. It is the only place that knows the order of
// the flow. With prompt=none nothing may be shown, and what would have to be is an
// error for the callback.
func (s *Server) Next(ctx context.Context, i *Interaction, v *Visitor) (Position, error) {
	client, err := s.clientOf(ctx, i)
	if i.RequestToken != "" && v == nil {
		// A stranger learns nothing about a request token: the login comes first.
		return Position{Step: StepLogin, Client: client}, nil
	}
	if err != nil {
		return Position{}, err
	}
	p := Position{Step: StepLogin, Client: client, Scopes: s.explain(i.Scopes)}
	if v == nil || i.Prompt.Login && v.Session.AuthenticatedAt.Before(i.StartedAt) {
		return p, i.unlessSilent(Refuse(LoginRequired, "the owner is not logged in"))
	}
	p.Owner = v.Owner
	entitled, err := s.mayUse(ctx, v.Owner, client, 0)
	if err != nil {
		return Position{}, err
	}
	if !entitled {
		p.Step = StepRefused
		return p, i.unlessSilent(NewAccessDeniedError(OwnerNotEntitled, "the owner may not use this client"))
	}
	asked, err := s.needsConsent(ctx, i, v.Owner, client)
	if err != nil {
		return Position{}, err
	}
	if !asked {
		p.Step = StepIssue
		return p, nil
	}
	p.Step, p.Rememberable, p.Choosable = StepConsent, rememberable(client), client.OwnerChooses
	p.Until = endOf(client, s.now().Add(proofLifetime(client)), s.now())
	if p.Ticket, err = s.ticket(i, v); err != nil {
		return Position{}, err
	}
	return p, i.unlessSilent(Refuse(ConsentRequired, "the owner has not consented"))
}

// unlessSilent returns nil if something may be shown, else the error for the callback.
func (i *Interaction) unlessSilent(cause Refusal) error {
	if !i.Prompt.None {
		return nil
	}
	return i.fail(cause)
}

// clientOf returns the interaction's client if the interaction may go on. The client
// may have been deleted, suspended or changed since it began.
func (s *Server) clientOf(ctx context.Context, i *Interaction) (*Client, error) {
	if s.now().Sub(i.StartedAt) >= InteractionLifetime {
		return nil, newExpiredError(InteractionGone, "the request is too old", i)
	}
	if i.RequestToken != "" {
		return s.clientOfRequestToken(ctx, i)
	}
	client, ok := s.clients.ByUID(i.ClientUID)
	if !ok || !client.served() {
		return nil, Refuse(UnknownClient, "no such client")
	}
	if !client.HasCallback(i.Callback) {
		return nil, Refuse(InvalidCallback, "the callback is not registered for this client")
	}
	if _, err := restrictScopes(client.Scopes, i.Scopes); err != nil {
		return nil, i.fail(err)
	}
	return client, nil
}

// needsConsent reports whether the owner has to decide on a page.
func (s *Server) needsConsent(ctx context.Context, i *Interaction, o Owner, c *Client) (bool, error) {
	if i.Prompt.Consent {
		return true, nil
	}
	if c.Consent == ConsentSkip && !c.Public {
		return false, nil
	}
	if !rememberable(c) {
		return true, nil
	}
	given, err := s.store.Consent(ctx, o.Subject, c.UID)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return true, fmt.Errorf("read consent: %w", err)
	}
	return len(intersect(i.Scopes, given.Scopes)) != len(i.Scopes), nil
}

// rememberable reports whether an owner's "always" counts for the client. RFC 6749
// §10.2: a repeated request may only pass without the owner if the client has proven
// who it is, which a Public client cannot.
func rememberable(c *Client) bool { return c.Consent == ConsentRemember && !c.Public }

func (s *Server) explain(names []string) []Scope {
	scopes := make([]Scope, 0, len(names))
	for _, name := range names {
		scope, ok := s.clients.Scope(name)
		if !ok {
			scope = Scope{Name: name}
		}
		scopes = append(scopes, scope)
	}
	return scopes
}

// Decision is what the owner decided on the consent page.
type Decision struct {
	Allow  bool
	Always bool
	Ticket string
	// Scopes are those the owner chose, where that is possible.
	Scopes []string
}

// Decide carries out the owner's decision. A denial is an AccessDeniedError for the
// callback. A decision without the page's ticket (another browser, another owner, another
// request, a form of another site) and one made before are InteractionGone. One that was not
// needed any more, because the owner said "always" in another tab meanwhile, counts all the same.
func (s *Server) Decide(ctx context.Context, i *Interaction, v *Visitor, d Decision) (*Approval, error) {
	p, err := s.Next(ctx, i, v)
	if err != nil {
		return nil, err
	}
	if p.Step != StepConsent && p.Step != StepIssue || !s.matchesTicket(d.Ticket, i, v) {
		return nil, NewInteractionError(InteractionOfOtherLogin, "the decision does not belong to this login")
	}
	if !d.Allow {
		s.audit(ctx, Event{Name: EventConsentDenied, ClientID: i.ClientID, Owner: v.Owner.Name})
		return nil, i.fail(NewAccessDeniedError(DeniedByOwner, "the owner denied the request"))
	}
	if p.Client.OwnerChooses {
		chosen := intersect(i.Scopes, d.Scopes)
		if len(chosen) == 0 && len(i.Scopes) > 0 {
			return nil, Refuse(NothingChosen, "choose at least one scope, or deny")
		}
		i.Scopes = chosen
	}
	s.audit(ctx, Event{Name: EventConsentAllowed, ClientID: i.ClientID, Owner: v.Owner.Name, Scopes: i.Scopes})
	return s.approve(ctx, i, v.Owner, p.Client, d.Always && rememberable(p.Client))
}

// Issue approves an interaction that stands at StepIssue: the owner was asked before,
// or need not be.
func (s *Server) Issue(ctx context.Context, i *Interaction, v *Visitor) (*Approval, error) {
	p, err := s.Next(ctx, i, v)
	if err != nil {
		return nil, err
	}
	if p.Step != StepIssue {
		return nil, NewInteractionError(InteractionOfOtherLogin, "the owner has to decide first")
	}
	return s.approve(ctx, i, v.Owner, p.Client, false)
}

const (
	// codeLifetime is how long a code waits for its client. RFC 6749 §4.1.2 allows ten
	// minutes; a client redeems it within seconds.
	codeLifetime = time.Minute
	// verifierLifetime is longer, because a verifier may be typed in by a person.
	verifierLifetime = 10 * time.Minute
)

// approve turns an interaction into a grant with a proof. The grant's ID is made from
// the interaction's, so that one interaction can never yield two grants.
func (s *Server) approve(ctx context.Context, i *Interaction, o Owner, c *Client, always bool) (*Approval, error) {
	if err := s.mayBegin(); err != nil {
		return nil, err
	}
	now := s.now()
	proof, bound := newProof(i, c, now)
	grant := Grant{
		ID: grantIDOf(i), ClientUID: c.UID, Owner: o.Subject, Scopes: i.Scopes, Profile: c.Profile,
		ApprovedAt: now, EndsAt: endOf(c, bound.ExpiresAt, now), Proof: bound,
	}
	var consent *Consent
	if always {
		scopes, err := s.mergeConsent(ctx, o, c, i.Scopes)
		if err != nil {
			return nil, err
		}
		consent = &Consent{Owner: o.Subject, ClientUID: c.UID, Scopes: scopes, GivenAt: now}
	}
	err := s.store.Approve(ctx, grant, consent)
	if errors.Is(err, ErrExists) {
		return nil, NewInteractionError(InteractionAnswered, "the request was answered before")
	}
	if err != nil {
		return nil, fmt.Errorf("store grant: %w", err)
	}
	s.audit(ctx, Event{Name: EventGrantApproved, ClientID: c.ID, Owner: o.Name, Grant: grant.ID.String(), Scopes: grant.Scopes})
	return &Approval{Return: i.Return(), Proof: proof}, nil
}

func proofLifetime(c *Client) time.Duration {
	if c.Profile.Signed() {
		return verifierLifetime
	}
	return codeLifetime
}

// newProof makes a proof, in clear for the browser and bound for the store. A code is bound to
// the callback as the request spelled it; a verifier to its request token, which names the callback.
func newProof(i *Interaction, c *Client, now time.Time) (clear string, bound Proof) {
	clear = rand.Text()
	ends := now.Add(proofLifetime(c))
	if !c.Profile.Signed() {
		return clear, Proof{Hash: sha256.Sum256([]byte(clear)), Callback: i.Requested,
			CodeChallenge: i.CodeChallenge, ExpiresAt: ends}
	}
	if i.Callback == OutOfBand {
		clear = clear[:outOfBandVerifier]
	}
	return clear, Proof{Hash: sha256.Sum256([]byte(verifierProof(i.RequestToken, clear))), ExpiresAt: ends}
}

// endOf is when a grant ends: after the client's duration, or, if it cannot be refreshed, as soon
// as the last token it can yield has ended.
func endOf(c *Client, proofEnds, now time.Time) time.Time {
	end := now.Add(c.GrantDuration)
	if last := proofEnds.Add(c.AccessTokenLifetime); !c.May(GrantRefreshToken) && last.Before(end) {
		return last
	}
	return end
}

// mergeConsent returns the scopes of an "always": those decided now and those of an earlier
// one that the client may still have.
func (s *Server) mergeConsent(ctx context.Context, o Owner, c *Client, scopes []string) ([]string, error) {
	before, err := s.store.Consent(ctx, o.Subject, c.UID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read consent: %w", err)
	}
	all := slices.Concat(scopes, intersect(c.Scopes, before.Scopes))
	slices.Sort(all)
	return slices.Compact(all), nil
}

func grantIDOf(i *Interaction) GrantID {
	name := "gatehouse grant of interaction " + i.ID
	if i.RequestToken != "" { // which may be brought to several interactions
		name = "gatehouse grant of request token " + i.RequestToken
	}
	sum := sha256.Sum256([]byte(name))
	return GrantID(sum[:16])
}
