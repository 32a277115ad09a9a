// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"html"
)

// bar is a ratio beside its aim.
type bar struct {
	name       string
	ratio, aim float64
}

// bars are the rows that have an aim.
func bars(rows []*row) []bar {
	var out []bar
	for _, r := range rows {
		if r.aim > 0 {
			out = append(out, bar{r.name + ", beside " + r.against, r.ratio(), r.aim})
		}
	}
	return out
}

const (
	plotLeft, plotWidth = 390, 400 // of the bars, in pixels
	plotLine, plotTop   = 34, 44
)

// plot draws bars, readable on a light and on a dark page. A line marks each aim.
func plot(bars []bar) []byte {
	most := 1.0
	for _, b := range bars {
		most = max(most, b.ratio, b.aim)
	}
	scale := plotWidth / most
	height := plotTop + plotLine*len(bars) + 10
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Ratios beside their aims">
<style>
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.bar { fill: #2f6f9f } .missed { fill: #b3563b } .aim { stroke: #1f2328; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .bar { fill: #6cb2e0 } .missed { fill: #e08b6d } .aim { stroke: #e6edf3 }
}
</style>
<text x="10" y="24">Throughput as a ratio; the line is the aim</text>
`, plotLeft+plotWidth+70, height)
	for n, b := range bars {
		y := plotTop + n*plotLine
		class := "bar"
		if b.ratio < b.aim {
			class = "missed"
		}
		at := plotLeft + b.aim*scale
		fmt.Fprintf(&out, `<text x="10" y="%d">%s</text>`+"\n", y+16, html.EscapeString(b.name))
		fmt.Fprintf(&out, `<rect class="%s" x="%d" y="%d" width="%.1f" height="22"/>`+"\n", class, plotLeft, y, b.ratio*scale)
		fmt.Fprintf(&out, `<line class="aim" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, y-4, at, y+26)
		fmt.Fprintf(&out, `<text x="%.1f" y="%d">%.2f (aim %.1f)</text>`+"\n", plotLeft+max(b.ratio, b.aim)*scale+6, y+16, b.ratio, b.aim)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}
