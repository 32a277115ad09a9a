// SPDX-License-Identifier: Apache-2.0

// Package controllers is the operator: it turns an OAuthClient or a ResourceServer into a
// Secret, says in its status whether it is served, and keeps the keys that client secrets are
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
//	credential            which client secret there is
//	secret                what the Secret holds, whose it is, and how it is written
//	watches, cache        what wakes a reconcile, and what is kept in memory
//	keys                  the three key Secrets of the system namespace
//
// The package knows nothing of the authorization server. What the two agree on stands in
// api/v1alpha1, internal/policy, internal/callback, internal/credential and internal/endpoints.
package controllers
