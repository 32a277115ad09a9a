// SPDX-License-Identifier: Apache-2.0

package apiclient

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// N182: an operator that does not know whether it leads writes nothing.
func TestN182NothingIsWrittenWithoutAFreshLease(t *testing.T) {
	const lease = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
	now, answer, slow := noon, http.StatusOK, time.Duration(0)
	f := &Fence{Lease: "operator", Valid: 12 * time.Second, Now: func() time.Time { return now }}
	client := f.Wrap(transport(func() (*http.Response, error) {
		now = now.Add(slow)
		w := httptest.NewRecorder()
		w.WriteHeader(answer)
		return w.Result(), nil
	}))
	send := func(method, path string) error {
		t.Helper()
		response, err := client.RoundTrip(httptest.NewRequest(method, path, strings.NewReader("{}")))
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	wants := func(name string, open bool) {
		t.Helper()
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			if err := send(method, "/api/v1/namespaces/shop/secrets/x"); errors.Is(err, ErrNotLeading) == open || open && err != nil {
				t.Errorf("%s: %s: %v", name, method, err)
			}
		}
		if err := send(http.MethodGet, "/api/v1/secrets"); err != nil {
			t.Errorf("%s: a read: %v", name, err)
		}
	}
	renew := func() {
		t.Helper()
		if err := send(http.MethodPut, lease+"/operator"); err != nil {
			t.Error(err)
		}
	}
	wants("before it leads", false)
	answer = http.StatusConflict
	renew()
	wants("the lease is another one's", false)
	answer = http.StatusOK
	if err := send(http.MethodPut, lease+"/another"); !errors.Is(err, ErrNotLeading) {
		t.Errorf("another lease: %v", err)
	}
	if err := send(http.MethodPost, lease); err != nil {
		t.Error(err)
	}
	wants("it has made the lease", true)
	now = now.Add(12*time.Second - 1)
	wants("just in time", true)
	now = now.Add(1)
	wants("too late", false)
	renew()
	wants("renewed", true)
	now = now.Add(-time.Hour)
	wants("a clock that was set back", true)
	now = now.Add(2 * time.Hour)
	wants("a clock that was set ahead", false)
	slow = 12 * time.Second
	renew()
	slow = 0
	wants("a renewal counts from when it was sent", false)
}
