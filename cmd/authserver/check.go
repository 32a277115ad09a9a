// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/gatehouse-dev/gatehouse/authserver/backchannel"
	"github.com/gatehouse-dev/gatehouse/authserver/identity"
	"github.com/gatehouse-dev/gatehouse/internal/namespaced"
)

const (
	maxSessionHours  = 720 // 30 days
	maxShutdownDelay = 300 // seconds
	// minStale leaves room for the API server, which sends something about once a minute.
	minStale, maxStale = 5, 1440 // minutes
	maxPrefix          = 64      // bytes
	maxNetworks        = 256
	maxLimit           = 1 << 20 // connections or requests
)

// check returns what is wrong with the values, each with the key it is about, and
// prepares those that need it.
func (c *config) check() []string {
	var found []string
	for _, rule := range []struct {
		key   string
		check func() error
	}{
		{"issuer", func() error { return checkIssuer(c.Issuer) }},
		{"namespace", func() error { return checkNamespace(c.Namespace) }},
		{"class", func() error { return checkClass(c.Class) }},
		{"namespaces, policyFile", c.readScope},
		{"listen", func() error { return checkAddress(c.Listen) }},
		{"metricsListen", func() error { return checkAddress(c.MetricsListen) }},
		{"tls", c.checkTLS},
		{"trustedProxies", c.checkProxies},
		{"proxyProtocol", c.checkProxyProtocol},
		{"limits", c.checkLimits},
		{"store", c.checkStore},
		{"entitlement.prefix", c.checkPrefix},
		{"registry.maxStaleMinutes", c.checkMaxStale},
		{"sessionHours", c.checkSessionHours},
		{"shutdownDelaySeconds", c.checkShutdownDelay},
		{"backChannelLogout.allowedNetworks", c.checkAllowedNetworks},
		{"backChannelLogout.caFile", func() error { return backchannel.CheckCAFile(c.BackChannelLogout.CAFile) }},
		{"tracing", c.checkTracing},
		{"admin", c.checkAdmin},
	} {
		if err := rule.check(); err != nil {
			found = append(found, rule.key+": "+err.Error())
		}
	}
	return slices.Concat(found, c.checkClusters(), c.checkSources())
}

// checkIssuer refuses what RFC 8414 §2 refuses (another scheme than https, a query,
// a fragment) and a path, because the endpoints stand right below the host.
func checkIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("it is missing; write the URL that people and apps use, like https://auth.example.com")
	}
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return errors.New("it is not a URL; write one like https://auth.example.com")
	case u.Scheme != "https":
		return errors.New("it must begin with https://, also where a proxy in front ends TLS (see plainHTTP)")
	case u.User != nil:
		return errors.New("it must hold no user name and no password")
	case u.Hostname() == "":
		return errors.New("it must name a host, like https://auth.example.com")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return errors.New("its port must be a number from 1 to 65535, or left out with its colon")
	case issuer != "https://"+u.Host:
		return errors.New("it must end with the host or the port: no path, no slash, no query, no fragment")
	}
	return nil
}

func checkNamespace(name string) error {
	if len(validation.IsDNS1123Label(name)) > 0 {
		return fmt.Errorf("%q is not the name of a namespace", name)
	}
	return nil
}

// readScope reads which namespaces are served and what policy they have.
func (c *config) readScope() (err error) {
	c.scope, err = namespaced.Read(c.Namespaces, c.PolicyFile)
	return err
}

// checkClass accepts the empty class: it is the default one.
func checkClass(name string) error {
	if name != "" && len(validation.IsDNS1123Label(name)) > 0 {
		return fmt.Errorf("%q is not the name of a class", name)
	}
	return nil
}

func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" && !isPort(port) {
		return fmt.Errorf("%q must be an address and a port, like :8443 or 127.0.0.1:8443", address)
	}
	return nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func (c *config) checkTLS() error {
	both := c.TLS.CertFile != "" && c.TLS.KeyFile != ""
	switch none := c.TLS == (tlsFiles{}); {
	case c.PlainHTTP && !none:
		return errors.New("certFile or keyFile is set, and plainHTTP is true: remove one of the two")
	case !c.PlainHTTP && none:
		return errors.New("set certFile and keyFile, or set plainHTTP: true if a proxy in front ends TLS")
	case !c.PlainHTTP && !both:
		return errors.New("set both certFile and keyFile")
	}
	return nil
}

