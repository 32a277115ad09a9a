// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestASourceThatIsDownIsShown(t *testing.T) {
	down := map[string]bool{"corp": false, "hub": true}
	metrics := NewMetrics()
	metrics.WatchSources(map[string]func() bool{"corp": func() bool { return down["corp"] }, "hub": func() bool { return down["hub"] }})
	ops := OpsHandler(metrics, func(*http.Request) error { return nil })
	for _, want := range [][2]string{{"1", "0"}, {"0", "1"}} {
		w := httptest.NewRecorder()
		ops.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for n, source := range []string{"corp", "hub"} {
			if line := `gatehouse_identity_source_up{source="` + source + `"} ` + want[n] + "\n"; !strings.Contains(w.Body.String(), line) {
				t.Errorf("the metrics do not say %q", line)
			}
		}
		down["corp"], down["hub"] = true, false
	}
}
