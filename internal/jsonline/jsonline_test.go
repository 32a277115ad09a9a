// SPDX-License-Identifier: Apache-2.0

package jsonline_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

type line struct {
	Time  time.Time `json:"time"`
	Text  string    `json:"text"`
	Maybe string    `json:"maybe,omitempty"`
	List  []string  `json:"list,omitempty"`
	Words string    `json:"words,omitempty"`
	Count int64     `json:"count"`
	Exp   int64     `json:"exp,omitempty"`
	Yes   bool      `json:"yes"`
}

func write(l line, words []string) string {
	o := jsonline.Begin([]byte("before "))
	o.Time("time", l.Time, time.RFC3339Nano)
	o.String("text", l.Text)
	o.OptionalString("maybe", l.Maybe)
	o.OptionalStrings("list", l.List)
	o.OptionalWords("words", words)
	o.Int("count", l.Count)
	o.OptionalInt("exp", l.Exp)
	o.Bool("yes", l.Yes)
	return string(o.End())
}

func FuzzAnObjectIsWhatEncodingJSONWrites(f *testing.F) {
	f.Add("plain", "", "a", int64(0))
	f.Add(`"quotes" and \ and <tags> & more`, "x\x00\x1f\x7f", "ümläut \u2028\u2029", int64(-5))
	f.Add("\xff no UTF-8", "💥", "\n\r\t", int64(1<<62))
	f.Fuzz(func(t *testing.T, text, maybe, item string, n int64) {
		l := line{
			Time: time.Unix(n%1e9, 123e6).UTC(), Text: text, Maybe: maybe, List: []string{item, text}, Words: item + " " + text,
			Count: n, Exp: n, Yes: n > 0,
		}
		want, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if got := write(l, []string{item, text}); got != "before "+string(want) {
			t.Errorf("wrote\n%s\nwant\n%s", got, want)
		}
	})
}

func TestWhatIsEmptyIsLeftOut(t *testing.T) {
	if got, want := write(line{Time: time.Unix(0, 0).UTC()}, nil), `before {"time":"1970-01-01T00:00:00Z","text":"","count":0,"yes":false}`; got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
}

func TestABufferComesEmpty(t *testing.T) {
	for range 3 {
		jsonline.Use(func(b []byte) []byte {
			if len(b) != 0 {
				t.Errorf("the buffer holds %q", b)
			}
			return append(b, "what was written"...)
		})
	}
}
