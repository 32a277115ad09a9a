// SPDX-License-Identifier: Apache-2.0

// Package controllers is the operator: it turns an OAuthClient into a Secret, and
// keeps the keys that client secrets are derived from.
//
// There is one controller a file pair. In x_controller.go it observes (every read)
// and applies (every write); in x_plan.go it decides, purely: no client, no clock,
// no randomness. What is decided is a list of steps, because here the order of
// writes is the promise: a credential is in the status, where the authorization
// server finds it, before it is in the Secret, where the application finds it.
//
//	keys         the three key Secrets of the system namespace
//	oauthclient  one Secret for each OAuthClient
//
// The package knows nothing of the authorization server; what the two agree on
// stands in api/v1alpha1 and internal/credential.
package controllers
