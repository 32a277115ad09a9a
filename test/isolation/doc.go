// SPDX-License-Identifier: Apache-2.0

// Package isolation holds the tests that attack an installation as one of its tenants would: config/default on a real API server,
// the real programs with the tokens of their ServiceAccounts, and the user mallory, who has the built-in role edit in her own
// namespace and no other right. Some manage an installation as its administrators do, with kubectl (kubectl_test.go).
package isolation
