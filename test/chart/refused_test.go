// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"strings"
	"testing"
)

func TestValuesThatCannotBeAreRefusedWithASentence(t *testing.T) {
	const good = "issuer: " + issuer + "\n"
	for name, row := range map[string]struct{ values, want string }{
		"no issuer":                 {"", "issuer: it is missing"},
		"the issuer of the example": {"issuer: https://auth.example.com", "issuer: it is still that of the example"},
		"and with a port":           {"issuer: https://Auth.Example.com:8443", "issuer: it is still that of the example"},
		"http":                      {"issuer: http://login.photos.example", "must be https://HOST or https://HOST:PORT"},
		"a path":                    {"issuer: https://login.photos.example/", "and nothing after it"},
		"a user":                    {"issuer: https://bob@login.photos.example", "must be https://HOST"},
		"a text that is no address": {"issuer: login", "must be https://HOST"},

		"a typo":                      {good + "isuer: x", "'isuer' not allowed"},
		"a typo in a group":           {good + "image: {digst: x}", "'digst' not allowed"},
		"a typo in the configuration": {good + "config: {sesionHours: 1}", "'sesionHours' not allowed"},
		"what the chart decides":      {good + "config: {store: x}", "'store' not allowed"},
		"a number as text":            {good + "operator: {replicas: two}", "operator/replicas"},
		"a digest that is none":       {good + "image: {digest: 'sha256:12'}", "image/digest"},
		"an unknown way in":           {good + "expose: {type: NodePort}", "expose/type"},
		"too many ports":              {good + "apiServer: {ports: []}", "apiServer/ports"},
		"a port that is none":         {good + "apiServer: {ports: [70000]}", "apiServer/ports/0"},
		"a type of Kubernetes":        {good + "secretTypes: [kubernetes.io/tls]", "secretTypes/0"},
		"a type of Helm":              {good + "secretTypes: [helm.sh/release.v1]", "secretTypes/0"},
		"a quote in a type":           {good + "secretTypes: [\"a'b\"]", "secretTypes/0"},
		"a person without a hash":     {good + "users: {list: [{name: bob}]}", "passwordHash"},
		"a password in clear":         {good + "users: {list: [{name: bob, passwordHash: secret}]}", "passwordHash"},
		"too long a session":          {good + "config: {sessionHours: 721}", "config/sessionHours"},
		"a password in the address":   {good + "highAvailability: true\npostgres: {host: d.example, parameters: 'sslmode=require&password=x'}", "postgres/parameters"},
		"a file of nothing":           {good + "mounts: [{name: corp}]", "mounts/0"},
		"a namespace twice":           {good + "namespaces: {list: [a, a]}", "namespaces/list"},

		"replicas without a database":  {good + "highAvailability: true", "postgres.host: it is missing"},
		"a database without replicas":  {good + "postgres: {host: d.example}", "postgres.host: it is set, but highAvailability is false"},
		"more at least than at most":   {good + "autoscaling: {minReplicas: 7}", "autoscaling.minReplicas: it must not be more"},
		"a proxy that nobody trusts":   {good + "expose: {type: Ingress}", "config.trustedProxies: it is missing"},
		"a Gateway that nobody trusts": {good + "expose: {type: HTTPRoute, gateway: {parentRefs: [{name: x}]}}", "config.trustedProxies: it is missing"},
		"a route to nowhere":           {good + "expose: {type: TLSRoute}", "expose.gateway.parentRefs: it is missing"},
		"a certificate of nobody":      {good + "tls: {certManager: {enabled: true}}", "tls.certManager.issuerRef.name: it is missing"},
		"a certificate for nobody":     {good + "expose: {type: HTTPRoute, gateway: {parentRefs: [{name: x}]}}\nconfig: {trustedProxies: [10.0.0.0/8]}\ntls: {certManager: {enabled: true, issuerRef: {name: x}}}", "the Gateway ends TLS"},
		"a person without an ID":       {good + "users: {list: [{name: bob, passwordHash: $x}]}", "users.list[0].id: it is missing; give bob one"},
		"people whom no source reads":  {good + "users: {list: [{name: bob, passwordHash: $x}]}\nconfig: {identity: {sources: [{key: corp, ldap: {}}]}}", "users.list: no source"},
		"a folder that is there":       {good + "mounts: [{name: tls, secret: x}]", "mounts: the name tls is there already"},
		"a folder twice":               {good + "mounts: [{name: a, secret: x}, {name: a, secret: other}]", "mounts: the name a is there already"},
		"policies that nobody reads":   {good + "namespaces: {list: [a]}\npolicies: {shop: {}}", "say in namespaces.policy"},
		"a policy for no namespace":    {good + "namespaces: {policy: {description: x}}", "namespaces.list is empty"},
		"types of an administrator":    {good + "namespaces: {list: [a]}\nsecretTypes: [nginx.org/oidc]", "secretTypes: with namespaces.list an administrator applies the ValidatingAdmissionPolicy gatehouse-operator-secrets"},
		"types of another":             {good + "sharedObjects: false\nsecretTypes: [nginx.org/oidc]", "secretTypes: with sharedObjects false another installation brings the ValidatingAdmissionPolicy gatehouse-operator-secrets"},
		"policies of another":          {good + "sharedObjects: false\npolicies: {shop: {}}", "another installation brings the policies"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := helm(t, row.values, "template", "gatehouse", "charts/gatehouse", "--values", "-")
			if err == nil || !strings.Contains(stderr, row.want) || stdout != "" {
				t.Errorf("got %v and %q, want a sentence with %q", err, stderr, row.want)
			}
		})
	}
}

func TestAllProblemsAreSaidAtOnce(t *testing.T) {
	_, stderr, err := helm(t, "issuer: https://auth.example.com\nhighAvailability: true\nexpose: {type: TLSRoute}", "template", "gatehouse", "charts/gatehouse", "--values", "-")
	for _, want := range []string{"issuer:", "postgres.host:", "expose.gateway.parentRefs:"} {
		if err == nil || !strings.Contains(stderr, "\n  "+want) {
			t.Errorf("%s is not among the problems: %v\n%s", want, err, stderr)
		}
	}
}

func TestAClusterThatIsTooOldIsRefused(t *testing.T) {
	for _, chart := range []string{"charts/gatehouse", "charts/gatehouse-crds"} {
		args := []string{"template", "x", chart, "--kube-version"}
		values := "issuer: " + issuer
		if chart == "charts/gatehouse-crds" {
			values = ""
		}
		if _, stderr, err := helm(t, values, append(args, "v1.31.9", "--values", "-")...); err == nil || !strings.Contains(stderr, ">=1.32.0") {
			t.Errorf("%s on 1.31: %v\n%s", chart, err, stderr)
		}
		if _, stderr, err := helm(t, values, append(args, "v1.32.0-gke.100", "--values", "-")...); err != nil {
			t.Errorf("%s on 1.32: %v\n%s", chart, err, stderr)
		}
	}
}
