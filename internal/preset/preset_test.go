// SPDX-License-Identifier: Apache-2.0

package preset

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
	goyaml "sigs.k8s.io/yaml"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
)

// values are of a client whose callback and scopes have every character that a reader may take for something else.
func values() Values {
	return Values{
		Standard: map[string]string{
			v1alpha1.KeyClientID: "photos.photoprint", v1alpha1.KeyClientSecret: "ghs_secret", v1alpha1.KeyIssuer: "https://login.example",
			v1alpha1.KeyTokenEndpoint: "https://login.example/oauth2/token",
		},
		Scopes:      []string{"openid", "a$HOME", "b$(id)", "c`id`", "d#e", "f=g", "{{issuer}}", "~", "*", "&x", "!y", "%z", "@w", "|", "null", "1e3", "[v]"},
		CallbackURL: "https://h.example/cb;$(id)?a=$HOME&b=!!c,d",
		GrantType:   "authorization_code",
	}
}

// render returns the files of a preset.
func render(t *testing.T, name v1alpha1.SecretPreset, v Values) map[string]string {
	t.Helper()
	p, ok := Of(name)
	if !ok {
		t.Fatalf("there is no preset %s", name)
	}
	files, err := p.Render(v)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// environment is what the values of a .env file have to be.
func environment(v Values) map[string]string {
	want := map[string]string{"OAUTH_SCOPES": strings.Join(v.Scopes, " "), "OAUTH_CALLBACK_URL": v.CallbackURL}
	for key, value := range v.Standard {
		want[variable(key)] = value
	}
	return want
}

// N386: nothing in a callback or a scope becomes something else for a shell or for a reader of .env files.
func TestN386AShellAndNodeReadADotenvFileAlike(t *testing.T) {
	quoted := values()
	quoted.CallbackURL, quoted.Scopes = "https://h.example/it's;a?b=c", []string{"openid", "it's", "d#e", "(f)", "*", "~", "&"}
	for name, v := range map[string]Values{"replaced": values(), "quoted": quoted, "smallest": {Standard: map[string]string{v1alpha1.KeyClientID: "a.b"}, CallbackURL: "x", Scopes: []string{"y"}}} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), ".env")
			if err := os.WriteFile(file, []byte(render(t, v1alpha1.PresetDotenv, v)[".env"]), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(environment(v), fromShell(t, file)); diff != "" {
				t.Errorf("sh reads (-want +got):\n%s", diff)
			}
			script := `console.log(JSON.stringify(require('node:util').parseEnv(require('node:fs').readFileSync(process.argv[1], 'utf8'))))`
			if diff := cmp.Diff(environment(v), fromJSON[map[string]string](t, output(t, "node", "-e", script, file))); diff != "" {
				t.Errorf("node reads (-want +got):\n%s", diff)
			}
		})
	}
}

// fromShell returns the variables that a file sets in a shell.
func fromShell(t *testing.T, file string) map[string]string {
	t.Helper()
	set := map[string]string{}
	for entry := range strings.SplitSeq(output(t, "env", "-i", "sh", "-c", `set -a; . "$0"; env -0`, file), "\x00") {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OAUTH_") {
			set[name] = value
		}
	}
	return set
}

func output(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arguments...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s: %v %s", name, err, &stderr)
	}
	return string(out)
}

