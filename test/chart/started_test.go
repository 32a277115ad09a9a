// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/gobuild"
)

// The authorization server itself reads the configurations that the chart writes, with the arguments of the Deployment. Exit status 2
// says that one cannot be used; 1, that the people's file is not there, which no file is here.
func TestTheServerTakesTheConfigurationsOfTheChart(t *testing.T) {
	server := filepath.Join(t.TempDir(), "authserver")
	cmd := gobuild.Command(server, "./cmd/authserver")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, values := range map[string]string{
		"SQLite":    "",
		"replicas":  onPostgres,
		"Ingress":   "expose: {type: Ingress}\n" + behindAProxy,
		"TLSRoute":  byGateway + "config: {trustedProxies: [10.0.0.0/8], proxyProtocol: true}",
		"a class":   "className: partner\nsharedObjects: false",
		"IPv6":      "issuer: 'https://[2001:db8::1]:8443'",
		"more keys": "config: {sessionHours: 8, entitlement: {prefix: ''}, registry: {maxStaleMinutes: 5}, limits: {connections: 100}, tracing: {endpoint: 'http://c.example:4318/v1/traces', sampleRatio: 0}, shutdownDelaySeconds: 0}",
	} {
		t.Run(name, func(t *testing.T) {
			objects := render(t, system, withIssuer(values))
			text, _ := lookUp(t, objects, row{object: "ConfigMap gatehouse-authserver", field: "data"}).(map[string]any)["authserver.yaml"].(string)
			file := filepath.Join(t.TempDir(), "authserver.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"check"}
			for _, arg := range lookUp(t, objects, row{object: authserver, field: container + "args"}).([]any) {
				args = append(args, strings.Replace(arg.(string), "/etc/gatehouse/config/authserver.yaml", file, 1))
			}
			out, err := exec.CommandContext(t.Context(), server, args...).CombinedOutput()
			exit, is := errors.AsType[*exec.ExitError](err)
			if !is || exit.ExitCode() != 1 || !strings.Contains(string(out), "/etc/gatehouse/users/users.yaml: FAILED") {
				t.Errorf("authserver %s: %v\n%s\n%s", strings.Join(args, " "), err, out, text)
			}
		})
	}
}
