// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-dev/gatehouse/authserver/web"
)

// read reads text as a configuration file.
func read(t *testing.T, text string, o options) (config, error) {
	t.Helper()
	o.config = filepath.Join(t.TempDir(), "authserver.yaml")
	if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return readConfig(o)
}

const least = "issuer: https://auth.example.com\nplainHTTP: true\nidentity: {sources: [{key: users, usersFile: {path: /users.yaml}}]}\n"

func TestWhatTheFileLeavesOutHasADefault(t *testing.T) {
	want := config{
		Issuer: "https://auth.example.com", Namespace: "gatehouse-system", Listen: ":8443", MetricsListen: ":9090",
		PlainHTTP: true, Store: "sqlite:/var/lib/gatehouse/gatehouse.db", SessionHours: 12,
	}
	want.Identity.Sources = []sourceConfig{{Key: "users", UsersFile: &usersFileConfig{Path: "/users.yaml"}}}
	want.Entitlement.Prefix = "gatehouse:"
	want.Limits.Connections, want.Limits.ConnectionsPerAddress, want.Limits.Requests, want.Limits.RequestsPerAddress = 2048, 256, 1024, 256
	want.Limits.HashMemoryMiB = 96
	got, err := read(t, least, options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config{})); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestEveryKeyOfTheFileIsRead(t *testing.T) {
	got, err := read(t, `
issuer: https://[2001:db8::1]:9440
namespace: auth
class: blue
listen: 127.0.0.1:9440
metricsListen: 127.0.0.1:9441
tls: {certFile: /tls/tls.crt, keyFile: /tls/tls.key}
trustedProxies: [10.0.0.0/8, 192.0.2.7, "2001:db8::/32", "::ffff:192.0.2.8", 10.1.2.3/24]
store: sqlite:/data/gatehouse.db
identity: {sources: [{key: staff-1, displayName: Staff, usersFile: {path: /users/users.yaml, idFromName: true}}], passwordChangeEndsGrants: true}
entitlement: {prefix: ""}
sessionHours: 720
shutdownDelaySeconds: 2.5
workloadIdentity:
  clusters:
  - {name: east, issuer: https://kubernetes.default.svc.cluster.local, jwksURI: "https://10.1.2.3:6443/openid/v1/jwks"}
  - {name: west, issuer: https://oidc.west.example/id/1}
tracing: {endpoint: "http://collector:4318", sampleRatio: 0.5}
audit: {file: "-"}
proxyProtocol: true
limits: {connections: 100, connectionsPerAddress: 10, requests: 50, requestsPerAddress: 5, hashMemoryMiB: 128}
`, options{})
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		Issuer: "https://[2001:db8::1]:9440", Namespace: "auth", Class: "blue", Listen: "127.0.0.1:9440", MetricsListen: "127.0.0.1:9441",
		TLS:            tlsFiles{CertFile: "/tls/tls.crt", KeyFile: "/tls/tls.key"},
		TrustedProxies: []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:192.0.2.8", "10.1.2.3/24"},
		Store:          "sqlite:/data/gatehouse.db", SessionHours: 720,
	}
	want.Identity.Sources = []sourceConfig{{Key: "staff-1", DisplayName: "Staff", UsersFile: &usersFileConfig{Path: "/users/users.yaml", IDFromName: true}}}
	want.WorkloadIdentity.Clusters = []clusterConfig{
		{Name: "east", Issuer: "https://kubernetes.default.svc.cluster.local", JWKSURI: "https://10.1.2.3:6443/openid/v1/jwks"}, {Name: "west", Issuer: "https://oidc.west.example/id/1"},
	}
	want.Audit.File = "-"
	want.ProxyProtocol = true
	want.ShutdownDelaySeconds = new(2.5)
	want.Tracing.Endpoint, want.Tracing.SampleRatio = "http://collector:4318/v1/traces", new(0.5)
	want.Limits.Connections, want.Limits.ConnectionsPerAddress, want.Limits.Requests, want.Limits.RequestsPerAddress = 100, 10, 50, 5
	want.Limits.HashMemoryMiB = 128
	want.Identity.PasswordChangeEndsGrants = true
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config{})); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if proxies := fmt.Sprint(got.proxies); proxies != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32 192.0.2.8/32 10.1.2.0/24]" {
		t.Errorf("trusted proxies %s", proxies)
	}
}

