// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package simulation

import "testing"

// TestChaosSimulation runs other seeds than make test does.
func TestChaosSimulation(t *testing.T) {
	checkCoverage(t, runSeeds(t, 1_000_001, 1_000_000))
}
