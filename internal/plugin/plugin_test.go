// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// call carries out a command and returns its exit status and what it says.
func call(t *testing.T, stdin string, args ...string) (status int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = Run(t.Context(), args, Streams{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr, Now: time.Now})
	return status, stdout.String(), stderr.String()
}

// says demands the status, and the words in what the command says.
func says(t *testing.T, want int, words string, args ...string) string {
	t.Helper()
	status, out, err := call(t, "", args...)
	if status != want || !strings.Contains(out+err, words) {
		t.Errorf("%q: status %d, want %d with %q:\n%s%s", args, status, want, words, out, err)
	}
	return out
}

// N375: a call that makes no sense ends with status 2 and a sentence, before any cluster is asked.
func TestN375ACallThatMakesNoSenseIsRefusedWithoutACluster(t *testing.T) {
	none := "--kubeconfig=" + filepath.Join(t.TempDir(), "not there")
	for _, args := range [][]string{
		{"get", "--unknown"}, {"get", "a", "-A"}, {"get", "-o", "xml"}, {"reset"}, {"rotate", "a", "b"}, {"grants"}, {"grants", "a", "-A"},
		{"grants", "--user=bob", "--subject=x"}, {"revoke", "a"}, {"revoke", "--all"}, {"revoke", "a", "--grant=x", "--all"}, {"revoke", "a", "--grant=00", "--yes"}, {"why"},
		{"policy"}, {"policy", "check"}, {"lint"}, {"lint", "-f", "not/there"}, {"explain"},
		{"revoke", "a", "--all"}, // nobody can be asked
		// A variable of a script that was never set does not make the call be about more.
		{"revoke", "", "--user=bob", "--yes"}, {"grants", "", "--user=bob"}, {"revoke", "a", "--all", "--user=", "--yes"},
		{"revoke", "a", "--user=bob", "--grant=", "--yes"}, {"revoke", "a", "--all", "--subject=", "--yes"}, {"grants", "a", "--user="},
		{"gte"}, {"lint", "a"}, {"policy", "check", "a"}, {"policy", "chekc"}, {"completion", "bash", "a"},
		{"reset", "", "--yes"}, {"why", ""}, {"explain", ""}, {"get", ""}, {"get", "-l", ""}, {"get", "-l", "a=b=c"}, {"get", "a", "-l", "a=b"},
	} {
		if status, out, err := call(t, "", append(args, none)...); status != 2 || !strings.HasPrefix(err, "Error: ") {
			t.Errorf("%q: status %d, %s%s", args, status, out, err)
		}
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	says(t, 1, "KUBECONFIG", "get")
}

func TestClientsAreListedAndChanged(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "photoprint"}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{"https://photoprint.example/callback"}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	oc.Status.ClientID = ns + ".photoprint"
	meta.SetStatusCondition(&oc.Status.Conditions, metav1.Condition{Type: "Ready", Status: "True", Reason: "Issued"})
	if err := env.Client.Status().Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	with := func(args ...string) []string { return append(args, "--kubeconfig="+env.Kubeconfig, "-n", ns) }
	for _, words := range []string{"photoprint", ns + ".photoprint", "Issued", "OAuth2"} {
		says(t, 0, words, with("get")...)
	}
	says(t, 0, "https://photoprint.example/callback", with("get", "-o", "wide")...)
	var object v1alpha1.OAuthClient
	if err := json.Unmarshal([]byte(says(t, 0, `"kind": "OAuthClient"`, with("get", "photoprint", "-o", "json")...)), &object); err != nil || object.UID != oc.UID {
		t.Errorf("JSON holds %+v, %v", object, err)
	}
	says(t, 0, "kind: OAuthClient", with("get", "photoprint", "-o", "yaml")...)
	says(t, 1, `no OAuthClient "nothing" in namespace "`+ns, with("get", "nothing")...)
	says(t, 0, "photoprint", "__complete", "--kubeconfig="+env.Kubeconfig, "-n", ns, "rotate", "")

	says(t, 2, "--yes", with("reset", "photoprint")...)
	says(t, 0, "asked for", with("reset", "photoprint", "--yes", "--revoke-grants")...)
	says(t, 0, "rotation", with("rotate", "photoprint")...)
	says(t, 0, "suspended", with("suspend", "photoprint", "-y")...)
	says(t, 1, "Ready=True, Issued", with("rotate", "photoprint", "--wait=1ns")...) // no operator runs here
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil {
		t.Fatal(err)
	}
	a := oc.Annotations
	if a[v1alpha1.AnnotationResetCredentials] == "" || a[v1alpha1.AnnotationResetRevokes] != "true" || a[v1alpha1.AnnotationRotateCredentials] == "" || !oc.Spec.Suspend {
		t.Errorf("annotations %v, suspend %v", a, oc.Spec.Suspend)
	}
	says(t, 0, "resumed", with("resume", "photoprint")...)
	says(t, 0, "asked for", with("reset", "photoprint", "--yes")...)
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(oc), oc); err != nil || oc.Spec.Suspend || oc.Annotations[v1alpha1.AnnotationResetRevokes] != "" {
		t.Errorf("after a reset without --revoke-grants: %v, %v, %v", oc.Spec.Suspend, oc.Annotations, err)
	}
	// Without the ServiceAccount a person is told how to make it; without the operator what to say.
	says(t, 1, "--issuer", with("why", "x")...)
	says(t, 1, "kubectl create serviceaccount gatehouse-kubectl -n "+ns, with("why", "x", "--issuer=https://auth.example.com")...)
}

