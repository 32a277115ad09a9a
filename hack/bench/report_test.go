// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	for _, c := range []struct {
		values []int
		want   int
	}{{[]int{5}, 5}, {[]int{9, 1, 5}, 5}, {[]int{4, 3, 2, 1}, 2}, {[]int{50, 10, 40, 20, 30}, 30}} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: %d, want %d", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("%v was changed to %v", before, c.values)
		}
	}
}

func rates(of ...float64) (results []result) {
	for _, rate := range of {
		results = append(results, result{perSecond: rate, p50: time.Millisecond, p99: 20 * time.Millisecond, cost: 70 * time.Microsecond})
	}
	return results
}

func twoRows() []*row {
	return []*row{
		{name: "refresh", against: "bare handler", aim: 0.4, results: rates(9000, 4000, 5000), references: rates(10000, 10000, 1)},
		{name: "check <1>", against: "bare handler", aim: 0.6, results: rates(500), references: rates(1000)},
	}
}

func TestARatioIsOfMediansAndSaysWhetherTheAimIsReached(t *testing.T) {
	got := ratioTable(twoRows(), 1234)
	want := [][]string{
		{"refresh", "5,000", "4,000 to 9,000", "1ms", "20ms", "70µs", "bare handler", "10,000", "1 to 10,000", "70µs", "0.50", "0.4", "yes"},
		{"check <1>", "500", "500 to 500", "1ms", "20ms", "70µs", "bare handler", "1,000", "1,000 to 1,000", "70µs", "0.50", "0.6", "no"},
	}
	if !slices.EqualFunc(got.rows, want, slices.Equal) {
		t.Errorf("got %q", got.rows)
	}
	if text := got.text(); !strings.Contains(text, "refresh") || !strings.Contains(text, "1,234 small writes") || strings.Count(text, "\n") != 4 {
		t.Errorf("the text is %q", text)
	}
}

func TestOnlyWhatStandsBetweenTheMarkersIsReplaced(t *testing.T) {
	begin, end := markers("ratios")
	got, err := replaced([]byte("a\n"+begin+"old\n"+end+"b\n"), "ratios", []table{{"T", []string{"x", "y"}, [][]string{{"1", "2"}}}}, "a machine")
	if want := "a\n" + begin + "T\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\na machine\n" + end + "b\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v", got, err)
	}
	again, err := replaced(got, "ratios", []table{{"T", []string{"x", "y"}, [][]string{{"1", "2"}}}}, "a machine")
	if err != nil || string(again) != string(got) {
		t.Errorf("written twice it is %q, %v", again, err)
	}
	for _, page := range []string{"nothing", begin, end} {
		if _, err := replaced([]byte(page), "ratios", nil, ""); err == nil {
			t.Errorf("the page %q is taken", page)
		}
	}
}

func TestThePageHasTheMarkersOfEachPart(t *testing.T) {
	page := read(t, filepath.Join("..", "..", "docs", "performance.md"))
	for _, p := range parts {
		begin, end := markers(p.name)
		if strings.Count(page, begin) != 1 || strings.Count(page, end) != 1 {
			t.Errorf("docs/performance.md lacks the markers of the part %s", p.name)
		}
	}
}

func TestThePlotIsXMLWithABarAndAnAimForEachRow(t *testing.T) {
	drawing := plot(bars(append(twoRows(), &row{name: "without an aim"})))
	found := map[string]int{}
	decoder := xml.NewDecoder(strings.NewReader(string(drawing)))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, drawing)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				if a.Name.Local == "class" {
					found[a.Value]++
				}
			}
		}
	}
	if found["bar"] != 1 || found["missed"] != 1 || found["aim"] != 2 {
		t.Errorf("the plot has %v:\n%s", found, drawing)
	}
}

func TestNumbersAndDurationsAreShort(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999.4: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(f); got != want {
			t.Errorf("%f is %q, want %q", f, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1234567 * time.Nanosecond: "1.23ms", 34567 * time.Microsecond: "35ms", 12345 * time.Millisecond: "12.3s"} {
		if got := short(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

func TestFlagsAreRead(t *testing.T) {
	o, err := parse(nil)
	if err != nil || len(o.parts) != len(parts) || o.rounds != 5 || o.connections != 64 || !slices.Equal(o.stores, []string{sqlite, postgres}) {
		t.Errorf("the defaults are %+v, %v", o, err)
	}
	stderr := os.Stderr
	os.Stderr, _ = os.Open(os.DevNull) // the usage
	defer func() { os.Stderr = stderr }()
	for _, args := range [][]string{{"-part=ratio"}, {"-d=0s"}, {"-c=0"}, {"-n=-1"}, {"-clients=10,1"}, {"-grants=none"}, {"-replays=0"}, {"more"}} {
		if o, err := parse(args); err == nil {
			t.Errorf("%q is taken: %+v", args, o)
		}
	}
}
