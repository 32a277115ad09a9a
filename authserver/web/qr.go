// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// quietZone is how many modules wide the white border of a QR code is (ISO/IEC 18004 §9.1).
const quietZone = 4

// qrCode draws a text as a QR code. Its colours are those that cameras expect, in a dark page too. It stands in the page
// itself, so no policy has to allow a picture.
func qrCode(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			begin := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if width := x - begin; width > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", begin+quietZone, y+quietZone, width, width)
			}
		}
	}
	side := code.Size + 2*quietZone
	svg := fmt.Sprintf(`<svg viewBox="0 0 %[1]d %[1]d" role="img" aria-label="QR code of the key below" shape-rendering="crispEdges">`+
		`<path fill="#ffffff" d="M0 0h%[1]dv%[1]dH0z"/><path fill="#000000" d="%[2]s"/></svg>`, side, path.String())
	return template.HTML(svg), nil //nolint:gosec // numbers alone
}
