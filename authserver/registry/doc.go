// SPDX-License-Identifier: Apache-2.0

// Package registry turns what the cluster declares into what the authorization server
// serves: it keeps every OAuthClient and ResourceServer of one class in memory as the engine
// knows them, and hands on the keys as they change. It implements authserver.Clients. It
// evaluates policy itself, and of claims it serves those that the statuses record.
//
//	registry.go        what is known, for readers, without a lock
//	table.go           the objects of one kind by name
//	object.go          reading them from the API server without keeping what nobody needs
//	policy.go          policies and namespaces
//	claims.go          to whom a claim is served that a status records
//	client.go          an OAuthClient becomes a client, or a reason why it is not served
//	resourceserver.go  a ResourceServer becomes a resource server, in the same way
//	scopes.go          which scopes are open to a client
//	publish.go         what is evaluated anew when something changes
//	profiles.go        what the clients of one profile have in common
//	keys.go            the two Secrets with the keys
//	watch.go           how all of it is kept up to date
//	events.go          reading the events of a watch
//	contact.go         what is done about an API server that hangs
//	progress.go        what of a list is on its way
//
// It only reads. When the API server is gone, what is known stays in use.
package registry