// As kubectl does it: -l, -o name, an age, and an answer without rows that programs can read.
func TestClientsAreListedAsKubectlLists(t *testing.T) {
	env := testenv.Start(t)
	ns := env.Namespace(t)
	for name, team := range map[string]string{"photoprint": "photos", "billing": "money"} {
		oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{"team": team}}}
		oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{v1alpha1.CallbackURL("https://" + name + ".example/callback")}
		if err := env.Client.Create(t.Context(), oc); err != nil {
			t.Fatal(err)
		}
	}
	get := func(args ...string) (out, err string) {
		t.Helper()
		status, out, err := call(t, "", append([]string{"get", "--kubeconfig=" + env.Kubeconfig, "-n", ns}, args...)...)
		if status != 0 {
			t.Errorf("%q: status %d: %s", args, status, err)
		}
		return out, err
	}
	if out, _ := get("-l", "team=photos,team!=money", "-o", "name"); out != "oauthclient.gatehouse.dev/photoprint\n" {
		t.Errorf("-l and -o name say %q", out)
	}
	if out, _ := get(); !strings.Contains(out, "billing") || strings.Contains(out, " ago") || !regexp.MustCompile(`(?m) \d+[sm]\s*$`).MatchString(out) {
		t.Errorf("a list is\n%s", out)
	}
	if out, err := get("-l", "team=nobody"); out != "" || err != "no clients were found\n" {
		t.Errorf("a list without clients is %q, and beside it %q", out, err)
	}
	if out, err := get("-l", "team=nobody", "-o", "json"); !strings.Contains(out, `"items": []`) || err != "" {
		t.Errorf("as JSON it is %q, and beside it %q", out, err)
	}
}

func TestAnObjectIsCheckedAgainstThePolicyOfItsNamespace(t *testing.T) {
	env := testenv.Start(t)
	ns := env.NamespaceWithPolicy(t, "nobody-made-this")
	file := filepath.Join(t.TempDir(), "client.yaml")
	write(t, file, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: a}\nspec: {callbackURLs: ['https://a.example/']}\n")
	says(t, 1, "nobody-made-this", "policy", "check", "-f", file, "--kubeconfig="+env.Kubeconfig, "-n", ns)
	// An object that names a namespace has the policy of that one.
	named := filepath.Join(t.TempDir(), "named.yaml")
	write(t, named, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: a, namespace: "+ns+"}\nspec: {callbackURLs: ['https://a.example/']}\n")
	says(t, 1, "nobody-made-this", "policy", "check", "-f", named, "--kubeconfig="+env.Kubeconfig, "-n", "default")
	// What the API server does not take is no object that a policy allows.
	for words, text := range map[string]string{
		"is none of Gatehouse's":                  "kind: OAuthClinet\nmetadata: {name: a}\nspec: {consent: Skip}\n",
		"OAuthClient/a: spec.consnet is no field": "kind: OAuthClient\nmetadata: {name: a}\nspec: {callbackURLs: ['https://a.example/'], consnet: Skip}\n",
		"(no kind)": "metadata: {name: a}\n",
	} {
		write(t, named, "apiVersion: gatehouse.dev/v1alpha1\n"+text)
		says(t, 1, words, "policy", "check", "-f", named, "--policy-file=../../config/policy/default.yaml", "-n", ns)
	}
	says(t, 0, "nothing to say", "policy", "check", "-f", file, "--policy-file=../../config/policy/default.yaml", "-n", ns)
	skip := filepath.Join(t.TempDir(), "skip.yaml")
	write(t, skip, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: a}\nspec: {callbackURLs: ['https://a.example/'], consent: Skip}\n")
	says(t, 1, "spec.consent", "policy", "check", "-f", skip, "--policy-file=../../config/policy/default.yaml", "-n", ns)
}

func TestN412AClusterThatThePolicyDoesNotListIsSaidBeforeAnybodyAppliesIt(t *testing.T) {
	file, policy := filepath.Join(t.TempDir(), "client.yaml"), filepath.Join(t.TempDir(), "policy.yaml")
	write(t, file, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: a, namespace: b}\n"+
		"spec: {oauth2: {grantTypes: [ClientCredentials]}, credentials: {source: ServiceAccount, serviceAccount: {names: [a], clusters: [in-cluster, east]}}}\n")
	const denied = "spec.credentials.serviceAccount.clusters"
	for text, want := range map[string]string{"": denied, ", serviceAccountClusters: [west]": denied, ", serviceAccountClusters: [west, east]": ""} {
		write(t, policy, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClientPolicy\nmetadata: {name: default}\n"+
			"spec: {clients: {profiles: [OAuth2], grantTypes: [ClientCredentials]}, secrets: {sources: [ServiceAccount]"+text+"}}\n")
		for _, command := range [][]string{{"policy", "check", "-n", "b"}, {"lint"}} {
			status, words := 1, want
			if want == "" {
				status = 0
			}
			says(t, status, words, append(command, "-f", file, "--policy-file="+policy)...)
		}
	}
	says(t, 1, denied, "lint", "-f", file, "--policy-file=../../config/policy/default.yaml")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// N376: what a name or a message holds does not steer the terminal of who reads it.
