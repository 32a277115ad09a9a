// SPDX-License-Identifier: Apache-2.0

// Package controllers is the operator: it gives an OAuthClient or a ResourceServer its
// credentials, in a Secret where it has a client secret, says in its status whether it is served, and keeps the keys that client secrets are
// derived from.
//
// A reconcile reads everything (observe.go), decides purely (decide.go: no client, no clock,
// no randomness) and writes (apply.go). What is decided is a list of steps, because the order
// of writes is a promise. Both kinds go the same way: subject.go is the view of either, and
// issuance.go runs it. There is a file for each question:
//
//	checks, conditions    is the object accepted, is it ready, and in which words
//	claims                who holds a callback, a scope, an identifier, a client ID
//	policy                what the namespace allows, and which scopes are open to it
//	credential, rotation, overlap    which client secrets there are, and until when
//	postpone, published   what a reset or a rotation waits for
//	validafter            since when approvals and tokens are good
//	given, assertions     client secrets, public keys and ServiceAccounts of somebody else
//	identity, record      which identity an object has, by its status and by what its Secret records
//	secret, template      what the Secret holds, whose it is, and how it is written
//	steps, retention      in which order things are written, and whether a Secret outlives its object
//	selftest, holdoffs    what becomes of a Secret that the API server stored otherwise
//	races, streaks        when a write that failed is tried again, and when that is said
//	expiry                when an object goes by itself
//	reports, refusals     what the authorization server says of clients, and what was refused
//	tally, ages, metrics  what the operator exports
//	watches, cache        what wakes a reconcile, and what is kept in memory
//	keys                  the three key Secrets of the system namespace
//
// The package knows nothing of the authorization server. What the two agree on stands in
// api/v1alpha1, internal/policy, internal/callback, internal/credential, internal/assertion,
// internal/endpoints and internal/adminapi.
package controllers
