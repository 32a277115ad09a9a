// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	operator   = "Deployment gatehouse-operator"
	authserver = "Deployment gatehouse-authserver"
	service    = "Service gatehouse-authserver"
	// configuration is what authserver.yaml says.
	configuration = "authserver.yaml"
	container     = "spec.template.spec.containers.0."
	volumes       = "spec.template.spec.volumes."
)

// row says what values make of a field of an object, beside what they need.
type row struct {
	values string
	object string
	field  string // names and numbers of a list, with dots between them, or what step says
	want   string // YAML; empty: it is not there
}

// needed are values without which those of a row are refused.
const (
	behindAProxy = "config: {trustedProxies: [10.0.0.0/8]}\n"
	onPostgres   = "highAvailability: true\npostgres: {host: db.photos.example}\n"
	byGateway    = "expose: {type: TLSRoute, gateway: {parentRefs: [{name: public, namespace: gateways, sectionName: tls, port: 443, kind: Gateway, group: gateway.networking.k8s.io}]}}\n"
	certified    = "tls: {certManager: {enabled: true, issuerRef: {name: letters, kind: Issuer, group: certs.example}, duration: 2160h, renewBefore: 720h}}\n"
)

var rows = []row{
	{"issuer: https://in.photos.example:8443", operator, container + "args.0", "--issuer=https://in.photos.example:8443"},
	{"issuer: https://in.photos.example:8443", configuration, "issuer", "https://in.photos.example:8443"},
	{"image: {repository: registry.example.com/gatehouse}", operator, container + "image", "registry.example.com/gatehouse:v0.1.0"},
	{"image: {repository: registry.example.com/gatehouse}", authserver, container + "image", "registry.example.com/gatehouse:v0.1.0"},
	{"image: {tag: v7}", authserver, container + "image", "gatehouse:v7"},
	{"image: {tag: v7, digest: 'sha256:" + zeros + "'}", authserver, container + "image", "gatehouse@sha256:" + zeros},
	{"image: {pullPolicy: Always}", operator, container + "imagePullPolicy", "Always"},
	{"image: {pullSecrets: [mine]}", authserver, "spec.template.spec.imagePullSecrets", "[{name: mine}]"},

	{onPostgres, authserver, "spec.strategy.type", "RollingUpdate"},
	{onPostgres, "PersistentVolumeClaim gatehouse-authserver", "", ""},
	{onPostgres, "HorizontalPodAutoscaler gatehouse-authserver", "spec.minReplicas", "3"},
	{
		"highAvailability: true\npostgres: {host: 'db-1.example,db-2.example', port: 6432, database: doors, user: keeper, parameters: sslmode=require}",
		configuration, "store", "postgres://keeper@db-1.example,db-2.example:6432/doors?sslmode=require",
	},
	{onPostgres, configuration, "store", "postgres://gatehouse@db.photos.example:5432/gatehouse?sslmode=verify-full&sslrootcert=/etc/gatehouse/postgres/ca.crt&passfile=/etc/gatehouse/postgres/pgpass"},
	{"highAvailability: true\npostgres: {host: db.example, port: 6432}", "NetworkPolicy gatehouse-authserver", "spec.egress.2.ports", "[{port: 6432, protocol: TCP}]"},
	{"highAvailability: true\npostgres: {host: db.example, secretName: mine}", authserver, volumes + "name=postgres.secret.secretName", "mine"},
	{onPostgres + "autoscaling: {enabled: false}", "HorizontalPodAutoscaler gatehouse-authserver", "", ""},
	{onPostgres + "autoscaling: {enabled: false}\nauthserver: {replicas: 4}", authserver, "spec.replicas", "4"},
	{onPostgres + "autoscaling: {minReplicas: 2, maxReplicas: 9}", "HorizontalPodAutoscaler gatehouse-authserver", "spec.minReplicas", "2"},
	{onPostgres + "autoscaling: {minReplicas: 2, maxReplicas: 9}", "HorizontalPodAutoscaler gatehouse-authserver", "spec.maxReplicas", "9"},

	{"persistence: {size: 5Gi}", "PersistentVolumeClaim gatehouse-authserver", "spec.resources.requests.storage", "5Gi"},
	{"persistence: {storageClassName: fast}", "PersistentVolumeClaim gatehouse-authserver", "spec.storageClassName", "fast"},
	{"persistence: {existingClaim: mine}", authserver, volumes + "name=data.persistentVolumeClaim.claimName", "mine"},
	{"persistence: {existingClaim: mine}", "PersistentVolumeClaim gatehouse-authserver", "", ""},

	{"expose: {port: 8443}", service, "spec.ports.name=https.port", "8443"},
	{"expose: {serviceAnnotations: {a: b}}", service, "metadata.annotations", "{a: b}"},
	{"expose: {loadBalancer: {class: example.com/lb}}", service, "spec.loadBalancerClass", "example.com/lb"},
	{"expose: {loadBalancer: {sourceRanges: [192.0.2.0/24]}}", service, "spec.loadBalancerSourceRanges", "[192.0.2.0/24]"},
	{"expose: {type: ClusterIP}", service, "spec.type", "ClusterIP"},
	{"expose: {type: ClusterIP}", service, "spec.externalTrafficPolicy", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, service, "spec.type", "ClusterIP"},
	{"expose: {type: Ingress}\n" + behindAProxy, service, "spec.ports", "[{name: http, port: 80, targetPort: https}]"},
	{"expose: {type: Ingress}\n" + behindAProxy, configuration, "plainHTTP", "true"},
	{"expose: {type: Ingress}\n" + behindAProxy, configuration, "tls", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, authserver, volumes + "name=tls", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, authserver, container + "args.starts=--admin-listen", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, operator, container + "args.starts=--admin-url", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, "Service gatehouse-authserver-admin", "", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, authserver, container + "volumeMounts.name=tls", ""},
	{"expose: {type: Ingress}\n" + behindAProxy, "Ingress gatehouse-authserver", "spec", `
rules: [{host: login.photos.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: gatehouse-authserver, port: {number: 80}}}}]}}]
tls: [{hosts: [login.photos.example], secretName: gatehouse-authserver-tls}]`},
	{"expose: {type: Ingress, ingress: {className: nginx, annotations: {a: b}}}\n" + behindAProxy, "Ingress gatehouse-authserver", "spec.ingressClassName", "nginx"},
	{"expose: {type: Ingress, ingress: {className: nginx, annotations: {a: b}}}\n" + behindAProxy, "Ingress gatehouse-authserver", "metadata.annotations", "{a: b}"},
	{"expose: {type: Ingress, backendProtocol: HTTPS}", "Ingress gatehouse-authserver", "spec.rules.0.http.paths.0.backend.service.port.number", "443"},
	{"expose: {type: TLSRoute, gateway: {parentRefs: [{name: public}], annotations: {a: b}, tlsRouteVersion: v1alpha2}}", "TLSRoute gatehouse-authserver", "apiVersion", "gateway.networking.k8s.io/v1alpha2"},
	{"expose: {type: TLSRoute, gateway: {parentRefs: [{name: public}], annotations: {a: b}, tlsRouteVersion: v1alpha2}}", "TLSRoute gatehouse-authserver", "metadata.annotations", "{a: b}"},
	{byGateway, "TLSRoute gatehouse-authserver", "spec", `
parentRefs: [{name: public, namespace: gateways, sectionName: tls, port: 443, kind: Gateway, group: gateway.networking.k8s.io}]
hostnames: [login.photos.example]
rules: [{backendRefs: [{name: gatehouse-authserver, port: 443}]}]`},
	{"expose: {type: HTTPRoute, gateway: {parentRefs: [{name: public}]}}\n" + behindAProxy, "HTTPRoute gatehouse-authserver", "spec", `
parentRefs: [{name: public}]
hostnames: [login.photos.example]
rules: [{backendRefs: [{name: gatehouse-authserver, port: 80}]}]`},
	{"expose: {type: HTTPRoute, gateway: {parentRefs: [{name: public}]}}\n" + behindAProxy, "HTTPRoute gatehouse-authserver", "apiVersion", "gateway.networking.k8s.io/v1"},

	{"tls: {secretName: mine}", authserver, volumes + "name=tls.secret.secretName", "mine"},
	{certified, "Certificate gatehouse-authserver", "spec", `
secretName: gatehouse-authserver-tls
dnsNames: [login.photos.example]
issuerRef: {name: letters, kind: Issuer, group: certs.example}
duration: 2160h
renewBefore: 720h
privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}`},

	{"users: {secretName: mine}", authserver, volumes + "name=users.secret.secretName", "mine"},
	{"users: {list: [{id: '1', name: bob, passwordHash: $x, displayName: Bob, email: b@x.example, groups: [family]}]}", "users.yaml", "users",
		"[{id: '1', name: bob, passwordHash: $x, displayName: Bob, email: b@x.example, groups: [family]}]"},
	{"config: {identity: {sources: [{key: corp, ldap: {urls: ['ldaps://l.example']}}]}}", configuration, "identity.sources", "[{key: corp, ldap: {urls: ['ldaps://l.example']}}]"},
	{"config: {identity: {sources: [{key: corp, ldap: {urls: ['ldaps://l.example']}}]}}", authserver, volumes + "name=users", ""},
	{"config: {identity: {sources: [{key: corp, openIDConnect: {issuer: 'https://x.example'}, domains: [x.example], displayName: X}]}}", configuration, "identity.sources.0",
		"{key: corp, openIDConnect: {issuer: 'https://x.example'}, domains: [x.example], displayName: X}"},
	{"config: {identity: {sources: [{key: hub, oauth2: {clientID: x}}, {key: users, usersFile: {path: /etc/gatehouse/users/users.yaml, idFromName: true}}]}}", configuration, "identity.sources",
		"[{key: hub, oauth2: {clientID: x}}, {key: users, usersFile: {path: /etc/gatehouse/users/users.yaml, idFromName: true}}]"},
	{"config: {identity: {requireSecondFactor: true, passwordChangeEndsGrants: true}}", configuration, "identity",
		"{requireSecondFactor: true, passwordChangeEndsGrants: true, sources: [{key: users, usersFile: {path: /etc/gatehouse/users/users.yaml}}]}"},
	{"config: {trustedProxies: [10.0.0.0/8], proxyProtocol: true}", configuration, "trustedProxies", "[10.0.0.0/8]"},
	{"config: {trustedProxies: [10.0.0.0/8], proxyProtocol: true}", configuration, "proxyProtocol", "true"},
	{"config: {limits: {connections: 9, connectionsPerAddress: 8, requests: 7, requestsPerAddress: 6, hashMemoryMiB: 64}}", configuration, "limits",
		"{connections: 9, connectionsPerAddress: 8, requests: 7, requestsPerAddress: 6, hashMemoryMiB: 64}"},
	{"config: {entitlement: {prefix: ''}}", configuration, "entitlement.prefix", "''"},
	{"config: {registry: {maxStaleMinutes: 5}}", configuration, "registry.maxStaleMinutes", "5"},
	{"config: {sessionHours: 1.5}", configuration, "sessionHours", "1.5"},
	{onPostgres + "config: {shutdownDelaySeconds: 0}", configuration, "shutdownDelaySeconds", "0"},
	{"config: {tracing: {endpoint: 'http://c.example', sampleRatio: 0.5}}", configuration, "tracing", "{endpoint: 'http://c.example', sampleRatio: 0.5}"},
	{"config: {backChannelLogout: {allowedNetworks: [10.20.0.0/16], caFile: /etc/gatehouse/corp/ca.crt}}", configuration, "backChannelLogout",
		"{allowedNetworks: [10.20.0.0/16], caFile: /etc/gatehouse/corp/ca.crt}"},
	{"config: {workloadIdentity: {clusters: [{name: east, issuer: 'https://i.example', jwksFile: /etc/gatehouse/east/jwks.json}, {name: west, issuer: i, jwksURI: 'https://a.example', caFile: /etc/gatehouse/west/ca.crt}]}}",
		configuration, "workloadIdentity.clusters",
		"[{name: east, issuer: 'https://i.example', jwksFile: /etc/gatehouse/east/jwks.json}, {name: west, issuer: i, jwksURI: 'https://a.example', caFile: /etc/gatehouse/west/ca.crt}]"},
	{"config: {audit: {file: /var/lib/gatehouse/audit.log}}", configuration, "audit.file", "/var/lib/gatehouse/audit.log"},
	{"mounts: [{name: corp, secret: ldap}, {name: ca, configMap: company}]", authserver, volumes + "name=corp.secret", "{secretName: ldap, defaultMode: 288}"},
	{"mounts: [{name: corp, secret: ldap}, {name: ca, configMap: company}]", authserver, volumes + "name=ca.configMap", "{name: company}"},
	{"mounts: [{name: corp, secret: ldap}, {name: ca, configMap: company}]", authserver, container + "volumeMounts.name=corp", "{name: corp, mountPath: /etc/gatehouse/corp, readOnly: true}"},

	{"policies: {shop: {clients: {consentSkip: true}}}", "OAuthClientPolicy shop", "spec", "{clients: {consentSkip: true}}"},
	{"policies: {default: {clients: {profiles: [OAuth1]}}}", "OAuthClientPolicy default", "spec", "{clients: {profiles: [OAuth1]}}"},
	{"secretTypes: [nginx.org/oidc, Opaque]", "ValidatingAdmissionPolicy gatehouse-operator-secrets", "spec.variables.name=types.expression", `"['gatehouse.dev/oauth-client'] + ['nginx.org/oidc', 'Opaque']"`},

	{"namespaces: {list: [shop], policy: {description: ours}}", operator, container + "args.starts=--namespaces", "--namespaces=shop"},
	{"namespaces: {list: [shop], policy: {description: ours}}", authserver, container + "args.starts=--namespaces", "--namespaces=shop"},
	{"namespaces: {list: [shop], policy: {description: ours}}", "ConfigMap gatehouse-policy", "data", "{policy.yaml: 'description: ours'}"},
	{"namespaces: {list: [shop]}", "ClusterRole gatehouse-operator", "", ""},
	{"className: partner", operator, container + "args.starts=--class", "--class=partner"},
	{"className: partner", authserver, container + "args.starts=--class", "--class=partner"},
	{"className: partner", "ClusterRoleBinding gatehouse-operator-partner", "roleRef.name", "gatehouse-operator-partner"},
	{"className: partner", "ClusterRole gatehouse-authserver", "", ""},
	{"sharedObjects: false", "OAuthClientPolicy default", "", ""},
	{"sharedObjects: false", "ValidatingAdmissionPolicy gatehouse-operator-secrets", "", ""},
	{"sharedObjects: false", "ClusterRole gatehouse-oauthclient-editor", "", ""},

	{"apiServer: {ports: [443, 16443]}", "NetworkPolicy gatehouse-operator", "spec.egress.1.ports", "[{port: 443, protocol: TCP}, {port: 16443, protocol: TCP}]"},
	{"apiServer: {ports: [443, 16443]}", "NetworkPolicy gatehouse-authserver", "spec.egress.1.ports", "[{port: 443, protocol: TCP}, {port: 16443, protocol: TCP}]"},
	{"networkPolicy: {enabled: false}", "NetworkPolicy gatehouse-authserver", "", ""},
	{"networkPolicy: {metricsNamespaceLabels: {a: b}}", "NetworkPolicy gatehouse-operator", "spec.ingress.0.from.0.namespaceSelector.matchLabels", "{a: b}"},
	{"networkPolicy: {authserverEgress: [{ports: [{port: 636, protocol: TCP}], to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}", "NetworkPolicy gatehouse-authserver", "spec.egress.2",
		"{ports: [{port: 636, protocol: TCP}], to: [{ipBlock: {cidr: 192.0.2.0/24}}]}"},
	{"networkPolicy: {operatorEgress: [{ports: [{port: 636}], to: [{podSelector: {}}]}]}", "NetworkPolicy gatehouse-operator", "spec.egress.2", "{ports: [{port: 636}], to: [{podSelector: {}}]}"},

	{"monitoring: {enabled: true, labels: {release: mine}}", "PodMonitor gatehouse-operator", "metadata.labels.release", "mine"},
	{"monitoring: {enabled: true, labels: {release: mine}}", "PrometheusRule gatehouse", "metadata.labels.release", "mine"},
	{"operator: {replicas: 1}", operator, "spec.replicas", "1"},
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// Both programs have the same values for their pods.
func init() {
	for name, object := range map[string]string{"operator": operator, "authserver": authserver} {
		for _, r := range []row{
			{"{resources: {limits: {memory: 1Gi}}}", "", container + "resources.limits.memory", "1Gi"},
			{"{resources: {requests: {cpu: '2'}}}", "", container + "resources.requests.cpu", "'2'"},
			{"{resources: {claims: [{name: x}]}}", "", container + "resources.claims", "[{name: x}]"},
			{"{env: [{name: A, value: b}, {name: C, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]}", "", container + "env.name=A", "{name: A, value: b}"},
			{"{podAnnotations: {a: b}}", "", "spec.template.metadata.annotations.a", "b"},
			{"{podLabels: {a: b}}", "", "spec.template.metadata.labels.a", "b"},
			{"{nodeSelector: {a: b}}", "", "spec.template.spec.nodeSelector", "{a: b}"},
			{"{tolerations: [{operator: Exists}]}", "", "spec.template.spec.tolerations", "[{operator: Exists}]"},
			{"{priorityClassName: high}", "", "spec.template.spec.priorityClassName", "high"},
		} {
			r.values, r.object = name+": "+r.values, object
			rows = append(rows, r)
		}
	}
}

// A row that is fulfilled without its values, too, would show nothing.
func TestEachValueDoesWhatItSays(t *testing.T) {
	single, replicas := render(t, system, "issuer: "+issuer), render(t, system, "issuer: "+issuer+"\n"+onPostgres)
	for _, r := range rows {
		t.Run(r.values+" "+r.field, func(t *testing.T) {
			t.Parallel()
			var want any
			if err := yaml.Unmarshal([]byte(r.want), &want); err != nil {
				t.Fatal(err)
			}
			got := lookUp(t, render(t, system, withIssuer(r.values)), r)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s of %s (-want +got):\n%s", r.field, r.object, diff)
			}
			plain := single
			if strings.HasPrefix(r.values, onPostgres) && r.values != onPostgres {
				plain = replicas
			}
			if cmp.Equal(want, lookUp(t, plain, r)) {
				t.Errorf("%s of %s is %v without these values, too", r.field, r.object, want)
			}
		})
	}
}

