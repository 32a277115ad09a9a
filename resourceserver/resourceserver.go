// SPDX-License-Identifier: Apache-2.0

// Package resourceserver is for APIs that take Gatehouse's tokens. It lets a request reach a
// net/http handler when its access token has the scope that the handler needs, and tells the
// handler who called:
//
//	config, err := resourceserver.Mounted("/etc/gatehouse") // the API's own Secret
//	guard, err := resourceserver.New(config)
//	mux.Handle("GET /photos", guard.Require("photos.read", photos))
//
// Two kinds of requests are taken:
//
//	bearer tokens    OAuth 2.x: the token is introspected (RFC 7662). It stands in the header
//	                 Authorization: a token in a URL ends up in logs.
//	signed requests  OAuth 1.0a: what was signed is handed to Gatehouse, which knows the client's
//	                 secret and remembers nonces (RFC 5849 §3.2). The signature stands in the
//	                 header Authorization, in the form or in the query (§3.5). One in a URL is worth
//	                 nothing to who reads it in a log: it is good once.
//
// Gatehouse is asked about each request, so what an owner took back ends at once. Nothing is
// cached. When Gatehouse cannot be asked, nobody is let in, and the answer is 503. An API whose
// ResourceServer asks for JWTs (RFC 9068) can verify them here instead, by the published keys:
// then it takes one that was revoked until it expires, an hour after it was issued at most.
// (What a client signs with PLAINTEXT holds its secrets, and they pass through the API; which
// clients may do so is Gatehouse's to say.)
//
// The files are the steps of a request: config.go what a guard is made of, guard.go the
// decision, signed.go what of a request is signed, ask.go the questions to Gatehouse, refuse.go
// the answers to those who are not let in. jwt.go verifies JWTs and keys.go knows the keys;
// metadata.go tells clients where to get a token (RFC 9728). Beside the standard library the package
// uses go-jose for JWTs, and internal/httpsyntax, which reads headers and forms.
package resourceserver
