// SPDX-License-Identifier: Apache-2.0

//go:build clockoffset

// Package wallclock is a clock that is wrong, for tests: ahead of the machine's by a duration that the environment names.
package wallclock

import (
	"os"
	"time"
)

// Variable names the duration, as time.ParseDuration reads it. A clock that is behind has a negative one.
const Variable = "GATEHOUSE_TEST_CLOCK_OFFSET"

// offset is how far the clock is ahead.
var offset = read()

func read() time.Duration {
	text, found := os.LookupEnv(Variable)
	if !found {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(Variable + ": " + err.Error())
	}
	return d
}

// Now tells the time. Differences of two times that it told are right.
func Now() time.Time { return time.Now().Add(offset) } //nolint:forbidigo // the only place: others pass this function on
