// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// webhook is an API server with a webhook that changes the data of each Secret on its way in. It changes the request on the
// wire: what the operator holds stays what it sent.
type webhook struct {
	change func(data map[string][]byte)
	// sparesDryRuns: it leaves dry runs alone.
	sparesDryRuns bool
	// writes counts the Secrets that it changed, but for dry runs.
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
	if !strings.Contains(r.URL.Path, "/secrets") || r.Method != http.MethodPost && !applies || isDryRun && w.sparesDryRuns {
		return next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	changed := r.Clone(r.Context())
	if !applies { // the client sends protobuf
		if body, err = asJSON(body); err != nil {
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

func asJSON(secret []byte) ([]byte, error) {
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(secret, nil, nil)
	if err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return json.Marshal(o)
}

func (w *webhook) changed(secret []byte) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(secret, &fields); err != nil {
		return nil, err
	}
	data := map[string][]byte{}
	if err := json.Unmarshal(fields["data"], &data); err != nil {
		return nil, err
	}
	w.change(data)
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	fields["data"] = text
	return json.Marshal(fields)
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
