// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Usage tells what the authorization server has seen of credentials.
type Usage interface {
	// LastUsed returns when the credential of the OAuthClient or ResourceServer with the UID was last used, to the hour. The
	// zero time: never, since the server has counted. known is false while the server could not be asked lately: then nothing
	// follows from it, and whoever waits goes on waiting.
	LastUsed(uid types.UID, credentialID string) (at time.Time, known bool)
}

// UsageUnknown is the Usage where no server is asked: nothing is ever known.
type UsageUnknown struct{}

// LastUsed is part of Usage.
func (UsageUnknown) LastUsed(types.UID, string) (time.Time, bool) { return time.Time{}, false }