func withIssuer(values string) string {
	if strings.HasPrefix(values, "issuer:") {
		return values
	}
	return "issuer: " + issuer + "\n" + values
}

// lookUp is the field that a row is about; nil if it is not there.
func lookUp(t *testing.T, objects []*unstructured.Unstructured, r row) any {
	t.Helper()
	var found any
	for _, o := range objects {
		switch name := o.GetKind() + " " + o.GetName(); {
		case name == r.object:
			found = o.Object
		case r.object == configuration && name == "ConfigMap gatehouse-authserver":
			found = content(t, o, "authserver.yaml", false)
		case r.object == "users.yaml" && name == "Secret gatehouse-users":
			found = content(t, o, "users.yaml", true)
		}
	}
	for part := range strings.SplitSeq(r.field, ".") {
		if r.field != "" {
			found = step(found, part)
		}
	}
	raw, err := json.Marshal(found) // one form of numbers
	if err == nil {
		found = nil
		err = yaml.Unmarshal(raw, &found)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func content(t *testing.T, o *unstructured.Unstructured, file string, encoded bool) (read any) {
	t.Helper()
	text, _, err := unstructured.NestedString(o.Object, "data", file)
	raw := []byte(text)
	if encoded && err == nil {
		err = json.Unmarshal([]byte(strconv.Quote(text)), &raw)
	}
	if err == nil {
		err = yaml.Unmarshal(raw, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// step is what stands at a name or a number in something; name=x is the entry of a list with that name, starts=x the text that starts so.
func step(in any, part string) any {
	switch in := in.(type) {
	case map[string]any:
		return in[part]
	case []any:
		if name, by := strings.CutPrefix(part, "name="); by {
			if i := slices.IndexFunc(in, func(entry any) bool { return step(entry, "name") == name }); i >= 0 {
				return in[i]
			}
			return nil
		}
		if start, by := strings.CutPrefix(part, "starts="); by {
			for _, entry := range in {
				if text, is := entry.(string); is && strings.HasPrefix(text, start) {
					return entry
				}
			}
			return nil
		}
		if i, err := strconv.Atoi(part); err == nil && i < len(in) {
			return in[i]
		}
	}
	return nil
}

// valueSchema is what values.schema.json says, as far as tests read it.
type valueSchema struct {
	Properties map[string]valueSchema
	Items      *valueSchema
}

func readSchema(t *testing.T) valueSchema {
	t.Helper()
	raw, err := os.ReadFile(root + "/charts/gatehouse/values.schema.json")
	var read valueSchema
	if err == nil {
		err = json.Unmarshal(raw, &read)
	}
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// names are those of all values in a schema, down to those that hold no others.
func (s valueSchema) names(prefix string) (found []string) {
	if s.Items != nil {
		return s.Items.names(prefix)
	}
	if len(s.Properties) == 0 {
		return []string{prefix}
	}
	for name, property := range s.Properties {
		found = append(found, property.names(prefix+"."+name)...)
	}
	return found
}

// given are the names of all values in a document; each group counts, too.
func given(in any, prefix string, found map[string]bool) {
	found[prefix] = true
	switch in := in.(type) {
	case map[string]any:
		for name, value := range in {
			given(value, prefix+"."+name, found)
		}
	case []any:
		for _, entry := range in {
			given(entry, prefix, found)
		}
	}
}

func TestEveryValueHasARow(t *testing.T) {
	tried := map[string]bool{".global": true} // helm's own
	for _, r := range rows {
		var values any
		if err := yaml.Unmarshal([]byte(r.values), &values); err != nil {
			t.Fatalf("%s: %v", r.values, err)
		}
		given(values, "", tried)
	}
	names := readSchema(t).names("")
	if len(names) < 100 {
		t.Fatalf("the schema has only %d values", len(names))
	}
	for _, name := range names {
		if !tried[name] {
			t.Errorf("no row says what the value %s does", strings.TrimPrefix(name, "."))
		}
	}
}

// values.yaml and its schema know the same values: who reads the one learns what the other takes.
func TestEveryValueStandsInTheFile(t *testing.T) {
	raw, err := os.ReadFile(root + "/charts/gatehouse/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		t.Fatal(err)
	}
	known := slices.DeleteFunc(slices.Sorted(maps.Keys(readSchema(t).Properties)), func(name string) bool { return name == "global" })
	if diff := cmp.Diff(known, slices.Sorted(maps.Keys(values))); diff != "" {
		t.Errorf("values (-schema +file):\n%s", diff)
	}
	for name, property := range readSchema(t).Properties {
		group, is := values[name].(map[string]any)
		if !is || len(group) == 0 {
			continue
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(property.Properties)), slices.Sorted(maps.Keys(group))); diff != "" {
			t.Errorf("values of %s (-schema +file):\n%s", name, diff)
		}
	}
}
