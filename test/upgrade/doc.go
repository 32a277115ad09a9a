// SPDX-License-Identifier: Apache-2.0

// Package upgrade tests what docs/upgrade.md says. It runs the programs of an earlier commit and then those of the tree on the same
// cluster and the same store, SQLite and PostgreSQL, and looks at what people and applications had before: a client secret, a
// refresh token, a session, an OAuth 1.0a token. Then it goes back.
//
//	programs_test.go  the programs of a commit, of the tree, and of the tree with one more step of the schema
//	site_test.go      an installation whose programs change
//	holdings_test.go  what is there before, and must be there afterwards
//	person_test.go    Bob's browser
//	upgrade_test.go   up, beside each other, and back
//	released_test.go  released steps of the schema are never changed
//
// The earlier commit is the one that cut the last release: the last that changed released.sha256. Until there is a release it is the
// commit in the file base, whose stores no later version takes over.
package upgrade
