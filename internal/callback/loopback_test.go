// SPDX-License-Identifier: Apache-2.0

package callback_test

import (
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/callback"
)

func TestThePortOfALoopbackURLIsTakenOutAndPutBack(t *testing.T) {
	for uri, want := range map[string]struct {
		host string
		port uint16
	}{
		"http://127.0.0.1/cb":            {"127.0.0.1", 0},
		"http://127.0.0.1:50123/cb?x=1":  {"127.0.0.1:50123", 50123},
		"http://[::1]:65535":             {"[::1]:65535", 65535},
		"http://[::1]/cb":                {"[::1]", 0},
		"http://localhost:1/cb":          {"localhost:1", 1},
		"http://localhost:65536/cb":      {"", 0},
		"https://app.example:8443/cb":    {"", 0},
		"http://127.0.0.1.example:80/cb": {"", 0},
		"com.example.app:/cb":            {"", 0},
	} {
		if host, port := callback.LoopbackHost(uri), callback.LoopbackPort(uri); host != want.host || port != want.port {
			t.Errorf("%s: host %q, port %d", uri, host, port)
		}
		if got := callback.WithLoopbackPort(uri, callback.LoopbackPort(uri)); got != uri {
			t.Errorf("%s comes back as %s", uri, got)
		}
	}
	if got := callback.WithLoopbackPort("http://[::1]:7000/cb?x", 50123); got != "http://[::1]:50123/cb?x" {
		t.Errorf("with another port it is %s", got)
	}
}
