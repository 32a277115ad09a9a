// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/authserver/web"
	"github.com/gatehouse-dev/gatehouse/internal/namespaced"
)

const (
	// maxConfigFile bounds what is read, in bytes.
	maxConfigFile = 1 << 20
	// defaultShutdownDelay is two probes of a load balancer that asks every five seconds.
	defaultShutdownDelay = 10 * time.Second
)

// config is the configuration file, with flags and defaults applied.
type config struct {
	Issuer         string   `yaml:"issuer"`
	Namespace      string   `yaml:"namespace"`
	Class          string   `yaml:"class"`
	Namespaces     []string `yaml:"namespaces"`
	PolicyFile     string   `yaml:"policyFile"`
	Listen         string   `yaml:"listen"`
	MetricsListen  string   `yaml:"metricsListen"`
	TLS            tlsFiles `yaml:"tls"`
	PlainHTTP      bool     `yaml:"plainHTTP"`
	TrustedProxies []string `yaml:"trustedProxies"`
	ProxyProtocol  bool     `yaml:"proxyProtocol"`
	Limits         struct {
		Connections           int `yaml:"connections"`
		ConnectionsPerAddress int `yaml:"connectionsPerAddress"`
		Requests              int `yaml:"requests"`
		RequestsPerAddress    int `yaml:"requestsPerAddress"`
		HashMemoryMiB         int `yaml:"hashMemoryMiB"`
	} `yaml:"limits"`
	Store    string `yaml:"store"`
	Identity struct {
		Sources                  []sourceConfig `yaml:"sources"`
		PasswordChangeEndsGrants bool           `yaml:"passwordChangeEndsGrants"`
		RequireSecondFactor      bool           `yaml:"requireSecondFactor"`
	} `yaml:"identity"`
	Entitlement struct {
		Prefix string `yaml:"prefix"`
	} `yaml:"entitlement"`
	Registry struct {
		MaxStaleMinutes float64 `yaml:"maxStaleMinutes"`
	} `yaml:"registry"`
	SessionHours         float64  `yaml:"sessionHours"`
	ShutdownDelaySeconds *float64 `yaml:"shutdownDelaySeconds"`
	BackChannelLogout    struct {
		AllowedNetworks []string `yaml:"allowedNetworks"`
		CAFile          string   `yaml:"caFile"`
	} `yaml:"backChannelLogout"`
	WorkloadIdentity struct {
		Clusters []clusterConfig `yaml:"clusters"`
	} `yaml:"workloadIdentity"`
	Tracing struct {
		Endpoint    string   `yaml:"endpoint"`
		SampleRatio *float64 `yaml:"sampleRatio"`
	} `yaml:"tracing"`
	Audit struct {
		File string `yaml:"file"`
	} `yaml:"audit"`
	Admin struct {
		Listen   string   `yaml:"listen"`
		Audience string   `yaml:"audience"`
		TLS      tlsFiles `yaml:"tls"`
	} `yaml:"admin"`

	proxies []netip.Prefix   // TrustedProxies, parsed
	told    []netip.Prefix   // BackChannelLogout.AllowedNetworks, parsed: where clients are told, and their keys are read
	scope   namespaced.Scope // Namespaces and the content of PolicyFile
}

type tlsFiles struct {
	CertFile string `yaml:"certFile"`
	KeyFile  string `yaml:"keyFile"`
}

// defaults are what keys say that are not in the file.
func defaults() config {
	c := config{
		Namespace: "gatehouse-system", Listen: ":8443", MetricsListen: ":9090",
		Store: "sqlite:/var/lib/gatehouse/gatehouse.db", SessionHours: 12,
	}
	c.Entitlement.Prefix = "gatehouse:"
	c.Limits.Connections, c.Limits.ConnectionsPerAddress = web.DefaultConnections, web.DefaultConnectionsPerAddress
	c.Limits.Requests, c.Limits.RequestsPerAddress = web.DefaultRequests, web.DefaultRequestsPerAddress
	c.Limits.HashMemoryMiB = identity.DefaultHashMemory >> 20
	return c
}

// limits are what clients may hold.
func (c *config) limits() web.Limits {
	return web.Limits{
		Connections: c.Limits.Connections, ConnectionsPerAddress: c.Limits.ConnectionsPerAddress,
		Requests: c.Limits.Requests, RequestsPerAddress: c.Limits.RequestsPerAddress,
	}
}

