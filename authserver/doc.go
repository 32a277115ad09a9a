// SPDX-License-Identifier: Apache-2.0

// Package authserver is the grant engine: every rule about login, entitlement,
// consent, single use, expiry and revocation, written once for each protocol the
// server speaks. The files are the steps of a flow in the order they happen:
//
//	authorize.go    a request is proven to come from a known client for a known callback
//	login.go        the owner proves who they are; person.go who that is; people.go who has left
//	entitlement.go  may this owner use this client?
//	consent.go      the owner decides; an approval becomes a grant and a proof
//	proof.go        the client brings the proof back, once
//	token.go        access tokens, refresh, client credentials
//	assertion.go    a client that proves itself without a secret; workload.go: by the token of a ServiceAccount
//	introspect.go   what a token is worth now; revoke.go ends it; account.go and sessions.go show it to its owner
//	refused.go      what was refused, and why; explain.go: what would be; expiry.go: clients whose time is over
//
// The package does no I/O and knows neither HTTP, SQL nor Kubernetes: it declares
// what it needs (Clients, Directory, Entitlement, Store, Auditor, KeySets, TokenReviewer, Clusters) and its adapters
// provide it. The packages oauth1 and oauth2 spell its decisions, web serves them.
package authserver
