// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"testing"
	"time"
)

// Eventually waits until the condition holds and fails the test when it has not held within limit. what names the condition
// in the failure. The condition is asked every 20 ms, from the test's goroutine, so it may fail the test itself.
func Eventually(tb testing.TB, limit time.Duration, what string, condition func() bool) {
	tb.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-deadline.C:
			tb.Fatalf("not within %s: %s", limit, what)
		case <-tb.Context().Done():
			tb.Fatalf("the test ended while waiting: %s", what)
		}
	}
}