func TestN376WhatOthersWroteDoesNotSteerTheTerminal(t *testing.T) {
	if got := clean("a\x1b[31mb\u202ec\u0085d\ne"); got != "a?[31mb?c?d\ne" {
		t.Errorf("%q", got)
	}
	file := filepath.Join(t.TempDir(), "evil.yaml")
	write(t, file, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: \"a\\e[31m\"}\nspec: {}\n")
	if _, out, _ := call(t, "", "lint", "-f", file); strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	// A line break would begin a line that a CI system takes for a command, or that looks like a row of a table.
	write(t, file, "apiVersion: gatehouse.dev/v1alpha1\nkind: OAuthClient\nmetadata: {name: \"a\\n::warning::x\"}\nspec: {}\n")
	if out := says(t, 1, "::warning::x", "lint", "-f", file); strings.Contains(out, "\n::") {
		t.Errorf("%q", out)
	}
	var out bytes.Buffer
	if err := (table{columns: []string{"A"}, rows: [][]string{{"a\nforged"}}}).write(&out, false); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	(&options{Streams: Streams{Out: &out}}).tell(refusal{Refusal: adminapi.Refusal{RequestID: "x\nforged", Error: "y\nforged"}})
	if strings.Contains(out.String(), "\nforged") {
		t.Errorf("%q", out.String())
	}
}

func TestColoursAreForATerminalOnly(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	for terminal, want := range map[bool]bool{true: true, false: false} {
		var out bytes.Buffer
		Run(t.Context(), []string{"lint", "-f", "-"}, Streams{In: strings.NewReader(""), Out: &out, Err: &out, OutIsTerminal: terminal})
		if got := strings.Contains(out.String(), "\x1b"); got != want {
			t.Errorf("terminal %v: %q", terminal, out.String())
		}
	}
	t.Setenv("NO_COLOR", "1")
	if got := (&options{Streams: Streams{OutIsTerminal: true}}).good("x"); got != "x" {
		t.Errorf("NO_COLOR: %q", got)
	}
}

// commands are all that do something.
func commands(c *cobra.Command) (all []*cobra.Command) {
	for _, below := range c.Commands() {
		if below.Example != "" {
			all = append(all, below)
		}
		all = append(all, commands(below)...)
	}
	return all
}

var callOfDocs = regexp.MustCompile(`(?m)^(?:\$ | *)kubectl gatehouse (.*)$`)

// Each command has examples, they stand in the documentation, and each call in the documentation is one that the command takes.
func TestTheDocumentationHoldsEachExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	root := New(Streams{})
	if n := len(commands(root)); n != 11 {
		t.Errorf("%d commands have examples", n)
	}
	for _, c := range commands(root) {
		for line := range strings.Lines(c.Example) {
			if !strings.Contains(string(text), strings.TrimSpace(line)) {
				t.Errorf("docs/plugin.md lacks %q", line)
			}
		}
	}
	calls := callOfDocs.FindAllStringSubmatch(string(text), -1)
	if len(calls) < 20 {
		t.Errorf("%d calls were found", len(calls))
	}
	for _, found := range calls {
		args, _, _ := strings.Cut(found[1], " > ")
		c, rest, err := New(Streams{}).Find(strings.Fields(args))
		if err == nil {
			err = c.ParseFlags(rest)
		}
		if err == nil && c.Args != nil {
			err = c.Args(c, c.Flags().Args())
		}
		if err != nil {
			t.Errorf("%q: %v", found[1], err)
		}
	}
}

// kubectl completes the arguments of a plugin by a program of its own. The one in the documentation does.
func TestTheProgramOfTheDocumentationCompletes(t *testing.T) {
	text, err := os.ReadFile("../../docs/plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, found := strings.Cut(string(text), "```sh\n")
	program, _, closed := strings.Cut(program, "```")
	if !found || !closed {
		t.Fatal("there is no program")
	}
	folder := t.TempDir()
	for name, text := range map[string]string{"kubectl": "#!/bin/sh\nprintf '<%s>' \"$@\"\n", "kubectl_complete-gatehouse": program} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), filepath.Join(folder, "kubectl_complete-gatehouse"), "rotate", "")
	c.Env = []string{"PATH=" + folder + ":/bin:/usr/bin"}
	if out, err := c.CombinedOutput(); err != nil || string(out) != "<gatehouse><__complete><rotate><>" {
		t.Errorf("%v: %s", err, out)
	}
}
