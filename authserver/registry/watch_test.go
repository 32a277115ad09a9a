// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// oddAPI is an API server that holds what a real one would not take any more: objects of
// the form of another version.
type oddAPI struct {
	objects  []string
	noStream bool // it is too old to stream what there is
	events   chan string
}

func (a *oddAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case query.Get("watch") == "":
		write(w, `{"kind":"OAuthClientList","apiVersion":"gatehouse.dev/v1alpha1","metadata":{"resourceVersion":"10"},"items":[`+strings.Join(a.objects, ",")+`]}`)
		return
	case query.Get("sendInitialEvents") == "true" && a.noStream:
		w.WriteHeader(http.StatusUnprocessableEntity)
		write(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	case query.Get("sendInitialEvents") == "true":
		for _, o := range a.objects {
			write(w, `{"type":"ADDED","object":`+o+`}`+"\n")
		}
		write(w, `{"type":"BOOKMARK","object":{"kind":"OAuthClient","apiVersion":"gatehouse.dev/v1alpha1","metadata":{"resourceVersion":"10","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
	}
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case event := <-a.events:
			write(w, event+"\n")
		}
	}
}

func write(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// raw returns the object as JSON, with old replaced by new.
func raw(t *testing.T, oc *v1alpha1.OAuthClient, old, new string) string {
	t.Helper()
	oc.APIVersion, oc.Kind, oc.ResourceVersion = "gatehouse.dev/v1alpha1", "OAuthClient", "9"
	out, err := json.Marshal(oc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte(old)) {
		t.Fatalf("%s does not hold %s", out, old)
	}
	return strings.Replace(string(out), old, new, 1)
}

// run runs the registry until the test ends.
func run(t *testing.T, r *Registry) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
}

func TestOneObjectThatCannotBeReadDisturbsNoOther(t *testing.T) {
	for name, noStream := range map[string]bool{"streamed": false, "listed": true} {
		t.Run(name, func(t *testing.T) {
			server := &oddAPI{noStream: noStream, events: make(chan string, 10), objects: []string{
				raw(t, api("a", 0, "x"), `"spec":{`, `"spec":{"grantDurationDays":"ninety",`),
				raw(t, api("b", 1, "x"), `"spec":{`, `"spec":{`),
				raw(t, api("c", 2), `"spec":{`, `"spec":[],"other":{`),
				raw(t, api("d", 3), `"conditions":[`, `"conditions":[7,`),
			}}
			http := httptest.NewServer(server)
			t.Cleanup(http.Close)
			r, err := New(&rest.Config{Host: http.URL}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			run(t, r)
			if err := r.WaitForSync(t.Context()); err != nil || !r.Synced() {
				t.Fatal(err)
			}
			want := map[string]string{"client b.api": "u-b x", "scope x": "x of b"}
			if diff := cmp.Diff(want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			// b breaks, a is put right, and both come over one stream.
			server.events <- `{"type":"MODIFIED","object":` + raw(t, api("b", 1, "x"), `"resourceServer":{`, `"resourceServer":7,"other":{`) + `}`
			server.events <- `{"type":"MODIFIED","object":` + raw(t, api("a", 0, "x"), `"spec":{`, `"spec":{`) + `}`
			server.events <- `{"type":"DELETED","object":` + raw(t, api("c", 2), `"spec":{`, `"spec":[],"other":{`) + `}`
			testenv.Eventually(t, time.Minute, "a is served", func() bool { _, ok := r.ByID("a.api"); return ok })
			want = map[string]string{"client a.api": "u-a x", "scope x": "x of a"}
			if diff := cmp.Diff(want, state(t, r)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAServerThatWaitsSaysEveryFewSecondsWhatFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		w := &watch{log: slog.New(slog.NewTextHandler(&logged, nil)), filled: make(chan struct{})}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := w.wait(t.Context(), "waiting for it"); err != nil {
				t.Errorf("wait: %v", err)
			}
		})
		later, cancel := context.WithTimeout(t.Context(), 3*remindEvery+time.Second)
		defer cancel()
		<-later.Done()
		close(w.filled)
		waiting.Wait()
		if got := strings.Count(logged.String(), "waiting for it"); got != 3 {
			t.Errorf("said %d times", got)
		}
		gone, leave := context.WithCancelCause(t.Context())
		leave(fmt.Errorf("told to stop"))
		w.filled = make(chan struct{})
		if err := w.wait(gone, ""); err == nil || err.Error() != "told to stop" {
			t.Errorf("wait = %v", err)
		}
	})
}
