// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/tracing"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/buildinfo"
)

// defaultSampleRatio is the share of the requests that are followed when nothing else is said: one may
// switch tracing on without looking at how busy the server is.
const defaultSampleRatio = 0.01

// checkTracing refuses a collector that cannot be reached as it is written, and a password in its address:
// the address stands in the log.
func (c *config) checkTracing() error {
	if ratio := c.Tracing.SampleRatio; ratio != nil && !(*ratio >= 0 && *ratio <= 1) { // written so that NaN is refused
		return fmt.Errorf("sampleRatio: %v must be a number from 0 to 1", *ratio)
	}
	if c.Tracing.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(c.Tracing.Endpoint)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return errors.New("endpoint: write the URL of a collector that takes OTLP over HTTP, like http://collector:4318/v1/traces")
	case u.User != nil:
		return errors.New("endpoint: it must hold no user name and no password; set OTEL_EXPORTER_OTLP_HEADERS")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("endpoint: it must hold no query and no fragment")
	case strings.Trim(u.Path, "/") == "":
		c.Tracing.Endpoint = u.Scheme + "://" + u.Host + "/v1/traces"
	}
	return nil
}

// openTracing begins to follow requests if the configuration or the variables of OpenTelemetry name
// a collector; else r.tracing stays nil and nothing is followed.
func (r *resources) openTracing(ctx context.Context, c config, env func(string) string, log *slog.Logger, m *web.Metrics) error {
	if !tracingWanted(c, env) {
		return nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := env(name); protocol != "" && protocol != "http/protobuf" {
			return fmt.Errorf("tracing: %s is %q, and the server sends only http/protobuf", name, protocol)
		}
	}
	ratio := c.Tracing.SampleRatio
	if ratio == nil && env("OTEL_TRACES_SAMPLER") == "" {
		ratio = new(defaultSampleRatio)
	}
	var err error
	r.tracing, err = tracing.New(ctx, tracing.Config{
		Endpoint: c.Tracing.Endpoint, SampleRatio: ratio, Version: buildinfo.Version(), Log: log, Sent: m.SpansSent,
	})
	if err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	return nil
}

func tracingWanted(c config, env func(string) string) bool {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || env("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return c.Tracing.Endpoint != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_ENDPOINT") != ""
}

// followed is an engine's parts, with tracing around them where requests are followed.
func (r *resources) followed(e authserver.Config) authserver.Config {
	if r.tracing != nil {
		e.Store, e.Directory, e.Entitlement = r.tracing.Store(e.Store), r.tracing.Directory(e.Directory), r.tracing.Entitlement(e.Entitlement)
		if e.Upstreams != nil {
			e.Upstreams = r.tracing.Upstreams(e.Upstreams)
		}
	}
	return e
}

// tracer is what follows the requests of a site; nil: nothing does.
func (r *resources) tracer() web.Tracer {
	if r.tracing == nil {
		return nil
	}
	return r.tracing
}
