// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"slices"
)

// Prompt is what a request asks to be shown to the owner (OpenID Connect Core §3.1.2.1).
type Prompt struct {
	None    bool `json:"n,omitempty"` // nothing may be shown
	Login   bool `json:"l,omitempty"` // log in again
	Consent bool `json:"c,omitempty"` // decide again
}

// AuthorizeRequest is an authorization request after its dialect was parsed.
type AuthorizeRequest struct {
	Profile  Profile
	ClientID string
	// Callback is the redirect URI as the request spelled it; empty if it named none.
	Callback string
	State    string
	// Scopes asked for; nil asks for all of the client's.
	Scopes []string
	// Resources are those named (RFC 8707), at most MaxResources.
	Resources     []string
	CodeChallenge string
	// FormPost has the answer posted to the callback instead of in its query.
	FormPost bool
	Prompt   Prompt
	OpenID   OpenIDRequest
	// IDTokenHint is an ID token that says who is to be logged in, and Hint what it says once it was verified: nil before
	// that, and the zero IDTokenHint if it cannot be.
	IDTokenHint string
	Hint        *IDTokenHint
	Claims      ClaimsRequest
	// Problem is what the dialect found wrong. It is reported after client and callback
	// are proven, so that nobody is redirected by a request that proves neither.
	Problem Refusal
}

// Authorize proves that a request comes from a known client for a known callback, and
// begins an interaction. A ReturnError may travel to the callback, once a person
// has logged in (RFC 9700 §4.11.2); another refusal is shown and goes nowhere (RFC 6749 §4.1.2.1).
func (s *Server) Authorize(ctx context.Context, r AuthorizeRequest) (Interaction, error) {
	if err := s.mayBegin(); err != nil {
		return Interaction{}, err
	}
	keys, err := s.currentKeys()
	if err != nil {
		return Interaction{}, err
	}
	client, known := s.clients.ByID(r.ClientID)
	if !known {
		client = &unknownClient
	}
	if why := whyNotNew(client, known, r.Profile); why != "" {
		s.audit(ctx, Event{Name: EventRequestRefused, ClientID: client.ID, Reason: why})
		return Interaction{}, Refuse(UnknownClient, "no such client")
	}
	callback, ok := chooseCallback(client, r.Callback)
	if !ok {
		s.audit(ctx, Event{Name: EventRequestRefused, ClientID: client.ID, Reason: "the callback is not registered for this client"})
		return Interaction{}, callbackDiffers(Refuse(InvalidCallback, "the callback is not registered for this client"), client, r.Callback)
	}
	i := Interaction{
		ID: s.newInteractionID(), Profile: client.Profile, ClientUID: client.UID, ClientID: client.ID,
		Callback: callback, Requested: r.Callback, State: returnedState(r.State),
		FormPost: r.FormPost, Scopes: r.Scopes, CodeChallenge: r.CodeChallenge, Prompt: r.Prompt, OpenID: r.OpenID, StartedAt: s.now(), key: keys.activeID(s.now()),
	}
	i.OpenID.Subject, i.OpenID.Level = r.subject(), r.OpenID.Level.or(r.Claims.Level)
	if refusal := checkState(r.State); refusal != nil {
		return Interaction{}, i.fail(refusal)
	}
	if refusal := i.checkFormPost(); refusal != nil {
		i.FormPost = false
		return Interaction{}, i.fail(refusal)
	}
	if r.Problem != nil {
		return Interaction{}, i.fail(r.Problem)
	}
	if r.CodeChallenge == "" && client.demandsChallenge(callback) { // RFC 9700 §2.1.1, in every dialect
		return Interaction{}, i.fail(NewMismatchError(Refuse(InvalidRequest, "code_challenge is required (PKCE, RFC 7636)"), ChallengeMissing, nil, nil))
	}
	if !client.May(GrantAuthorizationCode) {
		return Interaction{}, i.fail(Refuse(UnauthorizedClient, "the client may not use the authorization code grant"))
	}
	scopes, refusal := restrictScopes(client.Scopes, r.Scopes)
	if refusal != nil {
		return Interaction{}, i.fail(refusal)
	}
	if i.Resources, scopes, refusal = s.askFor(r.Resources, scopes); refusal != nil {
		return Interaction{}, i.fail(refusal)
	}
	i.Scopes = withoutUselessScopes(client, r.Claims.extend(client, scopes))
	return i, nil
}

// whyNotNew tells the operator why a client may not begin an authorization; empty: it may.
func whyNotNew(c *Client, known bool, profile Profile) string {
	switch {
	case !known:
		return "the client is not known"
	case c.Profile != profile:
		return "the client speaks another profile"
	case c.Suspended:
		return "the client is suspended"
	case c.Expired:
		return reasonExpired
	case !c.Accepted:
		return reasonNotAccepted
	default:
		return ""
	}
}

// chooseCallback returns where to send the browser. RFC 6749 §3.1.2.3: a request may
// leave the callback out only if exactly one is registered.
func chooseCallback(c *Client, requested string) (string, bool) {
	if requested == "" && len(c.CallbackURLs) == 1 {
		requested = c.CallbackURLs[0]
	}
	return requested, c.HasCallback(requested)
}

// restrictScopes returns asked, which must lie within allowed, in the order of allowed and
// without repetition; nil asks for everything.
func restrictScopes(allowed, asked []string) ([]string, Refusal) {
	if asked == nil {
		return slices.Clone(allowed), nil
	}
	if more := without(asked, allowed); len(more) > 0 {
		return nil, NewMismatchError(Refuse(InvalidScope, "a scope was asked for that the client may not have"), ScopeNotAllowed, more, allowed)
	}
	return intersect(allowed, asked), nil
}

// intersect returns the members of a that are in b too, in the order of a.
func intersect(a, b []string) []string {
	out := make([]string, 0, len(a))
	for _, name := range a {
		if slices.Contains(b, name) {
			out = append(out, name)
		}
	}
	return out
}
