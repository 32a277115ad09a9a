// SPDX-License-Identifier: Apache-2.0

// Package policy holds the policy that an installation begins with, for programs that check objects without a cluster.
package policy

import _ "embed"

// Default is the OAuthClientPolicy that is called default, as YAML.
//
//go:embed default.yaml
var Default []byte
