// SPDX-License-Identifier: Apache-2.0

package openid

// The levels of a login, as acr, acr_values and acr_values_supported name them (OpenID Connect Core §2).
const (
	ACROneFactor  = "urn:gatehouse:acr:1fa"
	ACRTwoFactors = "urn:gatehouse:acr:2fa"
)
