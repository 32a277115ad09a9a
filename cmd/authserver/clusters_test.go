// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
)

// inFile writes the text into a file of its own and returns its path.
func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestN413AClusterThatCannotBeIsRefusedAtTheStart(t *testing.T) {
	const one = "workloadIdentity.clusters[0]"
	jwks := inFile(t, authtest.JWKS(t, authtest.NewClientKey(t, "k")))
	for name, row := range map[string]struct {
		clusters string
		want     []string
	}{
		"a text":                         {"east", []string{"line 4: here must be a list of clusters"}},
		"an unknown key":                 {"[{name: east, issuer: 'https://i.example', jwks: x}]", []string{`line 4: there is no key "jwks" here`}},
		"nothing":                        {"[{}]", []string{one + ".name: \"\" must be 1 to 63", one + ".issuer: it is missing"}},
		"upper case":                     {"[{name: East, issuer: 'https://i.example'}]", []string{one + `.name: "East" must be`}},
		"a dot":                          {"[{name: a.b, issuer: 'https://i.example'}]", []string{one + `.name: "a.b" must be`}},
		"this cluster":                   {"[{name: in-cluster, issuer: 'https://i.example'}]", []string{one + ".name: in-cluster is the cluster that this server is in"}},
		"a name twice":                   {"[{name: east, issuer: 'https://i.example'}, {name: east, issuer: 'https://j.example'}]", []string{`workloadIdentity.clusters[1].name: "east" is the name of ` + one}},
		"an issuer with a space":         {"[{name: east, issuer: 'https://i.example '}]", []string{one + ".issuer: it must hold no spaces"}},
		"an issuer without end":          {"[{name: east, issuer: 'https://" + strings.Repeat("i", 512) + "'}]", []string{one + ".issuer: it is longer than 512 bytes"}},
		"the server itself":              {"[{name: east, issuer: 'https://auth.example.com'}]", []string{one + ".issuer: it is the issuer of this server"}},
		"an issuer that is no URL":       {"[{name: east, issuer: kubernetes/serviceaccount}]", []string{one + ".issuer: without jwksFile and jwksURI the keys are looked for at the issuer: it must be an https URL"}},
		"an issuer with a query":         {"[{name: east, issuer: 'https://i.example?x'}]", []string{one + ".issuer: without jwksFile and jwksURI"}},
		"the API server of this cluster": {"[{name: east, issuer: 'https://kubernetes.default.svc.cluster.local'}]", []string{one + ".issuer: without jwksFile and jwksURI the keys are looked for at the issuer: kubernetes.default.svc.cluster.local is the API server of the cluster that this server is in: name"}},
		"the same in upper case":         {"[{name: east, issuer: 'https://KUBERNETES.default.svc.:6443/'}]", []string{one + ".issuer: without jwksFile and jwksURI"}},
		"its short name":                 {"[{name: east, issuer: 'https://kubernetes.default'}]", []string{one + ".issuer: without jwksFile and jwksURI"}},
		"its address for the keys":       {"[{name: east, issuer: i, jwksURI: 'https://kubernetes.default.svc/openid/v1/jwks'}]", []string{one + ".jwksURI: kubernetes.default.svc is the API server"}},
		"one issuer and one file":        {"[{name: east, issuer: i, jwksFile: /e/jwks.json}, {name: west, issuer: i, jwksFile: /e//jwks.json}]", []string{"workloadIdentity.clusters[1]: its issuer and its keys are those of " + one}},
		"one issuer and one address":     {"[{name: east, issuer: i, jwksURI: 'https://e.example'}, {name: west, issuer: i, jwksURI: 'https://e.example', caFile: /ca.crt}]", []string{"workloadIdentity.clusters[1]: its issuer and its keys are those of " + one}},
		"one issuer that says where":     {"[{name: east, issuer: 'https://e.example'}, {name: west, issuer: 'https://e.example'}]", []string{"workloadIdentity.clusters[1]: its issuer and its keys are those of " + one}},
		"an address that is http":        {"[{name: east, issuer: i, jwksURI: 'http://i.example'}]", []string{one + ".jwksURI: it must be an https URL"}},
		"an address with a password":     {"[{name: east, issuer: i, jwksURI: 'https://a:b@i.example'}]", []string{one + ".jwksURI: it must hold no user name"}},
		"a file and an address":          {"[{name: east, issuer: i, jwksURI: 'https://i.example', jwksFile: " + jwks + "}]", []string{one + ".jwksFile: jwksURI is set, too"}},
		"authorities for a file":         {"[{name: east, issuer: i, jwksFile: " + jwks + ", caFile: " + jwks + "}]", []string{one + ".caFile: it says whose certificate an address may have"}},
	} {
		_, err := read(t, least+"workloadIdentity: {clusters: "+row.clusters+"}\n", options{})
		found, ok := errors.AsType[*problems](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for n, want := range row.want {
			if len(found.list) != len(row.want) || !strings.HasPrefix(found.list[n], want) {
				t.Errorf("%s: the problems are %q, want %q", name, found.list, row.want)
				break
			}
		}
	}
	all := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("{name: c%d, issuer: %q, jwksURI: 'https://c%d.example'}", i, "https://kubernetes.default.svc.cluster.local", i))
		}
		return least + "workloadIdentity: {clusters: [" + strings.Join(list, ", ") + "]}\n"
	}
	if c, err := read(t, all(32), options{}); err != nil || len(c.clusters()) != 32 || c.clusters()[31].Key != "workloadIdentity.clusters[31]" {
		t.Errorf("32 clusters of one issuer: %v", err)
	}
	if _, err := read(t, all(33), options{}); err == nil || !strings.Contains(err.Error(), "more than 32") {
		t.Errorf("33 clusters: %v", err)
	}
	for name, clusters := range map[string]string{
		"an issuer that is no URL, with a file":                                               "{name: east, issuer: kubernetes/serviceaccount, jwksFile: " + jwks + "}",
		"two issuers with the keys of one API server, while one takes the place of the other": "{name: old, issuer: i, jwksFile: " + jwks + "}, {name: new, issuer: j, jwksFile: " + jwks + "}",
	} {
		if _, err := read(t, least+"workloadIdentity: {clusters: ["+clusters+"]}\n", options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A job that writes bad keys of one cluster must not keep each replica from its next start.
func TestN413AFileOfAClusterThatCannotBeUsedDoesNotKeepTheServerFromItsStart(t *testing.T) {
	empty := inFile(t, "")
	for name, cluster := range map[string]string{
		"keys that are not there":          "issuer: i, jwksFile: /nowhere/jwks.json",
		"keys that are none":               "issuer: i, jwksFile: " + empty,
		"authorities that are not there":   "issuer: 'https://i.example', caFile: /nowhere/ca.crt",
		"authorities without certificates": "issuer: 'https://i.example', caFile: " + empty,
	} {
		if _, err := read(t, least+"workloadIdentity: {clusters: [{name: east, "+cluster+"}]}\n", options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
