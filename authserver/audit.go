// SPDX-License-Identifier: Apache-2.0

package authserver

import "context"

// EventName is the stable name of an audit event.
type EventName string

// The audit events.
const (
	EventLoginSucceeded     EventName = "login.succeeded"
	EventLoginFailed        EventName = "login.failed"
	EventLoginThrottled     EventName = "login.throttled"
	EventFactorAsked        EventName = "factor.asked"
	EventFactorFailed       EventName = "factor.failed"
	EventFactorAdded        EventName = "factor.added"
	EventFactorRemoved      EventName = "factor.removed"
	EventSignedOut          EventName = "session.ended"
	EventLogoutSent         EventName = "logout.sent"
	EventLogoutGivenUp      EventName = "logout.given_up"
	EventPersonEnded        EventName = "person.ended"
	EventPersonReturned     EventName = "person.returned"
	EventPasswordChanged    EventName = "password.changed"
	EventEntitlementRefused EventName = "entitlement.refused"
	EventConsentAllowed     EventName = "consent.allowed"
	EventConsentDenied      EventName = "consent.denied"
	EventConsentForgotten   EventName = "consent.forgotten"
	EventGrantApproved      EventName = "grant.approved"
	EventProofRedeemed      EventName = "proof.redeemed"
	EventProofReused        EventName = "proof.reused"
	EventTokenRefreshed     EventName = "token.refreshed"
	EventRefreshRepeated    EventName = "refresh.repeated"
	EventRefreshReused      EventName = "refresh.reused"
	EventTokenIssued        EventName = "token.issued"
	EventGrantRevoked       EventName = "grant.revoked"
	EventTokenRevoked       EventName = "token.revoked"
	EventClientRefused      EventName = "client.refused"
	EventRequestRefused     EventName = "request.refused"

	EventAdministrationAllowed EventName = "administration.allowed"
	EventAdministrationRefused EventName = "administration.refused"
)

// Event is one line of the audit log. It never holds a secret, token, proof or
// password.
type Event struct {
	Name     EventName
	ClientID string
	Owner    string
	Actor    string   // the user of the cluster who did it, where it was not the owner or the client
	Grant    string   // the grant's ID
	Scopes   []string // where scopes were given
	Reason   string   // why something was refused, in our own words
}

// Auditor keeps audit events. It adds the time and, from the context, the request. The event is kept
// before the request of the context is answered; without a request, before Record returns.
type Auditor interface {
	Record(ctx context.Context, e Event)
}

func (s *Server) audit(ctx context.Context, e Event) { s.auditor.Record(ctx, e) }
