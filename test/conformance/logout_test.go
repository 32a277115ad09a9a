// SPDX-License-Identifier: Apache-2.0

package conformance

// rpInitiatedLogoutPlan is the plan of RP-Initiated OP, and backChannelLogoutPlan that of Back-Channel OP. The server has neither yet.
var rpInitiatedLogoutPlan = plan{"oidcc-rp-initiated-logout-certification-test-plan", "TestRPInitiatedLogoutPlan", []module{
	{"oidcc-rp-initiated-logout-discovery-endpoint-verification", nil},
	{"oidcc-rp-initiated-logout", nil},
	{"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri", nil},
	{"oidcc-rp-initiated-logout-modified-id-token-hint", nil},
	{"oidcc-rp-initiated-logout-no-id-token-hint", nil},
	{"oidcc-rp-initiated-logout-no-params", nil},
	{"oidcc-rp-initiated-logout-no-post-logout-redirect-uri", nil},
	{"oidcc-rp-initiated-logout-no-state", nil},
	{"oidcc-rp-initiated-logout-only-state", nil},
	{"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri", nil},
	{"oidcc-rp-initiated-logout-bad-id-token-hint", nil},
}}

var backChannelLogoutPlan = plan{"oidcc-backchannel-rp-initiated-logout-certification-test-plan", "TestBackChannelLogoutPlan", []module{
	{"oidcc-backchannel-logout-discovery-endpoint-verification", nil},
	{"oidcc-backchannel-rp-initiated-logout", nil},
}}
