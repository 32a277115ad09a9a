// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"time"
)

// median returns the middle value; of an even number the lower one of the two.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// each picks a figure of every result.
func each[T any](results []result, pick func(result) T) []T {
	var out []T
	for _, r := range results {
		out = append(out, pick(r))
	}
	return out
}

func perSecond(r result) float64 { return r.perSecond }
func p50(r result) time.Duration { return r.p50 }
func p99(r result) time.Duration { return r.p99 }

func cost(r result) time.Duration { return r.cost }

// ratio is the ratio of the medians.
func (r *row) ratio() float64 {
	return median(each(r.results, perSecond)) / median(each(r.references, perSecond))
}
