// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// sample is one series of a program's metrics.
type sample struct {
	labels map[string]string
	value  float64
}

// metrics are what a program exports, by name.
type metrics map[string][]sample

// sum adds the series of a metric that have these labels, given as name and value in turns.
func (m metrics) sum(name string, labels ...string) (total float64) {
	for _, s := range m[name] {
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && s.labels[labels[i]] == labels[i+1]
		}
		if fits {
			total += s.value
		}
	}
	return total
}

func parseMetrics(text io.Reader) (metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	out := metrics{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			s := sample{labels: map[string]string{}, value: m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()}
			for _, label := range m.GetLabel() {
				s.labels[label.GetName()] = label.GetValue()
			}
			out[name] = append(out[name], s)
		}
	}
	return out, nil
}

// ofAPIServer reads the metrics of the API server.
func (b *bench) ofAPIServer(ctx context.Context) (metrics, error) {
	text, err := b.raw.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of the API server: %w", err)
	}
	return parseMetrics(bytes.NewReader(text))
}

// ofProgram reads the metrics of a program; nil while it does not answer.
func ofProgram(ctx context.Context, address string) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of %s: %w", address, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil //nolint:nilerr // it starts
	}
	defer func() { _ = response.Body.Close() }() // all of it was read
	if response.StatusCode != http.StatusOK {
		return nil, nil
	}
	return parseMetrics(response.Body)
}

// writes are the requests that changed something, by "resource/subresource verb". The leases
// are left out: they are no objects of ours.
func writes(m metrics) map[string]float64 {
	out := map[string]float64{}
	for _, s := range m["apiserver_request_total"] {
		switch s.labels["verb"] {
		case "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION":
		default:
			continue
		}
		if s.labels["resource"] == "leases" || s.labels["dry_run"] != "" {
			continue
		}
		name := s.labels["resource"]
		if s.labels["subresource"] != "" {
			name += "/" + s.labels["subresource"]
		}
		out[name+" "+s.labels["verb"]] += s.value
	}
	return out
}

// since returns what was added to the counts.
func since(before, after map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for name, value := range after {
		if added := value - before[name]; added > 0 {
			out[name] = added
		}
	}
	return out
}

const (
	cpuSeconds = "process_cpu_seconds_total"
	// scrapeTimeout bounds one look at a program's metrics; another look follows.
	scrapeTimeout = 10 * time.Second
)
