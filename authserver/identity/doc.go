// SPDX-License-Identifier: Apache-2.0

// Package identity knows how a person proves who they are: a file or a folder for each method.
//
//	sources.go    several sources of people as one directory
//	ldap          people in an LDAP server
//	usersfile.go  a file of users, usually a mounted Secret, read again when it changes
//	users.go      what such a file says, and what is refused in it
//	hash.go       password hashes: argon2id.go and bcrypt.go
//	pool.go       how many passwords are hashed at a time
//
// It implements authserver.Directory. What a person may use is not its business: that is
// entitlement, and package access asks the API server for it. Slowing down those who
// guess is the engine's.
package identity
