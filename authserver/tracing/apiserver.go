// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// APIServer returns next, with a span for each request to the API server that belongs to a request to
// this server. It tells the API server of the trace, which may follow it on.
func (t *Tracing) APIServer(next http.RoundTripper) http.RoundTripper { return apiServer{next, t} }

type apiServer struct {
	next http.RoundTripper
	t    *Tracing
}

func (a apiServer) RoundTrip(r *http.Request) (*http.Response, error) {
	return follow(r.Context(), a.t, "API server", trace.SpanKindClient, func(ctx context.Context) (*http.Response, error) {
		span := trace.SpanFromContext(ctx)
		if !span.IsRecording() {
			return a.next.RoundTrip(r)
		}
		r := r.Clone(ctx) // a RoundTripper must not change what it is given
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
		span.SetAttributes(attribute.String("http.request.method", r.Method))
		answer, err := a.next.RoundTrip(r)
		if err == nil {
			span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
		}
		return answer, err
	})
}

// WrappedRoundTripper lets client-go find what is below.
func (a apiServer) WrappedRoundTripper() http.RoundTripper { return a.next }
