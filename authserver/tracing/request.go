// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Begin begins to follow a request and returns the context that everything on its way gets. proxied is the
// header of a request that came through a trusted proxy: its traceparent (W3C Trace Context) counts. Of
// anybody else it is nil: who may not choose what is sampled and under which trace it is found is not asked.
func (t *Tracing) Begin(ctx context.Context, method, requestID string, proxied http.Header) context.Context {
	if len(proxied["Traceparent"]) == 1 {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(proxied))
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("gatehouse.request_id", requestID))
	}
	return ctx
}

// End ends what Begin has begun, with the pattern of the route and the status of the answer.
func (t *Tracing) End(ctx context.Context, route string, status int) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetName(route)
	span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