func TestFlagsGoBeforeTheFile(t *testing.T) {
	got, err := read(t, least+"listen: nonsense\nmetricsListen: nonsense\n", options{listen: "127.0.0.1:1", metricsListen: "127.0.0.1:2"})
	if err != nil || got.Listen != "127.0.0.1:1" || got.MetricsListen != "127.0.0.1:2" {
		t.Errorf("listen %s, metricsListen %s, error %v", got.Listen, got.MetricsListen, err)
	}
}

func TestEachProblemIsSaidInTheWordsOfTheFile(t *testing.T) {
	const (
		issuer = "issuer: https://auth.example.com\n"
		plain  = "plainHTTP: true\n"
		users  = "identity: {sources: [{key: users, usersFile: {path: /users.yaml}}]}\n"
	)
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"an empty file", "", []string{"issuer: it is missing", "tls: set certFile and keyFile", "identity.sources: it is missing"}},
		{"a comment", "# nothing\n", []string{"issuer: it is missing", "tls: set certFile and keyFile", "identity.sources: it is missing"}},
		{"namespaces without a policy", least + "namespaces: [a, b]\n", []string{"namespaces, policyFile: an installation that sees chosen namespaces only"}},
		{"a policy without namespaces", least + "policyFile: /policy.yaml\n", []string{"namespaces, policyFile: a policy from a file is for"}},
		{"an unknown key", least + "isuer: x\n", []string{`line 4: there is no key "isuer" here`}},
		{"an unknown key in a group", issuer + plain + "identity: {sources: [{key: u, usersFile: {path: /u, mode: x}}]}\n", []string{`line 3: there is no key "mode" here`}},
		{"a key of another case", least + "Listen: ':1'\n", []string{`line 4: there is no key "Listen" here`}},
		{"a key twice", least + "issuer: https://b.example.com\n", []string{`line 4: the key "issuer" is there twice, first in line 1`}},
		{"a number that is none", least + "sessionHours: long\n", []string{"line 4: here must be a number"}},
		{"no number at all", least + "sessionHours: .nan\n", []string{"sessionHours: NaN must be"}},
		{"a list for a text", least + "store: [a]\n", []string{"line 4: here must be a text"}},
		{"a text for a list", least + "trustedProxies: 10.0.0.0/8\n", []string{"line 4: here must be a list of texts"}},
		{"a text for a group", issuer + plain + users + "audit: /audit.log\n", []string{"line 4: here must be a group of keys"}},
		{"a text for true or false", issuer + "plainHTTP: maybe\n" + users, []string{"line 2: here must be true or false", "tls: set certFile"}},
		{"the PROXY protocol of nobody", least + "proxyProtocol: true\n", []string{"proxyProtocol: only trusted proxies may name the client"}},
		{"a limit that is a text", least + "limits: {requests: many}\n", []string{"line 4: here must be a whole number"}},
		{"no room for a hash", least + "limits: {hashMemoryMiB: 63}\n", []string{"limits: hashMemoryMiB must be a number from 64 to 65536"}},
		{"no connections", least + "limits: {connections: 0}\n", []string{"limits: connections must be a number from 16"}},
		{"fewer than no requests", least + "limits: {requestsPerAddress: -1}\n", []string{"limits: requestsPerAddress must be a number from 1"}},
		{"no YAML", "issuer: [", []string{"line 1: did not find expected node content"}},
		{"a list", "- a\n", []string{"line 1: here must be a group of keys"}},
		{"two documents", least + "---\nissuer: https://b.example.com\n", []string{"there is more than one YAML document"}},
		{"no source key", issuer + plain + "identity: {sources: [{key: '', usersFile: {path: /u}}]}\n", []string{"identity.sources[0].key: it must be"}},
		{"a source key with a space", issuer + plain + "identity: {sources: [{key: 'our users', usersFile: {path: /u}}]}\n", []string{"identity.sources[0].key: it must be"}},
		{"a source key with a colon", issuer + plain + "identity: {sources: [{key: 'client:', usersFile: {path: /u}}]}\n", []string{"identity.sources[0].key: it must be"}},
		{"a text for the sources", issuer + plain + "identity: {sources: users}\n", []string{"line 3: here must be a list of sources", "identity.sources: it is missing"}},
		{"two sources of one key", issuer + plain + "identity: {sources: [{key: u, usersFile: {path: /a}}, {key: u, usersFile: {path: /b}}]}\n",
			[]string{`identity.sources[1].key: "u" is the key of identity.sources[0], too`}},
		{"sources that say nothing", issuer + plain + "identity: {sources: [{displayName: \"a\\tb\"}, {key: u, usersFile: {}}]}\n", []string{
			"identity.sources[0].key: it must be", "identity.sources[0].displayName: it must be", "identity.sources[0]: say what it is", "identity.sources[1].usersFile.path: it is missing"}},
		{"sources where people log in elsewhere, with nothing in them", issuer + plain + "identity: {sources: [{key: a, openIDConnect: {}}, {key: b, oauth2: {}}, {key: c, domains: [Example, 'a@b.c'], usersFile: {path: /u}}]}\n", []string{
			"identity.sources[0].openIDConnect.clientID", "identity.sources[0].openIDConnect.clientSecretFile", "identity.sources[0].openIDConnect.issuer",
			"identity.sources[0].openIDConnect.claimMappings.username",
			"identity.sources[1].oauth2.clientID", "identity.sources[1].oauth2.clientSecretFile", "identity.sources[1].oauth2.authorizationURL",
			"identity.sources[1].oauth2.tokenURL", "identity.sources[1].oauth2.userInfoURL", "identity.sources[1].oauth2.claimMappings.username",
			"identity.sources[1].oauth2.claimMappings.uid", `identity.sources[2].domains: "Example"`, `identity.sources[2].domains: "a@b.c"`}},
		{"a source with rules that are no rules", issuer + plain + "identity: {sources: [{key: a, openIDConnect: {issuer: 'https://x.example', clientID: a, clientSecretFile: /s, " +
			"claimMappings: {username: {expression: 'claims.'}}, claimValidationRules: [{expression: '1'}], userValidationRules: [{expression: 'user.name ='}]}}]}\n", []string{
			"identity.sources[0].openIDConnect.claimValidationRules[0]: the expression must yield true or false", "identity.sources[0].openIDConnect.userValidationRules[0]: the expression: ERROR",
			"identity.sources[0].openIDConnect.claimMappings.username: the expression: ERROR"}},
		// N332
		{"two servers whose people may have one name", issuer + plain + elsewhere("a", "{claim: preferred_username}", "b", "{claim: email}", "c", "{claim: email, prefix: 'C:'}"), []string{
			"identity.sources[1].openIDConnect.claimMappings.username.prefix: somebody could have the name of somebody of identity.sources[0]",
			"identity.sources[2].openIDConnect.claimMappings.username.prefix: somebody could have the name of somebody of identity.sources[0]"}},
		{"a prefix that another one begins with", issuer + plain + elsewhere("a", "{claim: email, prefix: 'A:b'}", "b", "{claim: email, prefix: 'a:'}"), []string{
			"identity.sources[1].openIDConnect.claimMappings.username.prefix: somebody could have the name of somebody of identity.sources[0]"}},
		{"a source of two kinds", issuer + plain + "identity: {sources: [{key: u, usersFile: {path: /a}, ldap: {}}]}\n", []string{"identity.sources[0]: say what it is"}},
		{"an LDAP source that says little", issuer + plain + "identity: {sources: [{key: u, ldap: {urls: ['ldap://ldap.example.com'], bindDN: cn=reader, timeout: 1h}}]}\n", []string{
			"identity.sources[0].ldap.urls: number 0 would send passwords in the clear", "identity.sources[0].ldap.passwordFile: it is missing",
			"identity.sources[0].ldap.userSearch.baseDN: it is missing", "identity.sources[0].ldap.userSearch.filter: it must hold {name}",
			"identity.sources[0].ldap.attributes.id: it must be", "identity.sources[0].ldap.attributes.name: it must be", "identity.sources[0].ldap.timeout: 1h0m0s must be"}},
		{"a time that is none", issuer + plain + "identity: {sources: [{key: u, ldap: {timeout: soon}}]}\n", []string{"line 3: here must be a time like 5s",
			"identity.sources[0].ldap.urls", "identity.sources[0].ldap.bindDN", "identity.sources[0].ldap.passwordFile", "identity.sources[0].ldap.userSearch.baseDN",
			"identity.sources[0].ldap.userSearch.filter", "identity.sources[0].ldap.attributes.id", "identity.sources[0].ldap.attributes.name"}},
		{"plain http issuer", "issuer: http://auth.example.com\n" + plain + users, []string{"issuer: it must begin with https://"}},
		{"no scheme", "issuer: auth.example.com\n" + plain + users, []string{"issuer: it must begin with https://"}},
		{"issuer with a slash", "issuer: https://auth.example.com/\n" + plain + users, []string{"issuer: it must end with the host"}},
		{"issuer with a path", "issuer: https://example.com/auth\n" + plain + users, []string{"issuer: it must end with the host"}},
		{"issuer with a query", "issuer: https://example.com?a\n" + plain + users, []string{"issuer: it must end with the host"}},
		{"issuer with an empty query", "issuer: https://example.com?\n" + plain + users, []string{"issuer: it must end with the host"}},
		{"issuer with a fragment", "issuer: 'https://example.com#a'\n" + plain + users, []string{"issuer: it must end with the host"}},
		{"issuer with a password", "issuer: https://bob:hush@example.com\n" + plain + users, []string{"issuer: it must hold no user name"}},
		{"issuer without a host", "issuer: 'https://'\n" + plain + users, []string{"issuer: it must name a host"}},
		{"issuer with a port that is none", "issuer: https://example.com:65536\n" + plain + users, []string{"issuer: its port"}},
		{"issuer with half a port", "issuer: 'https://example.com:'\n" + plain + users, []string{"issuer: its port"}},
		{"issuer that is no URL", "issuer: 'https://exa mple.com'\n" + plain + users, []string{"issuer: it is not a URL"}},
		{"namespace", least + "namespace: A.B\n", []string{`namespace: "A.B" is not the name of a namespace`}},
		{"class", least + "class: Blue\n", []string{`class: "Blue" is not the name of a class`}},
		{"empty namespace", least + "namespace: ''\n", []string{`namespace: "" is not the name of a namespace`}},
		{"address without a port", least + "listen: localhost\n", []string{`listen: "localhost" must be an address and a port`}},
		{"address with a port that is none", least + "metricsListen: ':x'\n", []string{`metricsListen: ":x" must be an address and a port`}},
		{"neither TLS nor plain HTTP", issuer + users, []string{"tls: set certFile and keyFile, or set plainHTTP: true"}},
		{"TLS and plain HTTP", least + "tls: {certFile: /c, keyFile: /k}\n", []string{"tls: certFile or keyFile is set, and plainHTTP is true"}},
		{"no key file", issuer + users + "tls: {certFile: /c}\n", []string{"tls: set both certFile and keyFile"}},
		{"no certificate file", issuer + users + "tls: {keyFile: /k}\n", []string{"tls: set both certFile and keyFile"}},
		{"proxies", least + "trustedProxies: [10.0.0.0/8, 10.0.0.0/33, proxy.example]\n", []string{`trustedProxies: "10.0.0.0/33" and "proxy.example" must be`}},
		{"IPv4 network in IPv6", least + "trustedProxies: ['::ffff:10.0.0.0/104']\n", []string{`trustedProxies: "::ffff:10.0.0.0/104" must be`}},
		{"too many proxies", least + "trustedProxies: [" + strings.Repeat("10.0.0.1,", 257) + "]\n", []string{"trustedProxies: there are more than 256"}},
		{"store", least + "store: /data/gatehouse.db\n", []string{"store: name it as sqlite:PATH"}},
		{"prefix of the cluster", least + "entitlement: {prefix: 'system:'}\n", []string{"entitlement.prefix: system: belongs to the cluster"}},
		{"prefix with a space", least + "entitlement: {prefix: 'a b'}\n", []string{"entitlement.prefix: it must hold no spaces"}},
		{"prefix that cannot be seen", least + "entitlement: {prefix: \"a\\u200b\"}\n", []string{"entitlement.prefix: it must hold no spaces"}},
		{"long prefix", least + "entitlement: {prefix: " + strings.Repeat("a", 65) + "}\n", []string{"entitlement.prefix: it is longer than 64 bytes"}},
		{"a registry that is always too old", least + "registry: {maxStaleMinutes: 1}\n", []string{"registry.maxStaleMinutes: 1 must be a number from 5 to 1440, or 0 for no limit"}},
		{"no number of minutes", least + "registry: {maxStaleMinutes: .nan}\n", []string{"registry.maxStaleMinutes: NaN must be"}},
		{"no session", least + "sessionHours: 0\n", []string{"sessionHours: 0 must be a number from 1 to 720"}},
		{"a collector without a scheme", least + "tracing: {endpoint: 'collector:4317'}\n", []string{"tracing: endpoint: write the URL of a collector"}},
		{"a collector with a password", least + "tracing: {endpoint: 'http://me:secret@collector'}\n", []string{"tracing: endpoint: it must hold no user name and no password"}},
		{"a collector with a query", least + "tracing: {endpoint: 'http://collector/?key=x'}\n", []string{"tracing: endpoint: it must hold no query"}},
		{"more than all traces", least + "tracing: {sampleRatio: 1.1}\n", []string{"tracing: sampleRatio: 1.1 must be a number from 0 to 1"}},
		{"a negative delay", least + "shutdownDelaySeconds: -1\n", []string{"shutdownDelaySeconds: -1 must be a number from 0 to 300"}},
		{"an endless delay", least + "shutdownDelaySeconds: 301\n", []string{"shutdownDelaySeconds: 301 must be a number from 0 to 300"}},
		{"endless session", least + "sessionHours: 721\n", []string{"sessionHours: 721 must be a number from 1 to 720"}},
		{"many problems", "isuer: x\nsessionHours: x\nlisten: x\nnamespace: X\n", []string{
			`line 1: there is no key "isuer" here`, "line 2: here must be a number", "issuer: it is missing", `namespace: "X"`,
			`listen: "x"`, "tls: set certFile", "identity.sources: it is missing",
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := read(t, row.text, options{})
			found, ok := errors.AsType[*problems](err)
			if !ok {
				t.Fatalf("error %v, want problems", err)
			}
			if len(found.list) != len(row.want) {
				t.Fatalf("problems %q, want %q", found.list, row.want)
			}
			for n, want := range row.want {
				if !strings.HasPrefix(found.list[n], want) {
					t.Errorf("problem %q, want %q", found.list[n], want)
				}
			}
			if text := err.Error(); strings.Contains(text, "main.") || strings.Contains(text, "!!") || strings.Contains(text, "hush") {
				t.Errorf("this is not for people: %s", text)
			}
		})
	}
}

