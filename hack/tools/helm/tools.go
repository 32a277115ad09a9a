// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package helm pins helm, and the kinds of others that the chart writes objects of.
package helm

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	_ "sigs.k8s.io/gateway-api/apis/v1"
)
