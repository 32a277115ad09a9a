// SPDX-License-Identifier: Apache-2.0

package adminapi

import "time"

// RefusalList is what a replica remembers of requests that it refused, newest first.
type RefusalList struct {
	Items []Refusal `json:"items"`
	// More is set where there are older ones that are not listed.
	More bool `json:"more,omitempty"`
}

// Refusal is a request that was refused.
type Refusal struct {
	RequestID string    `json:"requestID"`
	At        time.Time `json:"at"`
	// Namespace and Client are of the OAuthClient. Empty: it is not known, or not served any more.
	Namespace string `json:"namespace,omitempty"`
	Client    string `json:"client,omitempty"`
	ClientUID string `json:"clientUID,omitempty"`
	// Person is the name of the person whom the request was about. Never in a list of PathRefused.
	Person string `json:"person,omitempty"`
	// Error is the code (RFC 6749 §5.2, or one of the server's own), and Description what the outside was told. Never in a list of
	// PathRefused.
	Error       string `json:"error,omitempty"`
	Description string `json:"description,omitempty"`
	// Cause is what only those who run the server are told. Never in a list of PathRefused.
	Cause    string    `json:"cause,omitempty"`
	Mismatch *Mismatch `json:"mismatch,omitempty"`
}

// Mismatch is how a request differs from what its client declares.
type Mismatch struct {
	// Reason is one of the Mismatch words below.
	Reason string `json:"reason"`
	// Asked is what came with the request, and Declared what the client may have. Both are cleaned and bounded.
	Asked    []string `json:"asked,omitempty"`
	Declared []string `json:"declared,omitempty"`
}

// The reasons of a Mismatch.
const (
	CallbackDiffers = "CallbackDiffers"
	PKCEMissing     = "PKCEMissing"
	ScopeNotAllowed = "ScopeNotAllowed"
)

// Explanation is what each step of the browser flow would say to an authorization request, in the order of the flow.
type Explanation struct {
	Checks []Check `json:"checks"`
	// Note says what could not be known; may be empty.
	Note string `json:"note,omitempty"`
}

// Check is what one step says.
type Check struct {
	Name   string `json:"name"`
	Passes bool   `json:"passes"`
	Text   string `json:"text"`
}
