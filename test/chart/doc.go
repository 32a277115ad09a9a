// SPDX-License-Identifier: Apache-2.0

// Package chart holds the tests of the folder charts: what helm renders is what kustomize builds from config, each value does what
// values.yaml says of it, values that cannot be are refused with a sentence, and a real API server takes an installation through its
// life: install, upgrade, rollback, uninstall, install again.
package chart
