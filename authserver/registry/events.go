// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// decodable is an object that reads itself from JSON.
type decodable interface {
	runtime.Object
	json.Unmarshaler
}

// watchFrom opens a watch of objects that read themselves. client-go's decoder goes over each object a dozen times
// before it is read, because it must know no kind; here an event is read once and its object once. A server that
// starts beside 100,000 clients spends most of its time there.
func watchFrom(ctx context.Context, client rest.Interface, s source, o metav1.ListOptions, empty func() decodable) (apiwatch.Interface, error) {
	o.Watch = true
	o.FieldSelector = s.selector.String()
	body, err := client.Get().Namespace(s.namespace).Resource(s.resource).VersionedParams(&o, metav1.ParameterCodec).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", s.resource, err)
	}
	d := &eventDecoder{body: body, json: json.NewDecoder(body), empty: empty}
	return apiwatch.NewStreamWatcher(d, apierrors.NewClientErrorReporter(http.StatusInternalServerError, "watch", "ClientWatchDecoding")), nil
}

// eventDecoder reads the events of a watch. It is a watch.Decoder.
type eventDecoder struct {
	body  io.Closer
	json  *json.Decoder
	empty func() decodable
}

// Decode is part of watch.Decoder.
func (d *eventDecoder) Decode() (apiwatch.EventType, runtime.Object, error) {
	var e struct {
		Type   apiwatch.EventType `json:"type"`
		Object borrowed           `json:"object"`
	}
	if err := d.json.Decode(&e); err != nil {
		return "", nil, err // as it is: its caller knows the end of a stream
	}
	switch e.Type {
	case apiwatch.Added, apiwatch.Modified, apiwatch.Deleted, apiwatch.Bookmark:
		o := d.empty()
		if err := o.UnmarshalJSON(e.Object); err != nil {
			return "", nil, fmt.Errorf("read an event: %w", err)
		}
		return e.Type, o, nil
	case apiwatch.Error:
		status := &metav1.Status{}
		if err := json.Unmarshal(e.Object, status); err != nil {
			return "", nil, fmt.Errorf("read an event: %w", err)
		}
		return e.Type, status, nil
	default:
		return "", nil, errors.New("read an event: its type is not known")
	}
}

// Close is part of watch.Decoder.
func (d *eventDecoder) Close() { _ = d.body.Close() } // nothing more is read

// borrowed is JSON in the buffer of the decoder, good until the next event.
type borrowed []byte

// UnmarshalJSON is part of json.Unmarshaler.
func (b *borrowed) UnmarshalJSON(text []byte) error {
	*b = text
	return nil
}
