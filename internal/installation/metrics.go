// SPDX-License-Identifier: Apache-2.0

package installation

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

// Metrics are what a program exports, by name.
type Metrics map[string][]sample

// Sum adds the series of a metric that have these labels, given as name and value in turns.
func (m Metrics) Sum(name string, labels ...string) (total float64) {
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

func parseMetrics(text io.Reader) (Metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	out := Metrics{}
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

// OfAPIServer reads the metrics of the API server.
func (i *Installation) OfAPIServer(ctx context.Context) (Metrics, error) {
	text, err := i.Raw.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the metrics of the API server: %w", err)
	}
	return parseMetrics(bytes.NewReader(text))
}

// OfProgram reads the metrics of a program; nil while it does not answer.
func OfProgram(ctx context.Context, address string) (Metrics, error) {
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

// Writes are the requests that changed something, by "resource/subresource verb". The leases
// are left out: they are no objects of ours.
func Writes(m Metrics) map[string]float64 {
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

const (
	// CPUSeconds is the metric of the processor time that a program has used.
	CPUSeconds = "process_cpu_seconds_total"
	// scrapeTimeout bounds one look at a program's metrics; another look follows.
	scrapeTimeout = 10 * time.Second
)
