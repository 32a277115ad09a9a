// SPDX-License-Identifier: Apache-2.0

//go:build chaos

package postgres

import "testing"

// TestChaosAThousandKillsOfServerAndDatabase is the long form of TestN177WhatWasAnsweredSurvivesAKillOfServerAndDatabase.
func TestChaosAThousandKillsOfServerAndDatabase(t *testing.T) { killAgainAndAgain(t, 1000, 300) }
