// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// needed is what must have happened: each kind of call with the answers that matter, and each fault. A schedule that
// never refuses, or in which nothing ever dies, would show nothing.
var needed = strings.Split(strings.TrimSpace(`
account: ok
answer lost
API server away
authorize: ok
authorize: invalid_scope
authorize: unknown_client
authorize signed: ok
client credentials: ok
client credentials: invalid_client
clock set
confirm people: ok
connection refused
create again
decide: access_denied, denied by the owner
decide: interaction_gone, answered otherwise before
decide: interaction_gone, answered, and the access was ended since
decide: interaction_gone, answered, and the answer has expired
decide: interaction_gone, answered, and the answer was used
decide: interaction_gone, expired
decide: interaction_gone, shown in another login
decide: ok
decide: request_token_used, answered otherwise before
decide: unavailable
delete
died in client credentials
died in confirm people
died in decide
died in exchange
died in interaction
died in introspect
died in login
died in redeem
died in refresh
died in revoke
end sessions: ok
exchange: invalid_grant, expired
exchange: invalid_grant, used before
exchange: nonce_used
exchange: ok
exchange: timestamp_refused
forget: ok
interaction: access_denied, denied by the owner
interaction: ok
introspect: active: false
introspect: active: true
key published
login: ok
login: too_many_attempts
login: unavailable
login: wrong_password
look at a stolen token: ok
password changed
person removed or back
redeem: invalid_client
redeem: invalid_grant, expired
redeem: invalid_grant, not entitled
redeem: invalid_grant, unknown
redeem: invalid_grant, used before
redeem: invalid_grant, wrong code verifier
redeem: ok
redeem: unavailable
refresh answer repeated
refresh: invalid_client
refresh: invalid_grant, expired
refresh: invalid_grant, not entitled
refresh: invalid_grant, unknown
refresh: invalid_grant, used before
refresh: ok
refresh: unavailable
replica died
replica started
request token: nonce_used
request token: ok
revoke: ok
revoke: unavailable
sent twice
sign out: ok
stolen code: invalid_grant, unknown
stolen code: invalid_grant, wrong code verifier
stolen refresh token: invalid_grant, unknown
stolen refresh token: invalid_grant, used before
stolen refresh token: ok
store down
suspend or resume
sweep: ok
take or give a scope
time passes
verify: active: false
verify: active: true
withdraw or give entitlement
`), "\n")

// events are those of the audit log that a simulation must have seen.
var events = []authserver.EventName{
	authserver.EventLoginSucceeded, authserver.EventLoginFailed, authserver.EventLoginThrottled, authserver.EventSignedOut,
	authserver.EventPersonEnded, authserver.EventPersonReturned, authserver.EventPasswordChanged, authserver.EventEntitlementRefused,
	authserver.EventConsentAllowed, authserver.EventConsentDenied, authserver.EventConsentForgotten, authserver.EventGrantApproved,
	authserver.EventProofRedeemed, authserver.EventProofReused, authserver.EventTokenRefreshed, authserver.EventRefreshRepeated,
	authserver.EventRefreshReused, authserver.EventTokenIssued, authserver.EventGrantRevoked, authserver.EventTokenRevoked,
	authserver.EventClientRefused, authserver.EventRequestRefused,
}

// missing returns what did not happen.
func missing(happened Coverage) []string {
	var never []string
	for _, what := range needed {
		if happened[what] == 0 {
			never = append(never, what)
		}
	}
	for _, event := range events {
		if happened["audit "+string(event)] == 0 {
			never = append(never, "audit "+string(event))
		}
	}
	return never
}

func checkCoverage(t *testing.T, happened Coverage) {
	t.Helper()
	if never := missing(happened); len(never) > 0 {
		t.Errorf("these never happened:\n%s", strings.Join(never, "\n"))
	}
}

func TestWhatNeverHappenedIsNamed(t *testing.T) {
	happened := Coverage{}
	for _, what := range needed[1:] {
		happened.count(what)
	}
	for _, event := range events {
		happened.count("audit " + string(event))
	}
	if never := missing(happened); len(never) != 1 || never[0] != needed[0] {
		t.Errorf("missing: %q, want %q", never, needed[0])
	}
}
