// SPDX-License-Identifier: Apache-2.0

// Package differential compares our verification of OAuth 1.0a signatures with signers that share no code with it, nor with
// each other: Python's oauthlib, Ruby's oauth and Perl's Net::OAuth. Each signs the same generated requests, with the
// protocol parameters in every place and with every trouble of encoding. We must accept what they sign, accept it too when it
// is spelled differently with the same meaning (RFC 5849 §3.4.1), and refuse it when anything that is signed was changed.
//
// Where a signer and we differ, the RFC decides. The table in differences_test.go names its section and says who is
// wrong. A difference that is not in the table fails the test.
//
// Requests are generated from their number, so that a failure can be repeated. The signers are programs in the folder
// signers that read and write lines of JSON. The test installs what they need, as root on Debian. It is never skipped.
package differential
