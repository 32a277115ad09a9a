// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package operator

import "testing"

// inLong is how many clients the long forms create.
const inLong = 1000

// The long form of N183 and N184.
func TestChaosOperatorIsKilledUnderFaults(t *testing.T) {
	disturb(t, disorder{apps: inLong, kills: 200, rate: 0.15, between: 400})
}

// The long forms of N181 and N182.
func TestChaosOperatorTakesOverFromOneThatWasKilled(t *testing.T) { handOverByKill(t, inLong) }

func TestChaosOperatorTakesOverFromOneThatEnds(t *testing.T) { handOverByEnd(t, inLong) }

func TestChaosOperatorThatWasPausedWritesNothingWrong(t *testing.T) { pauseLeader(t, inLong) }
