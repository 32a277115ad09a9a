// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
)

func TestTheClientReadsWhatWasRefused(t *testing.T) {
	c := ask(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != PathRefused || r.Header.Get("Authorization") != "Bearer the-token" {
			t.Errorf("request %s %v", r.URL, r.Header)
		}
		_ = json.NewEncoder(w).Encode(RefusalList{Items: []Refusal{{RequestID: "r-1"}}})
	})
	if got, err := c.Refused(t.Context()); err != nil || len(got) != 1 || got[0].RequestID != "r-1" {
		t.Errorf("%+v, %v", got, err)
	}
	away := ask(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	got, err := away.Refused(t.Context())
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Status != http.StatusServiceUnavailable || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}
