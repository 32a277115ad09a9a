// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package sqlite

import "testing"

// TestChaosAThousandKills is the long form of TestN177WhatWasAnsweredSurvivesAKill.
func TestChaosAThousandKills(t *testing.T) { killAgainAndAgain(t, 1000, 200) }
