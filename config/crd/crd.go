// SPDX-License-Identifier: Apache-2.0

// Package crd holds the CustomResourceDefinitions, for programs that check objects without a cluster.
package crd

import "embed"

// Bases are the definitions as YAML, a file each.
//
//go:embed bases/*.yaml
var Bases embed.FS
