// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// startingRetry is what Retry-After says before the server was ready for the first time.
const startingRetry = 2 * time.Second

// whenStarted serves h once the server has been ready, and from then on for good. Before that the
// server does not know every client: an answer about one could be wrong, so there is none.
func (s *Site) whenStarted(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.started == nil || s.started() {
			return h(w, r)
		}
		return authserver.NewWaitError(authserver.TemporarilyUnavailable, startingRetry, "the server is starting; try again in a few seconds")
	}
}