// connections is how the main port is bounded.
func (c *config) connections(m *web.Metrics) web.ConnectionsConfig {
	return web.ConnectionsConfig{Limits: c.limits(), TrustedProxies: c.proxies, ProxyProtocol: c.ProxyProtocol, Metrics: m}
}

// sessionLifetime is how long a login lasts.
func (c *config) sessionLifetime() time.Duration {
	return time.Duration(c.SessionHours * float64(time.Hour))
}

// shutdownDelay is how long the server still serves after it was asked to stop. Where another replica
// may take over, there is time by default for whoever sends requests here to send them there.
func (c *config) shutdownDelay() time.Duration {
	switch {
	case c.ShutdownDelaySeconds != nil:
		return time.Duration(*c.ShutdownDelaySeconds * float64(time.Second))
	case strings.HasPrefix(c.Store, "sqlite:"):
		return 0
	}
	return defaultShutdownDelay
}

// maxStale is how old the registry may be for new authorizations; 0: they never stop.
func (c *config) maxStale() time.Duration {
	return time.Duration(c.Registry.MaxStaleMinutes * float64(time.Minute))
}

// problems is everything that is wrong with a configuration, in the words of the one
// who wrote it.
type problems struct {
	file string
	list []string
}

// Error lists the problems, a line each.
func (p *problems) Error() string {
	return "the configuration " + p.file + " cannot be used:\n  " + strings.Join(p.list, "\n  ")
}

// readConfig reads the file that the options name and applies the options to it. An error
// that is about its content is a *problems with all there are.
func readConfig(o options) (config, error) {
	raw, err := readFile(o.config)
	if err != nil {
		return config{}, fmt.Errorf("read the configuration: %w", err)
	}
	c := defaults()
	found, whole := decode(raw, &c)
	if o.listen != "" {
		c.Listen = o.listen
	}
	if o.class != "" {
		c.Class = o.class
	}
	if o.namespaces != "" {
		c.Namespaces = namespaced.Split(o.namespaces)
	}
	if o.policyFile != "" {
		c.PolicyFile = o.policyFile
	}
	if o.adminListen != "" {
		c.Admin.Listen = o.adminListen
	}
	if o.metricsListen != "" {
		c.MetricsListen = o.metricsListen
	}
	if whole {
		found = append(found, c.check()...)
	}
	if len(found) > 0 {
		return c, &problems{file: o.config, list: found}
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxConfigFile {
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return raw, nil
}

// decode reads YAML into c and returns what is wrong with it, and whether the rest was
// read nevertheless.
func decode(raw []byte, c *config) (found []string, whole bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	err := decoder.Decode(c)
	if errors.Is(err, io.EOF) { // an empty file: check says what is missing
		return nil, true
	}
	if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
		whole = true
		for _, text := range typed.Errors {
			problem, fatal := translate(text)
			found, whole = append(found, problem), whole && !fatal
		}
		return found, whole
	}
	if err != nil {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}, false
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return []string{"there is more than one YAML document, and only one is read"}, true
	}
	return nil, true
}

// The YAML library speaks of Go types; the person who wrote the file does not.
var (
	unknownKey = regexp.MustCompile(`^(line \d+): field (.*) not found in type .*$`)
	wrongType  = regexp.MustCompile(`^(line \d+): cannot unmarshal .* into (.+)$`)
	doubleKey  = regexp.MustCompile(`^(line \d+): mapping key (".*") already defined at line (\d+)$`)
	inWords    = map[string]string{
		"string": "a text", "float64": "a number", "int": "a whole number", "bool": "true or false", "time.Duration": "a time like 5s", "[]string": "a list of texts",
		"[]main.sourceConfig": "a list of sources", "[]main.clusterConfig": "a list of clusters", "map[string]string": "a group of texts", "[]upstream.ClaimRule": "a list of rules", "[]upstream.UserRule": "a list of rules",
	}
)

// translate returns a problem in words, and whether nothing was read because of it.
func translate(text string) (problem string, fatal bool) {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%s: there is no key %q here", m[1], m[2]), false
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		want, ok := inWords[m[2]]
		if !ok {
			want = "a group of keys"
		}
		return fmt.Sprintf("%s: here must be %s", m[1], want), m[2] == "main.config"
	}
	if m := doubleKey.FindStringSubmatch(text); m != nil {
		text = fmt.Sprintf("%s: the key %s is there twice, first in line %s", m[1], m[2], m[3])
	}
	return text, true
}
