// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// storeObserver counts what the store does, and logs what it waits for.
type storeObserver struct {
	*web.StoreMetrics
	log *slog.Logger
}

// Waiting logs why the store is not open yet.
func (o storeObserver) Waiting(since time.Duration, why error) {
	o.log.Warn("the store is not open yet: what needs it is answered with 503", "waitedSeconds", int(since.Seconds()), "err", why)
}

// Opened logs that the store is open.
func (o storeObserver) Opened(took time.Duration) {
	o.log.Info("the store is open", "tookMilliseconds", took.Milliseconds())
}
