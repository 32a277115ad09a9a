// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package operator

import (
	"flag"
	"testing"
)

// The sizes of the long forms. hack/chaos.sh ./test/operator -args -clients=100 -kills=10 tries whether they run.
var (
	inLong  = flag.Int("clients", 1000, "how many clients there are")
	atKills = flag.Int("kills", 200, "how often the operator is killed")
)

// The long form of N183 and N184.
func TestChaosOperatorIsKilledUnderFaults(t *testing.T) {
	disturb(t, disorder{apps: *inLong, kills: *atKills, rate: 0.15, between: 400})
}

// The long forms of N181 and N182.
func TestChaosOperatorTakesOverFromOneThatWasKilled(t *testing.T) { handOverByKill(t, *inLong) }

func TestChaosOperatorTakesOverFromOneThatEnds(t *testing.T) { handOverByEnd(t, *inLong) }

func TestChaosOperatorThatWasPausedWritesNothingWrong(t *testing.T) { pauseLeader(t, *inLong) }
