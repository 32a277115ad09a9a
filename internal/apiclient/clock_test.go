// SPDX-License-Identifier: Apache-2.0

package apiclient

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// transport answers with what the test wants.
type transport func() (*http.Response, error)

func (f transport) RoundTrip(*http.Request) (*http.Response, error) { return f() }

func TestTheSkewIsThatOfTheLastAnswer(t *testing.T) {
	shows, elapsed := noon, time.Duration(0)
	date, gone := "", false
	c := &Clock{now: func() time.Time { return shows }, elapsed: func() time.Duration { return elapsed }}
	client := c.Wrap(transport(func() (*http.Response, error) {
		if gone {
			return nil, errors.New("gone")
		}
		w := httptest.NewRecorder()
		if date != "" {
			w.Header().Set("Date", date)
		}
		return w.Result(), nil
	}))
	ask := func() {
		t.Helper()
		response, err := client.RoundTrip(httptest.NewRequest(http.MethodGet, "/", nil))
		if (err != nil) != gone {
			t.Fatal(err)
		}
		if err == nil {
			_ = response.Body.Close()
		}
	}
	check := func(name string, want time.Duration, known bool) {
		t.Helper()
		if skew, ok := c.Skew(); skew != want || ok != known {
			t.Errorf("%s: skew %s, known %v, want %s, %v", name, skew, ok, want, known)
		}
	}
	check("before the first answer", 0, false)
	ask()
	check("an answer without a date", 0, false)
	date = "yesterday"
	ask()
	check("an answer with a date that is none", 0, false)
	date = noon.Add(-time.Hour).Format(http.TimeFormat)
	ask()
	check("an hour ahead", time.Hour, true)
	date = noon.Format(http.TimeFormat)
	ask()
	check("the same", 0, true)
	if !c.Last().Equal(noon) {
		t.Errorf("the last answer is of %s", c.Last())
	}
	shows, elapsed = shows.Add(10*time.Minute), elapsed+10*time.Minute
	check("ten minutes later", 0, true)
	shows = shows.Add(365 * 24 * time.Hour)
	check("set ahead since the last answer", 365*24*time.Hour, true)
	gone = true
	ask()
	check("and the API server is gone", 365*24*time.Hour, true)
	shows = shows.Add(-730 * 24 * time.Hour)
	check("set back since", -365*24*time.Hour, true)
}
