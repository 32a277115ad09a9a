// SPDX-License-Identifier: Apache-2.0

// Package adminapi is what the admin endpoint of the authorization server and its callers say to each other: paths, JSON,
// and a client. docs/admin-endpoint.md describes it for people.
package adminapi

import "time"

// Paths. A segment in braces is a name.
const (
	Prefix              = "/admin/v1/"
	PathUsage           = Prefix + "clients/usage"
	PathGrants          = Prefix + "grants"
	PathNamespaceGrants = Prefix + "namespaces/{namespace}/grants"
	PathClientGrants    = Prefix + "namespaces/{namespace}/clients/{name}/grants"
	PathGrant           = PathClientGrants + "/{id}"
	PathClientUsage     = Prefix + "namespaces/{namespace}/clients/{name}/usage"
	PathExplain         = Prefix + "namespaces/{namespace}/clients/{name}/explain"
	// Below are what one replica refused: who wants to know of all asks each.
	PathRefused           = Prefix + "clients/refused"
	PathRefusals          = Prefix + "refusals"
	PathNamespaceRefusals = Prefix + "namespaces/{namespace}/refusals"
	PathClientRefusals    = Prefix + "namespaces/{namespace}/clients/{name}/refusals"
)

// What a caller has to be allowed, as subresources of oauthclients in the group gatehouse.dev.
const (
	ResourceUsage  = "usage"
	ResourceGrants = "grants"
)

const (
	// MaxPage is how many entries a page holds at most, and of usage by default.
	MaxPage = 500
	// DefaultGrants is how many grants a page holds that asks for no number.
	DefaultGrants = 100
	// MaxReplicas is how many replicas of the authorization server are asked at most.
	MaxReplicas = 32
	// MaxContinue bounds the text that leads from one page to the next, in bytes.
	MaxContinue = 512
)

// Audience returns the audience that a token for the admin endpoint of the issuer must have.
func Audience(issuer string) string { return "admin@" + issuer }

// UsagePage is a page of what is remembered of the use of clients and resource servers.
type UsagePage struct {
	// Counting is on the first page.
	Counting *Counting     `json:"counting,omitempty"`
	Items    []ClientUsage `json:"items"`
	// Continue leads to the next page. Empty: this is the last one.
	Continue string `json:"continue,omitempty"`
}

// Counting says since when uses are counted without a gap, and until when they are written.
type Counting struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// ClientUsage is what is remembered of one client or resource server. Times are to the hour. What does not fit on a page is
// continued on the next one, under the same UID.
type ClientUsage struct {
	UID string `json:"uid"`
	// Namespace and Name are of the OAuthClient. Empty: it is a ResourceServer, or not served.
	Namespace string     `json:"namespace,omitempty"`
	Name      string     `json:"name,omitempty"`
	Since     time.Time  `json:"since"`
	LastUsed  time.Time  `json:"lastUsed"`
	PKCE      *PKCEUsage `json:"pkce,omitempty"`
	IDToken   *IDToken   `json:"largestIDToken,omitempty"`
	// Credentials that were used.
	Credentials []CredentialUsage `json:"credentials,omitempty"`
}

// PKCEUsage counts the codes that were redeemed, by whether their requests had a code challenge (RFC 7636).
type PKCEUsage struct {
	Challenged       int64      `json:"challenged"`
	Unchallenged     int64      `json:"unchallenged"`
	LastChallenged   *time.Time `json:"lastChallenged,omitempty"`
	LastUnchallenged *time.Time `json:"lastUnchallenged,omitempty"`
}

// IDToken is the largest ID token of the last days.
type IDToken struct {
	Bytes    int64     `json:"bytes"`
	IssuedAt time.Time `json:"issuedAt"`
}

// CredentialUsage is when a credential was last used.
type CredentialUsage struct {
	ID       string    `json:"id"`
	LastUsed time.Time `json:"lastUsed"`
}

// GrantPage is a page of live grants.
type GrantPage struct {
	Items    []Grant `json:"items"`
	Continue string  `json:"continue,omitempty"`
}

// Grant is what a person lets a client do.
type Grant struct {
	ID string `json:"id"`
	// Namespace and Client are of the OAuthClient. Empty: it is not served any more.
	Namespace  string    `json:"namespace,omitempty"`
	Client     string    `json:"client,omitempty"`
	ClientUID  string    `json:"clientUID"`
	Person     Person    `json:"person"`
	Scopes     []string  `json:"scopes"`
	ApprovedAt time.Time `json:"approvedAt"`
	EndsAt     time.Time `json:"endsAt"`
}

// Person is who gave a grant.
type Person struct {
	// Subject names the person for good. A name may go to somebody else.
	Subject string `json:"subject"`
	Name    string `json:"name,omitempty"`
	Source  string `json:"source,omitempty"`
}

// Revoked says how many grants a call ended.
type Revoked struct {
	Revoked int `json:"revoked"`
	// More is set where others are left: call again.
	More bool `json:"more,omitempty"`
}

// Failure is every answer that is no success.
type Failure struct {
	// Reason is one word that programs may rely on.
	Reason  string `json:"reason"`
	Message string `json:"message"`
}
