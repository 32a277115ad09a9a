// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// current returns the check whether what is known of the clients is recent enough for a new
// authorization. Without a limit there is none.
func current(limit time.Duration, lastContact, now func() time.Time) func() error {
	if limit == 0 {
		return nil
	}
	return func() error {
		if age := now().Sub(lastContact()); age > limit {
			return fmt.Errorf("the API server sent nothing for %s, and registry.maxStaleMinutes is %v: %w",
				age.Truncate(time.Second), limit.Minutes(), authserver.ErrUnavailable)
		}
		return nil
	}
}