// elsewhere are sources whose people log in on another server, each a key and how names are made there.
func elsewhere(list ...string) string {
	text := "identity: {sources: ["
	for n := 0; n < len(list); n += 2 {
		text += fmt.Sprintf("{key: %s, openIDConnect: {issuer: 'https://x.example', clientID: a, clientSecretFile: /s, claimMappings: {username: %s}}}, ",
			list[n], list[n+1])
	}
	return text + "]}\n"
}

// N332: prefixes that differ, and expressions, are taken.
func TestN332ServersWhosePeopleHaveNamesOfTheirOwnAreTaken(t *testing.T) {
	text := "issuer: https://auth.example.com\nplainHTTP: true\n" + elsewhere("a", "{claim: email, prefix: 'a:'}", "b", "{claim: email, prefix: 'b:'}", "c", "{expression: \"'c:' + claims.email\"}")
	if _, err := read(t, text, options{}); err != nil {
		t.Error(err)
	}
}

func TestAConfigurationThatCannotBeReadIsSaidWithItsName(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("#"), maxConfigFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, file, want string }{
		{"not there", "/nowhere/authserver.yaml", "no such file"},
		{"a folder", "/", "is a directory"},
		{"too large", large, "larger than 1 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := readConfig(options{config: row.file})
			if err == nil || !strings.Contains(err.Error(), row.file) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want %s and %s in it", err, row.file, row.want)
			}
		})
	}
}

