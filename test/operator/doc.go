// SPDX-License-Identifier: Apache-2.0

// Package operator tests the operator as a process on a real API server: killed at any request,
// behind an API server that answers with errors or not at all, and beside a second operator.
//
// Three things are true at the end, and a watch that saw every version of every object says so
// (ledger_test.go): every object is as it should be, nothing was minted twice, and a client
// secret that worked was never refused. No time decides a test: programs are killed at requests,
// and what is waited for is seen in the cluster.
package operator
