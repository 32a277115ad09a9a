// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// webhook is an API server with a webhook that changes the data of each Secret, or ConfigMap, on its way in. It changes the
// request on the wire: what the operator holds stays what it sent.
type webhook struct {
	// ofMaps: of each ConfigMap, and of no Secret.
	ofMaps bool
	change func(data map[string][]byte)
	// sparesDryRuns: it leaves dry runs alone.
	sparesDryRuns bool
	// writes counts the objects that it changed, but for dry runs.
	writes atomic.Int64
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// config returns how to reach the API server through the webhook.
func (w *webhook) config(direct *rest.Config) *rest.Config {
	config := rest.CopyConfig(direct)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return transport(func(r *http.Request) (*http.Response, error) { return w.pass(r, next) })
	})
	return config
}

// changing returns a client that reaches the API server through the webhook.
func (s *fixture) changing(w *webhook) client.WithWatch {
	s.t.Helper()
	c, err := client.NewWithWatch(w.config(s.env.Config), client.Options{Scheme: s.env.Scheme})
	s.must(err)
	return c
}

func (w *webhook) pass(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	applies := r.Method == http.MethodPatch && strings.Contains(r.Header.Get("Content-Type"), "apply")
	isDryRun := r.URL.Query().Has("dryRun")
	resource := "/secrets"
	if w.ofMaps {
		resource = "/configmaps"
	}
	if !strings.Contains(r.URL.Path, resource) || r.Method != http.MethodPost && !applies || isDryRun && w.sparesDryRuns {
		return next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	changed := r.Clone(r.Context())
	if !applies { // the client sends protobuf
		if body, err = w.asJSON(body); err != nil {
			return nil, err
		}
		changed.Header.Set("Content-Type", runtime.ContentTypeJSON)
	}
	if body, err = w.changed(body); err != nil {
		return nil, err
	}
	if !isDryRun {
		w.writes.Add(1)
	}
	changed.Body, changed.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return next.RoundTrip(changed)
}

func (w *webhook) asJSON(object []byte) ([]byte, error) {
	o, kind, err := scheme.Codecs.UniversalDeserializer().Decode(object, nil, nil)
	if err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(*kind)
	return json.Marshal(o)
}

func (w *webhook) changed(object []byte) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	var err error
	if w.ofMaps {
		fields["data"], err = changedData[string](fields["data"], w.change)
	} else {
		fields["data"], err = changedData[[]byte](fields["data"], w.change)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

func changedData[V string | []byte](text []byte, change func(data map[string][]byte)) ([]byte, error) {
	held, data := map[string]V{}, map[string][]byte{}
	if err := json.Unmarshal(text, &held); err != nil {
		return nil, err
	}
	for key, value := range held {
		data[key] = []byte(value)
	}
	change(data)
	clear(held)
	for key, value := range data {
		held[key] = V(value)
	}
	return json.Marshal(held)
}

func spoil(key string) *webhook {
	return &webhook{change: func(data map[string][]byte) {
		if _, there := data[key]; there { // that of a ResourceServer has other keys
			data[key] = []byte("ghs_of-somebody-else")
		}
	}}
}

func strip(key string) *webhook {
	return &webhook{change: func(data map[string][]byte) { delete(data, key) }}
}
