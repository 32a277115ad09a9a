// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"log/slog"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// maxExporterText bounds what a collector says in the log.
const maxExporterText = 300

// patient is an exporter whose trouble is said once, when it begins and when it ends. What cannot be sent is
// dropped: traces are worth no memory and no delay.
type patient struct {
	sdktrace.SpanExporter
	log  *slog.Logger
	sent func(spans int, err error)
	away atomic.Bool
}

// ExportSpans sends a batch. It returns nil whatever happened: nobody else has to hear of it.
func (p *patient) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := p.SpanExporter.ExportSpans(ctx, spans)
	p.sent(len(spans), err)
	switch was := p.away.Swap(err != nil); {
	case err != nil && !was:
		text := err.Error()
		p.log.WarnContext(ctx, "the collector does not take traces; they are dropped until it does", "err", text[:min(len(text), maxExporterText)])
	case err == nil && was:
		p.log.InfoContext(ctx, "the collector takes traces again")
	}
	return nil
}
