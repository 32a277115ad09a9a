// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime/debug"
)

// gcPercent has the garbage collector run twice as often as usual: what the operator keeps is
// large next to what it works on. GOMEMLIMIT bounds the rest; the manifests set it.
const gcPercent = 50

// tuneMemory sets what the environment does not: GOGC wins.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
