// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the OpenID Foundation's test plans for OpenID providers, written anew: each module is a subtest under
// its published name, and docs/conformance.md says of each whether it passes.
//
//	go test ./test/conformance -run TestBasicPlan/oidcc-userinfo-get
//
// The server is the real program on a real API server, with clients that the operator registered.
package conformance
