// SPDX-License-Identifier: Apache-2.0

// Package terminal knows what could steer the terminal of whoever reads names and messages of other people.
package terminal

import "unicode"

// Steers reports whether the sign does more than stand in its place: control characters, which begin escape sequences, what breaks a
// line, and what changes the direction of the text after it (the property Bidi_Control of Unicode), so that it reads as something else.
func Steers(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}
