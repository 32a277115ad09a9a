// SPDX-License-Identifier: Apache-2.0

// Package manifests holds the tests of the folder config: every manifest is applied to a real API server as a user
// would apply it, pods are made from the Deployments under the restricted Pod Security standard, and the roles are
// shown to allow what the two programs need and nothing else.
package manifests
