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
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// oddAPI is an API server that holds what a real one would not take any more: objects of
// the form of another version.
type oddAPI struct {
	objects              []string // OAuthClients
	policies, namespaces []string
	noStream             bool // it is too old to stream what there is
	events               chan string
}

func (a *oddAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	kind, version, objects, events := "OAuthClient", "gatehouse.dev/v1alpha1", a.objects, a.events
	switch path.Base(r.URL.Path) {
	case "resourceservers":
		kind, objects, events = "ResourceServer", nil, nil
	case "oauthclientpolicies":
		kind, objects, events = "OAuthClientPolicy", a.policies, nil
	case "namespaces":
		kind, version, objects, events = "Namespace", "v1", a.namespaces, nil
	}
	switch {
	case query.Get("watch") == "":
		write(w, `{"kind":"`+kind+`List","apiVersion":"`+version+`","metadata":{"resourceVersion":"10"},"items":[`+strings.Join(objects, ",")+`]}`)
		return
	case query.Get("sendInitialEvents") == "true" && a.noStream:
		w.WriteHeader(http.StatusUnprocessableEntity)
		write(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	case query.Get("sendInitialEvents") == "true":
		for _, o := range objects {
			write(w, `{"type":"ADDED","object":`+o+`}`+"\n")
		}
		write(w, `{"type":"BOOKMARK","object":{"kind":"`+kind+`","apiVersion":"`+version+`","metadata":{"resourceVersion":"10","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n")
	}
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case event := <-events:
			write(w, event+"\n")
		}
	}
}

func write(w io.Writer, s string) { _, _ = io.WriteString(w, s) }

// raw returns the object as JSON, with old replaced by new.
func raw(t *testing.T, o client.Object, old, new string) string {
	t.Helper()
	o.SetResourceVersion("9")
	out, err := json.Marshal(o)
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

// app returns an OAuthClient of a namespace of its own.
func app(namespace string) *v1alpha1.OAuthClient {
	oc := photoprint(func(o *v1alpha1.OAuthClient) {
		o.APIVersion, o.Kind = "gatehouse.dev/v1alpha1", "OAuthClient"
		o.Namespace, o.Name, o.UID, o.Status.ClientID = namespace, "app", types.UID("u-"+namespace), namespace+".app"
		o.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + namespace + ".example/callback")}
	})
	return oc
}

func TestOneObjectThatCannotBeReadDisturbsNoOther(t *testing.T) {
	permissive := policyNamed("default")
	permissive.APIVersion, permissive.Kind = "gatehouse.dev/v1alpha1", "OAuthClientPolicy"
	broken := policyNamed("other")
	broken.APIVersion, broken.Kind = permissive.APIVersion, permissive.Kind
	for name, noStream := range map[string]bool{"streamed": false, "listed": true} {
		t.Run(name, func(t *testing.T) {
			server := &oddAPI{noStream: noStream, events: make(chan string, 10), objects: []string{
				raw(t, app("a"), `"spec":{`, `"spec":{"grantDurationDays":"ninety",`),
				raw(t, app("b"), `"spec":{`, `"spec":{`),
				raw(t, app("c"), `"spec":{`, `"spec":[],"other":{`),
				raw(t, app("d"), `"credentials":[`, `"credentials":[7,`),
			}, policies: []string{raw(t, permissive, `"spec":{`, `"spec":{`), raw(t, broken, `"clients":{`, `"clients":7,"other":{`)}}
			for _, ns := range []string{"a", "b", "c", "d"} {
				server.namespaces = append(server.namespaces, `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"`+ns+`","resourceVersion":"9"},"spec":7}`)
			}
			http := httptest.NewServer(server)
			t.Cleanup(http.Close)
			r, err := New(&rest.Config{Host: http.URL}, "", View{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			run(t, r)
			if err := r.WaitForSync(t.Context()); err != nil || !r.Synced() {
				t.Fatal(err)
			}
			wantState(t, r, "at first", map[string]string{"client b.app": "u-b"})
			// b breaks, a is put right, and both come over one stream.
			server.events <- `{"type":"MODIFIED","object":` + raw(t, app("b"), `"spec":{`, `"spec":7,"other":{`) + `}`
			server.events <- `{"type":"MODIFIED","object":` + raw(t, app("a"), `"spec":{`, `"spec":{`) + `}`
			server.events <- `{"type":"DELETED","object":` + raw(t, app("c"), `"spec":{`, `"spec":[],"other":{`) + `}`
			testenv.Eventually(t, time.Minute, "a is served", func() bool { _, ok := r.ByID("a.app"); return ok })
			wantState(t, r, "later", map[string]string{"client a.app": "u-a"})
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
