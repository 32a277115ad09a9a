// SPDX-License-Identifier: Apache-2.0

//go:build !race

package web_test

const raceAllocations = 0
