// SPDX-License-Identifier: Apache-2.0

// Package foreign lets public OAuth libraries of several languages use Gatehouse. Each walks a whole flow, as an app that uses
// the library would: over TLS, with what stands in its Secret, with a person who logs in and allows. README.md lists them.
//
// A driver is a short program in the library's language. It speaks to the test in lines of JSON: see driver_test.go.
//
// The tests install what they need, as root on Debian: the packages of hack/require.sh --libraries, the npm packages of
// javascript/package-lock.json and the Go modules of go/go.mod. Without a library the test fails. It is never skipped.
package foreign
