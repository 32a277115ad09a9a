// SPDX-License-Identifier: Apache-2.0

// Package registry turns what the cluster declares into what the authorization server
// serves: it keeps every OAuthClient as an authserver.Client in memory, and hands on the
// keys as they change. It implements authserver.Clients.
//
//	client.go    an OAuthClient becomes a client, or a reason why it is not served
//	resourceserver.go  a ResourceServer becomes a resource server, in the same way
//	profiles.go  what the clients of one profile have in common
//	object.go    reading it from the API server without keeping what nobody needs
//	registry.go  the clients by ID and UID
//	claims.go    which client owns which scope, and which client ID that it brought along
//	keys.go      the two Secrets with the keys
//	watch.go     how both are kept up to date
//
// It only reads. When the API server is gone, what is known stays in use.
package registry
