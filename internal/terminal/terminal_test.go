// SPDX-License-Identifier: Apache-2.0

package terminal

import "testing"

func TestWhatSteersATerminal(t *testing.T) {
	for _, r := range "\x00\a\b\t\n\r\x1b\x7f\u0080\u0085\u009b\u009f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069" {
		if !Steers(r) {
			t.Errorf("%U does not", r)
		}
	}
	for _, r := range " aZ~?\u00a0\u00e9\u05d0\u0627\u200d\u2027\u202f\u2065\u206a\u4e16\U0001f600" {
		if Steers(r) {
			t.Errorf("%U does", r)
		}
	}
}
