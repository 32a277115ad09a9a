// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Usage tells what the authorization server has seen of credentials.
type Usage interface {
	// LastUsed returns what the server has seen of the credential of the OAuthClient or ResourceServer with the UID. known is
	// false while the server could not be asked lately: then nothing follows from it, and whoever waits goes on waiting.
	LastUsed(uid types.UID, credentialID string) (last LastUse, known bool)
}

// LastUse is when a credential was last used, as far as the authorization server has counted. All times are to the hour.
type LastUse struct {
	// At is the last use between Since and Until. The zero time: there was none.
	At time.Time
	// Since and Until are when the server began to count, and until when it has written what it counted. Nobody knows of a
	// use before or after.
	Since, Until time.Time
}

// UsageUnknown is the Usage where no server is asked: nothing is ever known.
type UsageUnknown struct{}

// LastUsed is part of Usage.
func (UsageUnknown) LastUsed(types.UID, string) (LastUse, bool) { return LastUse{}, false }
