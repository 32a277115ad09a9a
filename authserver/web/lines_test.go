// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

func TestALogThatHangsStopsNobodyAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var reports []error
		release := make(chan struct{})
		l := NewLineWriter(writerFunc(func(b []byte) (int, error) { <-release; return out.Write(b) }),
			func(_ int, err error) { reports = append(reports, err) })
		for range 100 {
			if n, err := l.Write([]byte("a line\n")); n != 7 || err != nil {
				t.Fatalf("write: %d, %v", n, err)
			}
		}
		close(release)
		if err := l.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "a line\n"); got != 100 || len(reports) != 0 {
			t.Errorf("%d lines, reports %v", got, reports)
		}
	})
}

func TestTroubleIsReportedAndSoIsItsEnd(t *testing.T) {
	full := errors.New("no space left on device")
	for _, row := range []struct {
		name   string
		writes []error // one for each line
		want   []error
	}{
		{"none", []error{nil, nil}, nil},
		{"one failure", []error{nil, full, nil, nil}, []error{full, nil}},
		{"two in a row", []error{full, full, nil}, []error{full, full, nil}},
		{"to the end", []error{nil, full}, []error{full}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []error
			writes := row.writes
			l := NewLineWriter(writerFunc(func(b []byte) (int, error) {
				err := writes[0]
				writes = writes[1:]
				return len(b), err
			}), func(_ int, err error) { got = append(got, err) })
			for range row.writes {
				l.Begin([]byte("a line\n")).Wait()
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(row.want) {
				t.Fatalf("reports %v, want %v", got, row.want)
			}
			for n := range got {
				if !errors.Is(got[n], row.want[n]) {
					t.Errorf("reports %v, want %v", got, row.want)
				}
			}
		})
	}
}
