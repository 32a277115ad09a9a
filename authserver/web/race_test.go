// SPDX-License-Identifier: Apache-2.0

//go:build race

package web_test

// raceAllocations is what the race detector may add: it empties pools at random.
const raceAllocations = 100
