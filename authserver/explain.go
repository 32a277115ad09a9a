// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"strings"
)

// Question is an authorization request that nobody makes: what would become of it?
type Question struct {
	// Callback is the redirect URI as the request would spell it; empty if it named none.
	Callback string
	// Scopes asked for; nil asks for all of the client's.
	Scopes []string
	// Owner is who would log in; nil: nobody in particular.
	Owner *Owner
}

// Check is what one step of the flow says to a Question.
type Check struct {
	// Name is that of the step: client, callback, pkce, grant-type, scopes, entitlement, consent.
	Name   string
	Passes bool
	// Text says why, for the team of the client.
	Text string
}

// Explain returns what each step of the browser flow would say to an authorization request for the client, in the order of the
// flow and by the rules of the flow itself. Steps after one that does not pass are checked all the same. Nothing is written, and
// nothing goes to the audit log.
func (s *Server) Explain(ctx context.Context, c *Client, q Question) ([]Check, error) {
	if err := s.mayBegin(); err != nil {
		return nil, err
	}
	if now, known := s.clients.ByUID(c.UID); known {
		c = now // as requests find it: it may have expired
	}
	checks := []Check{explainClient(c)}
	callback, registered := chooseCallback(c, q.Callback)
	checks = append(checks, explainCallback(c, q.Callback, callback, registered), explainChallenge(c, callback), explainGrantType(c))
	scopes, check := explainScopes(c, q.Scopes)
	checks = append(checks, check)
	if q.Owner == nil {
		return checks, nil
	}
	entitled, err := s.entitled(ctx, *q.Owner, c, 0)
	if err != nil {
		return nil, err
	}
	checks = append(checks, explainEntitlement(c, *q.Owner, entitled))
	if q.Owner.Subject == "" {
		return checks, nil
	}
	needed, _, err := s.needsConsent(ctx, resolved{client: c, scopes: scopes}, *q.Owner)
	if err != nil {
		return nil, err
	}
	text := "the person is not asked: they allowed it always, or the client has consent: Skip"
	if needed {
		text = "the person is asked whether they allow it"
	}
	return append(checks, Check{"consent", true, text}), nil
}

func explainClient(c *Client) Check {
	if why := whyNotNew(c, true, c.Profile); why != "" {
		return Check{"client", false, why}
	}
	return Check{"client", true, fmt.Sprintf("client %s of profile %s is served", c.ID, c.Profile)}
}

func explainCallback(c *Client, asked, chosen string, ok bool) Check {
	declared := strings.Join(c.CallbackURLs, ", ")
	switch {
	case ok:
		return Check{"callback", true, chosen + " is one of the client's"}
	case declared == "":
		return Check{"callback", false, "the client has no callback that is served: see its status.claims"}
	case asked == "":
		return Check{"callback", false, "the request names no redirect_uri, and the client has several: " + declared}
	default:
		return Check{"callback", false, asked + " is none of the client's, which are compared character for character: " + declared}
	}
}

func explainChallenge(c *Client, callback string) Check {
	if c.Profile.Signed() {
		return Check{"pkce", true, "requests of this profile are signed and have no code challenge"}
	}
	if c.demandsChallenge(callback) {
		return Check{"pkce", true, "the request must send code_challenge with code_challenge_method=S256 (PKCE, RFC 7636)"}
	}
	return Check{"pkce", true, "the request may leave the code challenge out: the client has pkce: Optional"}
}

func explainGrantType(c *Client) Check {
	if c.Profile.Signed() || c.May(GrantAuthorizationCode) {
		return Check{"grant-type", true, "the client may send people here"}
	}
	return Check{"grant-type", false, "the client may not use the authorization code grant: see spec.oauth2.grantTypes"}
}

func explainScopes(c *Client, asked []string) ([]string, Check) {
	scopes, refusal := restrictScopes(c.Scopes, asked)
	if refusal != nil {
		return nil, Check{"scopes", false, fmt.Sprintf("the client may not ask for %s; it may ask for %s",
			listed(without(asked, c.Scopes)), listed(c.Scopes))}
	}
	return scopes, Check{"scopes", true, "asked for: " + listed(scopes)}
}

func listed(scopes []string) string {
	if len(scopes) == 0 {
		return "no scope"
	}
	return strings.Join(scopes, ", ")
}

func explainEntitlement(c *Client, o Owner, entitled bool) Check {
	switch who := fmt.Sprintf("%q", o.Name); { // not the groups: who runs the client need not know them
	case c.EveryoneEntitled:
		return Check{"entitlement", true, "everybody may use the client: it has entitlement: Everyone"}
	case entitled:
		return Check{"entitlement", true, "RBAC allows " + who + ", by name or by a group, the verb authorize on the client"}
	default:
		return Check{"entitlement", false, "RBAC allows " + who + " neither by name nor by a group the verb authorize on oauthclients/" + c.Name + " in namespace " + c.Namespace +
			": bind a role that does, to the name or a group"}
	}
}