// checkProxies reads addresses and prefixes, and keeps them for use.
func (c *config) checkProxies() (err error) {
	c.proxies, err = parsePrefixes(c.TrustedProxies)
	return err
}

// checkAllowedNetworks does the same for the networks inside the cluster where clients may be told of logouts.
func (c *config) checkAllowedNetworks() (err error) {
	c.told, err = parsePrefixes(c.BackChannelLogout.AllowedNetworks)
	return err
}

func parsePrefixes(texts []string) (prefixes []netip.Prefix, _ error) {
	if len(texts) > maxNetworks {
		return nil, fmt.Errorf("there are more than %d", maxNetworks)
	}
	var errs []string
	for _, text := range texts {
		prefix, err := parsePrefix(text)
		if err != nil {
			errs = append(errs, strconv.Quote(text))
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s must be a network like 10.0.0.0/8 or an address", strings.Join(errs, " and "))
	}
	return prefixes, nil
}

// parsePrefix reads a network, or an address as the network of that one address.
func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("no network")
	}
	return prefix.Masked(), nil
}

func (c *config) checkProxyProtocol() error {
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 {
		return errors.New("only trusted proxies may name the client; name them in trustedProxies")
	}
	return nil
}

// checkLimits refuses what nobody could be served with, and what no machine has room for.
func (c *config) checkLimits() error {
	for _, limit := range []struct {
		key         string
		value       int
		least, most int
	}{
		{"connections", c.Limits.Connections, 16, maxLimit},
		{"connectionsPerAddress", c.Limits.ConnectionsPerAddress, 1, maxLimit},
		{"requests", c.Limits.Requests, 16, maxLimit},
		{"requestsPerAddress", c.Limits.RequestsPerAddress, 1, maxLimit},
		{"hashMemoryMiB", c.Limits.HashMemoryMiB, identity.MinHashMemory >> 20, 1 << 16},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			return fmt.Errorf("%s must be a number from %d to %d", limit.key, limit.least, limit.most)
		}
	}
	return nil
}

func (c *config) checkStore() error {
	if !strings.Contains(c.Store, ":") {
		return errors.New("name it as sqlite:PATH")
	}
	return nil // the store says itself what it does not understand
}

// checkPrefix keeps owners from becoming users of the cluster itself.
func (c *config) checkPrefix() error {
	prefix := c.Entitlement.Prefix
	switch {
	case len(prefix) > maxPrefix:
		return fmt.Errorf("it is longer than %d bytes", maxPrefix)
	case strings.HasPrefix(prefix, "system:"):
		return errors.New("system: belongs to the cluster itself; choose one like gatehouse: instead")
	case strings.ContainsFunc(prefix, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return errors.New("it must hold no spaces and no control characters")
	}
	return nil
}

func (c *config) checkMaxStale() error {
	if m := c.Registry.MaxStaleMinutes; m != 0 && !(m >= minStale && m <= maxStale) { // written so that NaN is refused
		return fmt.Errorf("%v must be a number from %d to %d, or 0 for no limit", m, minStale, maxStale)
	}
	return nil
}

func (c *config) checkSessionHours() error {
	if !(c.SessionHours >= 1 && c.SessionHours <= maxSessionHours) { // written so that NaN is refused
		return fmt.Errorf("%v must be a number from 1 to %d", c.SessionHours, maxSessionHours)
	}
	return nil
}

func (c *config) checkShutdownDelay() error {
	if s := c.ShutdownDelaySeconds; s != nil && !(*s >= 0 && *s <= maxShutdownDelay) { // written so that NaN is refused
		return fmt.Errorf("%v must be a number from 0 to %d", *s, maxShutdownDelay)
	}
	return nil
}
