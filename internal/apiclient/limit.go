// SPDX-License-Identifier: Apache-2.0

package apiclient

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// dialTimeout is how long a connection to the API server may take.
	dialTimeout = 5 * time.Second
	// answerTimeout is how long the header of an answer may take. What follows has no limit here: a
	// watch is an answer without an end.
	answerTimeout = 30 * time.Second
)

// ErrHangs is why a request was given up.
var ErrHangs = errors.New("the API server takes the request and does not answer")

// Limit has every request of the configuration give up on an API server that hangs.
func Limit(config *rest.Config) {
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return limited{next: next} })
}

type limited struct{ next http.RoundTripper }

// RoundTrip is part of http.RoundTripper.
func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(answerTimeout, func() { cancel(ErrHangs) })
	response, err := l.next.RoundTrip(r.WithContext(ctx))
	inTime := timer.Stop()
	if err == nil && inTime {
		response.Body = body{ReadCloser: response.Body, end: func() { cancel(nil) }}
		return response, nil
	}
	if err == nil {
		_ = response.Body.Close() // it would be cut off
	}
	if !inTime && r.Context().Err() == nil {
		err = ErrHangs
	}
	cancel(nil)
	return nil, err
}

// WrappedRoundTripper is for client-go, which looks for the transport's own methods.
func (l limited) WrappedRoundTripper() http.RoundTripper { return l.next }

// body ends the request's context when it is closed.
type body struct {
	io.ReadCloser
	end func()
}

// Close is part of io.Closer.
func (b body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
