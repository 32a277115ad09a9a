// SPDX-License-Identifier: Apache-2.0

// Package tracing follows requests through the server with OpenTelemetry: one span for the request, and one
// for each call of the store, the directory, the entitlement and the API server on its way.
//
// A span holds names that this program has made up, numbers, and the request's ID. It holds nothing
// that came with a request or that belongs to a person or a client: no address, query, name, token or text of an error.
//
// Calls are followed by what stands around the store and the others. Where a request is not sampled, and where
// tracing is off and nothing stands around them, they cost nothing.
//
//	tracing.go    what is followed, and how spans leave the process
//	request.go    a request, and whose traceparent counts
//	calls.go      directory and entitlement
//	store.go      the store
//	apiserver.go  requests to the API server
//	exporter.go   a collector that is away
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// serviceName is what OTEL_SERVICE_NAME may replace.
const serviceName = "gatehouse-authserver"

// Config says where spans go and how many. What it leaves open is read from the variables OTEL_*.
type Config struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP. Empty: the variables name it.
	Endpoint string
	// SampleRatio is the share of the requests that are followed, where no trusted proxy has decided.
	// nil: the variables say it.
	SampleRatio *float64
	Version     string
	Log         *slog.Logger
	// Sent is called after each batch: with the number of spans, and nil or why the collector
	// did not take them.
	Sent func(spans int, err error)
}

// Tracing follows requests. Its methods may be called in parallel.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// New returns a Tracing that sends to the collector. It does not try whether there is one.
func New(ctx context.Context, c Config) (*Tracing, error) {
	otel.SetLogger(logr.FromSlogHandler(c.Log.Handler())) // the library's own trouble, such as a variable that it cannot read
	options := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{})}
	if c.Endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(c.Endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("prepare to send traces: %w", err)
	}
	return newTracing(ctx, c, sdktrace.WithBatcher(&patient{SpanExporter: exporter, log: c.Log, sent: c.Sent}))
}

func newTracing(ctx context.Context, c Config, spans sdktrace.TracerProviderOption) (*Tracing, error) {
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", serviceName), attribute.String("service.version", c.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	options := []sdktrace.TracerProviderOption{spans, sdktrace.WithResource(about)}
	if c.SampleRatio != nil {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(*c.SampleRatio))))
	}
	provider := sdktrace.NewTracerProvider(options...)
	return &Tracing{provider: provider, tracer: provider.Tracer("github.com/gatehouse-dev/gatehouse/authserver")}, nil
}

// Close sends what is left until ctx ends.
func (t *Tracing) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// follow calls what belongs to a request that is followed, in a span of that name. What belongs to none, or
// to one that is not sampled, is called as it is.
func follow[T any](ctx context.Context, t *Tracing, name string, kind trace.SpanKind, call func(context.Context) (T, error)) (T, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return call(ctx)
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	// Not span.End itself: deferred like that it would write down what a panic says.
	defer func() { span.End() }()
	value, err := call(ctx)
	if class := classOf(err); class != "" {
		span.SetAttributes(attribute.String("error.type", class))
		if class == classUnavailable || class == classOther {
			span.SetStatus(codes.Error, "")
		}
	}
	return value, err
}

// followOnly is follow for what returns nothing but an error.
func followOnly(ctx context.Context, t *Tracing, name string, kind trace.SpanKind, call func(context.Context) error) error {
	_, err := follow(ctx, t, name, kind, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return err
}

// The classes of errors. The text of an error stays in the log.
const (
	classUnavailable = "unavailable"
	classOther       = "other"
)

func classOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, authserver.ErrUnavailable):
		return classUnavailable
	case errors.Is(err, authserver.ErrNotFound):
		return "not_found"
	case errors.Is(err, authserver.ErrExists):
		return "exists"
	case errors.Is(err, authserver.ErrStale):
		return "stale"
	case errors.Is(err, authserver.ErrWrongPassword):
		return "wrong_password"
	case errors.Is(err, authserver.UpstreamFailed):
		return "upstream_failed"
	}
	return classOther
}