func fromJSON[T any](t *testing.T, text string) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// N385: what a format has no common spelling for is an error, and no file.
func TestN385WhatAPresetCannotHoldIsSaid(t *testing.T) {
	for _, row := range []struct {
		preset v1alpha1.SecretPreset
		change func(*Values)
		want   string
	}{
		{v1alpha1.PresetDotenv, func(v *Values) { v.CallbackURL = "https://h.example/it's?a=$HOME" }, "the key .env of the preset Dotenv cannot hold the value of callback-url: "},
		{v1alpha1.PresetDotenv, func(v *Values) { v.Scopes = []string{"it's", "$x"} }, "the key .env of the preset Dotenv cannot hold the scopes: "},
		{v1alpha1.PresetDotenv, func(v *Values) { v.Scopes = []string{"it's", "`x`"} }, "cannot hold the scopes: "},
		{v1alpha1.PresetDotenv, func(v *Values) { v.CallbackURL = "a\nOAUTH_ISSUER=b" }, "cannot hold the value of callback-url: "},
		{v1alpha1.PresetDotenv, func(v *Values) { v.CallbackURL = `a\` }, "cannot hold the value of callback-url: "},
		{v1alpha1.PresetSpring, func(v *Values) { v.Scopes = []string{"${user.home}"} }, "the key application.yaml of the preset Spring cannot hold the scopes: "},
		{v1alpha1.PresetSpring, func(v *Values) { v.CallbackURL = "https://h.example/${x}" }, "cannot hold the value of callback-url: "},
		{v1alpha1.PresetHeadlamp, func(v *Values) { v.Scopes = []string{"a,b"} }, "the key OIDC_SCOPES of the preset Headlamp cannot hold the scopes: "},
		{v1alpha1.PresetServiceBinding, func(v *Values) { v.Scopes = []string{"a,b"} }, "cannot hold the scopes: "},
	} {
		v := values()
		row.change(&v)
		p, _ := Of(row.preset)
		files, err := p.Render(v)
		if err == nil || !strings.Contains(err.Error(), row.want) || files != nil {
			t.Errorf("%s: %v, want %q", row.preset, err, row.want)
		}
	}
}

// Spring Boot reads YAML with its own names; each property is one of the reference of Spring Boot.
func TestSpringReadsItsFile(t *testing.T) {
	v := values()
	want := `{"spring": {"security": {"oauth2": {"client": {
		"registration": {"gatehouse": {
			"provider": "gatehouse", "client-id": "photos.photoprint", "client-secret": "ghs_secret", "client-authentication-method": "client_secret_basic",
			"authorization-grant-type": "authorization_code", "redirect-uri": ` + asJSON(v.CallbackURL) + `, "scope": ` + asJSON(v.Scopes) + `}},
		"provider": {"gatehouse": {"issuer-uri": "https://login.example"}}}}}}}`
	sameYAML(t, render(t, v1alpha1.PresetSpring, v)["application.yaml"], want)
}

// GitLab reads YAML with Ruby's parser, which is of YAML 1.1.
func TestGitLabReadsItsProvider(t *testing.T) {
	v := values()
	v.CallbackURL, v.Scopes = "https://h.example/ü/\"'\\", append(v.Scopes, "ü", `"`, "${x}")
	want := `{"name": "openid_connect", "label": "Gatehouse", "args": {
		"name": "openid_connect", "scope": ` + asJSON(v.Scopes) + `, "response_type": "code", "issuer": "https://login.example", "discovery": true,
		"client_auth_method": "basic", "uid_field": "sub", "send_scope_to_token_endpoint": false, "pkce": true,
		"client_options": {"identifier": "photos.photoprint", "secret": "ghs_secret", "redirect_uri": ` + asJSON(v.CallbackURL) + `}}}`
	sameYAML(t, render(t, v1alpha1.PresetGitLab, v)["provider"], want)
}

// sameYAML compares what Go and Ruby read.
func sameYAML(t *testing.T, text, want string) {
	t.Helper()
	read, err := goyaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	wanted := fromJSON[map[string]any](t, want)
	if diff := cmp.Diff(wanted, fromJSON[map[string]any](t, string(read))); diff != "" {
		t.Errorf("Go reads (-want +got):\n%s", diff)
	}
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `require "yaml"; require "json"; puts JSON.generate(YAML.safe_load(File.read(ARGV[0], encoding: "utf-8")))`
	if diff := cmp.Diff(wanted, fromJSON[map[string]any](t, output(t, "ruby", "-e", script, file))); diff != "" {
		t.Errorf("Ruby reads (-want +got):\n%s", diff)
	}
}

// The kubelet leaves out what is no name of a variable; a shell reads letters, digits and _ alone.
func TestEveryKeyOfEnvFromIsAVariable(t *testing.T) {
	p, _ := Of(v1alpha1.PresetEnvFrom)
	names := render(t, v1alpha1.PresetEnvFrom, values())
	for _, standard := range standardKeys {
		names[p.Keys[standard]] = ""
	}
	if len(names) != len(standardKeys)+2 || names["OAUTH_SCOPES"] == "" || names["OAUTH_CALLBACK_URL"] != values().CallbackURL {
		t.Fatalf("the names are %q", names)
	}
	for name := range names {
		if problems := validation.IsEnvVarName(name); len(problems) > 0 || strings.ContainsAny(name, "-.") {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

// What each program demands, by its documentation: the keys of the Secret, its type, its labels.
func TestEachProgramFindsWhatItDemands(t *testing.T) {
	for name, want := range map[v1alpha1.SecretPreset]struct {
		keys   map[string]string // standard key: its name
		files  map[string]string
		random map[string]int
		kind   v1alpha1.SecretType
		labels map[string]string
	}{
		v1alpha1.PresetArgoCD:                 {labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}},
		v1alpha1.PresetArgoWorkflows:          {keys: map[string]string{"client-id": "client-id", "client-secret": "client-secret"}},
		v1alpha1.PresetEnvoyGateway:           {keys: map[string]string{"client-id": "client-id", "client-secret": "client-secret"}},
		v1alpha1.PresetNginxIngressController: {keys: map[string]string{"client-secret": "client-secret"}, kind: "nginx.org/oidc"},
		v1alpha1.PresetKiali:                  {keys: map[string]string{"client-secret": "oidc-secret"}},
		v1alpha1.PresetOAuth2Proxy: {
			keys:   map[string]string{"client-id": "client-id", "client-secret": "client-secret"},
			random: map[string]int{"cookie-secret": 32},
		},
		v1alpha1.PresetHeadlamp: {
			keys:  map[string]string{"client-id": "OIDC_CLIENT_ID", "client-secret": "OIDC_CLIENT_SECRET", "issuer": "OIDC_ISSUER_URL"},
			files: map[string]string{"OIDC_SCOPES": "profile,email", "OIDC_CALLBACK_URL": "https://h.example/oidc-callback", "OIDC_USE_PKCE": "true"},
		},
		v1alpha1.PresetServiceBinding: {
			keys: map[string]string{"client-id": "client-id", "client-secret": "client-secret"},
			files: map[string]string{
				"type": "oauth2", "provider": "gatehouse", "issuer-uri": "https://login.example", "redirect-uri": "https://h.example/oidc-callback",
				"authorization-grant-type": "authorization_code", "scope": "profile,email",
			},
		},
	} {
		v := values()
		v.Scopes, v.CallbackURL = []string{"profile", "email"}, "https://h.example/oidc-callback"
		template := &v1alpha1.SecretTemplate{Preset: name}
		for standard, key := range want.keys {
			if got := NameOf(template, standard); got != key {
				t.Errorf("%s: the key of %s is %s, want %s", name, standard, got, key)
			}
		}
		files := render(t, name, v)
		for key, text := range want.files {
			if files[key] != text {
				t.Errorf("%s: %s is %q, want %q", name, key, files[key], text)
			}
		}
		p, _ := Of(name)
		if got, kind := TypeOf(template), want.kind; got != kind && (kind != "" || got != v1alpha1.SecretTypeDefault) {
			t.Errorf("%s: the type is %s", name, got)
		}
		random := map[string]int{}
		for _, g := range p.Generate {
			random[string(g.Key)] = int(g.Length)
		}
		if len(files) != len(want.files) || len(random) != len(want.random) || random["cookie-secret"] != want.random["cookie-secret"] {
			t.Errorf("%s: files %q, generated %v", name, files, random)
		}
		if diff := cmp.Diff(want.labels, p.Labels); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", name, diff)
		}
	}
}

// What the client does not have has no line and no key.
func TestNothingStandsForWhatAClientDoesNotHave(t *testing.T) {
	bare := Values{Standard: map[string]string{v1alpha1.KeyClientID: "a.b", v1alpha1.KeyIssuer: "https://login.example"}}
	for _, p := range table {
		for key, text := range render(t, p.Name, bare) {
			if text == "" || strings.Contains(text, "{{") || strings.Contains(text, " scope: ") || strings.Contains(strings.ToLower(text), "callback") || strings.Contains(text, "SECRET") {
				t.Errorf("%s: %s is %q", p.Name, key, text)
			}
		}
	}
	if _, ok := Of(""); ok {
		t.Error("there is a preset without a name")
	}
	if got := NameOf(&v1alpha1.SecretTemplate{Keys: &v1alpha1.SecretKeys{Issuer: "I"}}, "issuer"); got != "I" {
		t.Errorf("without a preset the issuer is under %s", got)
	}
}
