// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

// Entitlement returns e, with a span for each question.
func (t *Tracing) Entitlement(e authserver.Entitlement) authserver.Entitlement {
	return entitlement{e, t}
}

type entitlement struct {
	authserver.Entitlement
	t *Tracing
}

func (e entitlement) Entitled(ctx context.Context, o authserver.Owner, c *authserver.Client, stale time.Duration) (bool, error) {
	return follow(ctx, e.t, "entitlement", trace.SpanKindInternal, func(ctx context.Context) (bool, error) {
		entitled, err := e.Entitlement.Entitled(ctx, o, c, stale)
		trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("gatehouse.entitled", entitled))
		return entitled, err
	})
}

// Directory returns d, with a span for each question.
func (t *Tracing) Directory(d authserver.Directory) authserver.Directory { return directory{d, t} }

type directory struct {
	authserver.Directory
	t *Tracing
}

func (d directory) Authenticate(ctx context.Context, name, password string, lane authserver.Lane) (authserver.Owner, error) {
	return follow(ctx, d.t, "directory.Authenticate", trace.SpanKindInternal, func(ctx context.Context) (authserver.Owner, error) {
		return d.Directory.Authenticate(ctx, name, password, lane)
	})
}

func (d directory) Confirm(ctx context.Context, p authserver.Person) (authserver.Owner, error) {
	return follow(ctx, d.t, "directory.Confirm", trace.SpanKindInternal, func(ctx context.Context) (authserver.Owner, error) {
		return d.Directory.Confirm(ctx, p)
	})
}

// Upstreams returns u, with a span for each question that a login asks another server.
func (t *Tracing) Upstreams(u authserver.Upstreams) authserver.Upstreams { return upstreams{u, t} }

type upstreams struct {
	authserver.Upstreams
	t *Tracing
}

func (u upstreams) Begin(ctx context.Context, r authserver.UpstreamRequest) (string, error) {
	return follow(ctx, u.t, "upstream.Begin", trace.SpanKindClient, func(ctx context.Context) (string, error) {
		return u.Upstreams.Begin(ctx, r)
	})
}

func (u upstreams) Finish(ctx context.Context, a authserver.UpstreamAnswer) (authserver.UpstreamLogin, error) {
	return follow(ctx, u.t, "upstream.Finish", trace.SpanKindClient, func(ctx context.Context) (authserver.UpstreamLogin, error) {
		return u.Upstreams.Finish(ctx, a)
	})
}