// The documentation and the manifests show configurations. All of them must be good.
func TestTheConfigurationsThatAreShownAreGood(t *testing.T) {
	deployed, err := os.ReadFile(filepath.Join("..", "..", "config", "authserver", "authserver.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(deployed)}
	for _, block := range strings.Split(string(page), "```yaml\nissuer:")[1:] {
		text, _, _ := strings.Cut(block, "```")
		shown = append(shown, "issuer:"+text)
	}
	if len(shown) < 3 {
		t.Errorf("docs/configuration.md shows %d configurations, want two at least", len(shown)-1)
	}
	people, err := os.ReadFile(filepath.Join("..", "..", "docs", "people.md"))
	if err != nil {
		t.Fatal(err)
	}
	sources := strings.Split(string(people), "```yaml\nidentity:")[1:]
	if len(sources) < 3 {
		t.Errorf("docs/people.md shows %d configurations, want three at least", len(sources))
	}
	for _, block := range sources {
		text, _, _ := strings.Cut(block, "```")
		shown = append(shown, "issuer: https://auth.example.com\nplainHTTP: true\nidentity:"+text)
	}
	for _, text := range shown {
		if _, err := read(t, text, options{}); err != nil {
			t.Errorf("%v in:\n%s", err, text)
		}
	}
}

func TestATrustedAddressIsANetworkOfOne(t *testing.T) {
	prefix, err := parsePrefix("fe80::1%eth0")
	if want := netip.MustParsePrefix("fe80::1/128"); err != nil || prefix != want {
		t.Errorf("%v, %v; want %v", prefix, err, want)
	}
}

func TestTheShutdownDelayFollowsTheStore(t *testing.T) {
	for store, want := range map[string]time.Duration{
		"sqlite:/data/gatehouse.db": 0, "postgres://db/gatehouse": defaultShutdownDelay,
	} {
		if got := (&config{Store: store}).shutdownDelay(); got != want {
			t.Errorf("%s: %s, want %s", store, got, want)
		}
		if got := (&config{Store: store, ShutdownDelaySeconds: new(1.5)}).shutdownDelay(); got != 1500*time.Millisecond {
			t.Errorf("%s: what the file says is %s", store, got)
		}
	}
}

func TestTracingIsOffUntilACollectorIsNamed(t *testing.T) {
	named := config{}
	named.Tracing.Endpoint = "http://collector:4318/v1/traces"
	for _, row := range []struct {
		name string
		c    config
		env  map[string]string
		want bool
	}{
		{"nothing", config{}, nil, false},
		{"the file", named, nil, true},
		{"the file, switched off", named, map[string]string{"OTEL_SDK_DISABLED": "true"}, false},
		{"a variable", config{}, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, true},
		{"a variable for traces", config{}, map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, true},
		{"no exporter", named, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, false},
		{"a sampler alone", config{}, map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, false},
	} {
		env := func(name string) string { return row.env[name] }
		if got := tracingWanted(row.c, env); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
		r := &resources{}
		if err := r.openTracing(t.Context(), row.c, env, slog.New(slog.DiscardHandler), web.NewMetrics()); err != nil || (r.tracing != nil) != row.want {
			t.Errorf("%s: tracing %v, error %v", row.name, r.tracing, err)
		}
		if (r.tracer() != nil) != row.want {
			t.Errorf("%s: the site has a tracer: %v", row.name, r.tracer())
		}
		if r.tracing != nil {
			_ = r.tracing.Close(t.Context())
		}
	}
	r := &resources{}
	grpc := func(name string) string { return map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}[name] }
	if err := r.openTracing(t.Context(), named, grpc, slog.New(slog.DiscardHandler), web.NewMetrics()); err == nil || !strings.Contains(err.Error(), "sends only http/protobuf") {
		t.Errorf("another protocol: %v", err)
	}
}
