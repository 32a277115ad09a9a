// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// prometheus is a real Prometheus that scrapes both programs of the environment and has our rules.
type prometheus struct {
	t       *testing.T
	address string
}

func (w *environment) prometheus(t *testing.T) *prometheus {
	t.Helper()
	path, err := exec.Command("hack/require.sh", "prometheus", "prometheus").Output()
	if err != nil {
		t.Fatalf("prometheus: %v", err)
	}
	dir, address := t.TempDir(), freeport.For(t)
	var rule struct{ Spec json.RawMessage }
	readYAML(t, "config/prometheus/prometheusrule.yaml", &rule)
	job := func(name, metrics string) map[string]any {
		return map[string]any{"job_name": "gatehouse-system/" + name, "static_configs": []any{map[string]any{
			"targets": []string{strings.TrimSuffix(strings.TrimPrefix(metrics, "http://"), "/metrics")}, "labels": map[string]string{"pod": name + "-0"},
		}}}
	}
	config, err := json.Marshal(map[string]any{ // JSON is YAML too
		"global":         map[string]string{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files":     []string{"rules.yaml"},
		"scrape_configs": []any{job("gatehouse-authserver", w.Metrics), job("gatehouse-operator", w.OperatorMetrics)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"prometheus.yml": config, "rules.yaml": rule.Spec} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the program has a descriptor of its own
	cmd := exec.Command(strings.TrimSpace(string(path)), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p := &prometheus{t: t, address: address}
	testenv.Eventually(t, time.Minute, "Prometheus has scraped both programs", func() bool {
		return len(p.query(`up == 1`)) == 2
	})
	return p
}

// get reads an answer of Prometheus; what it refuses is an error.
func (p *prometheus) get(path string, query url.Values, into any) error {
	answer, err := http.Get("http://" + p.address + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s", answer.StatusCode, body)
	}
	return json.Unmarshal(body, into)
}

// query returns what an expression yields now; nothing while Prometheus does not answer.
func (p *prometheus) query(expr string) []any {
	var answer struct{ Data struct{ Result []any } }
	if err := p.get("query", url.Values{"query": {expr}}, &answer); err != nil {
		return nil
	}
	return answer.Data.Result
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// expressions are those of the dashboard, by the title of their panel.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	readYAML(t, "config/prometheus/dashboard.json", &dashboard)
	all := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all[panel.Title] = append(all[panel.Title], strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d panels", len(all))
	}
	return all
}

// quiet are panels of what does not happen in the environment: there are no such answers.
var quiet = []string{"Answers with 5xx"}

func TestTheDashboardShowsWhatTheProgramsExport(t *testing.T) {
	w := start(t)
	w.forget(t, photoPrintID)
	app, bob := w.photoPrint(t, w.Issuer), w.person(t, w.Issuer)
	address, verifier := app.request()
	if _, err := app.redeem(t, bob.authorize(address, w.Bob.Name, w.Bob.Password).Get("code"), verifier); err != nil {
		t.Fatal(err)
	}
	p := w.prometheus(t)
	for title, all := range expressions(t) {
		for _, expr := range all {
			var any struct{}
			if err := p.get("query", url.Values{"query": {expr}}, &any); err != nil {
				t.Errorf("%s: %s: %v", title, expr, err)
			} else if !slices.Contains(quiet, title) {
				testenv.Eventually(t, time.Minute, title+" shows something: "+expr, func() bool { return len(p.query(expr)) > 0 })
			}
		}
	}
}

// metricName is a metric of either program in an expression.
var metricName = regexp.MustCompile(`\b(gatehouse|controller_runtime|workqueue|rest_client|process|go)_[a-z0-9_]+\b`)

// sourceUp is exported where a source of people is asked over a network, and the environment has none. TestASourceThatIsDownIsShown of
// authserver/web shows it.
const sourceUp = "gatehouse_identity_source_up"

func TestTheAlertsNameWhatTheProgramsExport(t *testing.T) {
	w := start(t)
	p := w.prometheus(t)
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query, Health, LastError string }
			}
		}
	}
	testenv.Eventually(t, time.Minute, "each rule was evaluated", func() bool {
		err := p.get("rules", nil, &answer)
		return err == nil && len(answer.Data.Groups) == 2 && !strings.Contains(fmt.Sprint(answer), "unknown")
	})
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			if rule.Health != "ok" {
				t.Errorf("%s is %s: %s", rule.Name, rule.Health, rule.LastError)
			}
			names := metricName.FindAllString(rule.Query, -1)
			if len(names) == 0 {
				t.Errorf("%s names no metric: %s", rule.Name, rule.Query)
			}
			for _, name := range names {
				if name == sourceUp {
					continue
				}
				testenv.Eventually(t, time.Minute, rule.Name+": there is a metric "+name, func() bool { return len(p.query(name)) > 0 })
			}
		}
	}
}

func TestEachMetricIsDocumentedAndEachDocumentedOneIsExported(t *testing.T) {
	w := start(t)
	raw, err := os.ReadFile("docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(raw), "## Metrics")
	section, _, _ = strings.Cut(section, "### Alerts")
	documented, exported := []string{}, []string{sourceUp} // the environment has no source that is asked over the network
	for row := range strings.Lines(section) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			documented = append(documented, "gatehouse_"+name[1])
		}
	}
	for _, metrics := range []string{w.Metrics, w.OperatorMetrics} {
		answer, err := http.Get(metrics)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`(?m)^# TYPE (gatehouse_[a-z_]+) `).FindAllStringSubmatch(string(text), -1) {
			exported = append(exported, name[1])
		}
	}
	slices.Sort(documented)
	slices.Sort(exported)
	if !slices.Equal(documented, exported) {
		t.Errorf("docs/operations.md documents\n%v\nand the programs export\n%v", documented, exported)
	}
}
