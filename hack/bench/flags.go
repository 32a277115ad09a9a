// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// numbers adds a flag that takes rising numbers, separated by commas.
func numbers(flags *flag.FlagSet, name, usage string, into *[]int, or []int) {
	*into = or
	flags.Func(name, fmt.Sprintf("%s (default: %s)", usage, strings.Trim(strings.ReplaceAll(fmt.Sprint(or), " ", ","), "[]")), func(text string) error {
		var list []int
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n <= 0 {
				return fmt.Errorf("%q is not a positive number", part)
			}
			list = append(list, n)
		}
		if !slices.IsSorted(list) {
			return fmt.Errorf("the numbers must rise")
		}
		*into = list
		return nil
	})
}
