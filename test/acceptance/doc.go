// SPDX-License-Identifier: Apache-2.0

// Package acceptance walks programs of others that log people in with Gatehouse: the operator and the authorization server
// really run, the program is registered by its file in config/samples/apps, its Secret is handed to it as its chart does, and
// Bob uses it in a browser. README.md says which programs.
//
// The tests are behind the build tag acceptance, because the programs take minutes to build. hack/acceptance.sh runs them.
package acceptance
