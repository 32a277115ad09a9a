// SPDX-License-Identifier: Apache-2.0

package flows

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/devenv"
)

// office is where PhotoPrint works: a mounted Secret, and a token endpoint that takes client secrets until it is told not to.
type office struct {
	t      *testing.T
	flow   *flow
	asked  atomic.Int32
	refuse atomic.Bool
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t}
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := o.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if _, _, basic := r.BasicAuth(); !basic || o.refuse.Load() || r.FormValue("refresh_token") != fmt.Sprint("r", n-1) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":"invalid_client"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"a","token_type":"Bearer","refresh_token":"r%d"}`, n)
	}))
	t.Cleanup(site.Close)
	folder, err := devenv.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	o.flow = &flow{Environment: devenv.New(folder, devenv.Ports{}, nil, time.Now, nil), client: site.Client()}
	o.mount(map[string]string{"client-id": "photos.photoprint", "client-secret": "old", "authorization-endpoint": site.URL, "token-endpoint": site.URL})
	return o
}

func (o *office) mount(files map[string]string) {
	o.t.Helper()
	folder := o.flow.Mounted(devenv.PhotoPrint)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		o.t.Fatal(err)
	}
	for name, text := range files {
		next := filepath.Join(folder, name+".new")
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			o.t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(folder, name)); err != nil {
			o.t.Fatal(err)
		}
	}
}

func is(want string) func(string) bool { return func(secret string) bool { return secret == want } }

func TestAnAppAtWorkTakesTheClientSecretThatIsMounted(t *testing.T) {
	o := newOffice(t)
	w := o.flow.startWork(t.Context(), "r0")
	if err := w.await(t.Context(), is("old")); err != nil {
		t.Fatal(err)
	}
	o.mount(map[string]string{"client-secret": "new"})
	if err := w.await(t.Context(), is("new")); err != nil {
		t.Fatal(err)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	// The end may cut off one request that was under way.
	if cut := int(o.asked.Load()) - w.count(is("old")) - w.count(is("new")); cut != 0 && cut != 1 || len(w.got) != 2 {
		t.Errorf("%v were counted of %d requests", w.got, o.asked.Load())
	}
}

// A demo that says that no request failed has seen each of them.
func TestOneRequestThatFailsEndsTheWork(t *testing.T) {
	o := newOffice(t)
	w := o.flow.startWork(t.Context(), "r0")
	if err := w.await(t.Context(), is("old")); err != nil {
		t.Fatal(err)
	}
	o.refuse.Store(true)
	<-w.ended
	asked := o.asked.Load()
	for name, err := range map[string]error{"stop": w.stop(), "await": w.await(t.Context(), is("new"))} {
		if err == nil || !strings.Contains(err.Error(), "401 Unauthorized invalid_client") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.count(is("old")); int32(got) != asked-1 || o.asked.Load() != asked {
		t.Errorf("%d of %d requests gave tokens, then %d came", got, asked, o.asked.Load())
	}
}
