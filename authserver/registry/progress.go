// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"io"
	"net/http"
	"time"
)

// progress gives a call up when nothing comes from the API server for too long. What comes is never given up,
// however long all of it takes: a list of 100,000 objects takes longer than an API server that hangs is waited for.
type progress struct {
	timer *time.Timer
	limit time.Duration
}

type progressKey struct{}

// withProgress returns a context that calls hangs when nothing was heard for the limit. The transport of newClient
// tells it what comes.
func withProgress(ctx context.Context, limit time.Duration, hangs func()) (context.Context, *progress) {
	p := &progress{timer: time.AfterFunc(limit, hangs), limit: limit}
	return context.WithValue(ctx, progressKey{}, p), p
}

// wait begins to wait, once more.
func (p *progress) wait() { p.timer.Reset(p.limit) }

// stop waits for nothing.
func (p *progress) stop() { p.timer.Stop() }

// progressing is a transport that tells the progress of a request, if it has one, what comes.
type progressing struct{ next http.RoundTripper }

// RoundTrip is part of http.RoundTripper.
func (t progressing) RoundTrip(r *http.Request) (*http.Response, error) {
	p, watched := r.Context().Value(progressKey{}).(*progress)
	if !watched {
		return t.next.RoundTrip(r)
	}
	p.wait()
	response, err := t.next.RoundTrip(r)
	if err == nil {
		p.wait()
		response.Body = &arriving{ReadCloser: response.Body, progress: p}
	}
	return response, err
}

// WrappedRoundTripper is for client-go, which looks for the transport's own methods.
func (t progressing) WrappedRoundTripper() http.RoundTripper { return t.next }

// arriving is a body on its way. Once all of it is there, nothing is waited for: decoding takes its time.
type arriving struct {
	io.ReadCloser
	progress *progress
}

// Read is part of io.Reader.
func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	if err != nil {
		a.progress.stop()
	} else {
		a.progress.wait()
	}
	return n, err
}
