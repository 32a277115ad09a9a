// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"testing"
)

// connectionsUsed sends n requests one after the other and returns for each whether its connection
// had served one before.
func connectionsUsed(t *testing.T, client *http.Client, url string, n int) []bool {
	t.Helper()
	var reused []bool
	for range n {
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = append(reused, info.Reused) }}
		r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("status %d", answer.StatusCode)
		}
	}
	return reused
}

func TestAServerThatLeavesAnswersAndEndsEachConnection(t *testing.T) {
	for name, protocol := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			var leaving atomic.Bool
			server := httptest.NewUnstartedServer(Leaving(leaving.Load, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.Proto)
			})))
			ended := make(chan struct{}, 16)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					ended <- struct{}{}
				}
			}
			server.EnableHTTP2 = protocol
			server.StartTLS()
			defer server.Close()
			client := server.Client()

			if got := connectionsUsed(t, client, server.URL, 3); !slices.Equal(got, []bool{false, true, true}) {
				t.Errorf("before it leaves, connections are used again: %v", got)
			}
			leaving.Store(true)
			if got := connectionsUsed(t, client, server.URL, 1); !slices.Equal(got, []bool{true}) {
				t.Errorf("the kept connection is still answered: %v", got)
			}
			<-ended // the server ended it, without being asked for more
			if got := connectionsUsed(t, client, server.URL, 1); !slices.Equal(got, []bool{false}) {
				t.Errorf("a new connection is answered too: %v", got)
			}
			<-ended
		})
	}
}
