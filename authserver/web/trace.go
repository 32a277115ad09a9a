// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
)

// Tracer follows requests.
type Tracer interface {
	// Begin begins to follow a request and returns the context of everything on its way. proxied is the
	// header of a request that came through a trusted proxy, which may name the trace that it
	// belongs to; nil for all others.
	Begin(ctx context.Context, method, requestID string, proxied http.Header) context.Context
	// End ends it, with the pattern of the route and the status of the answer.
	End(ctx context.Context, route string, status int)
}

// beginTrace has the tracer follow a request, unless a probe has sent it.
func (s *Site) beginTrace(ctx context.Context, r *http.Request, info *requestInfo, proxied bool) context.Context {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		return ctx
	}
	info.traced = true
	var header http.Header
	if proxied {
		header = r.Header
	}
	return s.tracer.Begin(ctx, methodOf(r), info.id, header)
}
