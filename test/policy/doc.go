// SPDX-License-Identifier: Apache-2.0

// Package policy holds the tests that a real API server says the same as the programs: about the forms of callback
// URLs, and about what the OAuthClientPolicy of a namespace allows.
package policy
