// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// The names of the installation of a drill.
const (
	drillSystem = "drill-system"
	drillTeam   = "drill"
)

// drillObjects are an API, a client and a person who may use it.
const drillObjects = `
apiVersion: gatehouse.dev/v1alpha1
kind: ResourceServer
metadata: {name: storage, namespace: drill}
spec:
  className: drill
  scopes: [{name: drill.read, description: Read, withoutOwner: true}]
---
apiVersion: gatehouse.dev/v1alpha1
kind: OAuthClient
metadata: {name: print, namespace: drill}
spec:
  className: drill
  callbackURLs: [https://drill.example/callback]
  scopes: [drill.read]
  oauth2: {grantTypes: [AuthorizationCode, RefreshToken, ClientCredentials]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: print-users, namespace: drill}
rules: [{apiGroups: [gatehouse.dev], resources: [oauthclients], resourceNames: [print], verbs: [authorize]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: print-users, namespace: drill}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: print-users}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "gatehouse:bob"}]
`

// drill is an installation of its own in the shared cluster: a class, the keys in a system namespace, an operator and an
// authorization server, which may be stopped, and whose data may be lost.
type drill struct {
	*server
	t        *testing.T
	dir      string
	operator *exec.Cmd
	probes   string
}

func newDrill(t *testing.T) *drill {
	t.Helper()
	w := start(t)
	d := &drill{t: t, dir: t.TempDir(), probes: freeport.For(t)}
	listen := freeport.For(t)
	d.server = &server{w: w, issuer: "https://" + listen, kubeconfig: w.Kubeconfig, config: filepath.Join(d.dir, "authserver.yaml")}
	config, err := json.Marshal(map[string]any{
		"issuer": d.issuer, "namespace": drillSystem, "class": "drill", "listen": listen, "metricsListen": freeport.For(t),
		"tls":      map[string]string{"certFile": filepath.Join(w.dir, "tls", "tls.crt"), "keyFile": filepath.Join(w.dir, "tls", "tls.key")},
		"store":    "sqlite:" + filepath.Join(d.dir, "gatehouse.db"),
		"identity": map[string]any{"sources": []any{map[string]any{"key": "users", "usersFile": map[string]string{"path": filepath.Join(w.dir, "users.yaml")}}}},
		"audit":    map[string]string{"file": filepath.Join(d.dir, "audit.log")},
	})
	d.must(err)
	d.must(os.WriteFile(d.config, config, 0o600))
	d.stubs()
	d.kubectl("create", "namespace", drillSystem)
	d.kubectl("create", "namespace", drillTeam)
	d.kubectl("label", "namespace", drillTeam, "gatehouse.dev/policy=photos")
	t.Cleanup(func() { d.stopOperator(); d.kill(t) })
	t.Cleanup(d.showLogs)
	d.startOperator()
	d.apply()
	d.start(t)
	return d
}

func (d *drill) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *drill) kubectl(arguments ...string) string {
	d.t.Helper()
	out, err := d.w.Kubectl(d.t.Context(), arguments...)
	d.must(err)
	return out
}

// apply applies the objects from their YAML, as GitOps does, and waits until they are ready.
func (d *drill) apply() {
	d.t.Helper()
	_, err := d.w.KubectlWith(d.t.Context(), strings.NewReader(drillObjects), "apply", "--server-side", "--filename", "-")
	d.must(err)
	d.kubectl("wait", "--namespace", drillTeam, "--for", "condition=Ready", "--timeout", "60s", "oauthclients,resourceservers", "--all")
}

// startOperator starts an operator anew.
func (d *drill) startOperator() {
	d.t.Helper()
	d.stopOperator()
	log, err := os.Create(d.operatorLog())
	d.must(err)
	defer log.Close() // the program has a descriptor of its own
	d.operator = exec.Command(filepath.Join(d.w.dir, "bin", "operator"), "--issuer="+d.issuer, "--namespace="+drillSystem, "--class=drill",
		"--metrics-bind-address=0", "--health-probe-bind-address="+d.probes, "--kubeconfig="+d.w.Kubeconfig)
	d.operator.Stdout, d.operator.Stderr = log, log
	d.operator.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.must(d.operator.Start())
}

func (d *drill) stopOperator() {
	if d.operator != nil {
		_ = d.operator.Process.Kill()
		_ = d.operator.Wait() // says that it was killed
		d.operator = nil
	}
}

// showLogs shows the ends of both logs after a failure.
func (d *drill) showLogs() {
	for _, log := range []string{d.operatorLog(), d.config + ".log"} {
		if text, err := os.ReadFile(log); err == nil && d.t.Failed() {
			d.t.Logf("the end of %s:\n%s", log, text[max(0, len(text)-3000):])
		}
	}
}

func (d *drill) operatorLog() string { return filepath.Join(d.dir, "operator.log") }

// get returns status and text of an address; 0 while nobody answers.
func (d *drill) get(address string) (int, string) {
	d.t.Helper()
	client, err := d.w.Client()
	d.must(err)
	res, err := client.Get(address)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	d.must(err)
	return res.StatusCode, string(text)
}

func (d *drill) eventually(what string, condition func() bool) {
	d.t.Helper()
	testenv.Eventually(d.t, time.Minute, what+"; the logs are in "+d.dir, condition)
}

// secret returns one value of a Secret; empty when there is none.
func (d *drill) secret(namespace, name, key string) string {
	d.t.Helper()
	text := d.kubectl("get", "secret", "--namespace", namespace, name, "--ignore-not-found", "--output", "jsonpath={.data."+key+"}")
	value, err := base64.StdEncoding.DecodeString(text)
	d.must(err)
	return string(value)
}

// app returns a client, or the API, with the credentials in its Secret.
func (d *drill) app(secret string) *app {
	d.t.Helper()
	client, err := d.w.Client()
	d.must(err)
	return &app{client: client, Config: oauth2.Config{
		ClientID: d.secret(drillTeam, secret, "client-id"), ClientSecret: d.secret(drillTeam, secret, "client-secret"),
		RedirectURL: "https://drill.example/callback", Scopes: []string{"drill.read"}, Endpoint: oauth2.Endpoint{
			AuthURL: d.issuer + "/oauth2/authorize", TokenURL: d.issuer + "/oauth2/token", AuthStyle: oauth2.AuthStyleInHeader,
		},
	}}
}

// alone asks for a token as the client itself.
func (a *app) alone(t *testing.T) (*oauth2.Token, error) {
	t.Helper()
	config := clientcredentials.Config{ClientID: a.ClientID, ClientSecret: a.ClientSecret, TokenURL: a.Endpoint.TokenURL,
		AuthStyle: a.Endpoint.AuthStyle}
	return config.Token(a.context(t))
}

// stubs makes what the documents' commands find in their PATH: the programs, and an age that hides nothing.
func (d *drill) stubs() {
	d.t.Helper()
	bin := filepath.Join(d.dir, "bin")
	d.must(os.Mkdir(bin, 0o700))
	d.must(os.Symlink(d.w.KubectlPath, filepath.Join(bin, "kubectl")))
	d.must(os.Symlink(filepath.Join(d.w.dir, "bin", "authserver"), filepath.Join(bin, "authserver")))
	age := "#!/bin/sh\nif [ \"$1\" = -r ]; then base64; else base64 -d \"$4\"; fi\n"
	d.must(os.WriteFile(filepath.Join(bin, "age"), []byte(age), 0o700))
}

// follow does what a block of commands in docs/operations.md says: the one that holds the text. The places are those of the drill.
func (d *drill) follow(text string) {
	d.t.Helper()
	page, err := os.ReadFile("docs/operations.md")
	d.must(err)
	var found []string
	for n, block := range strings.Split(string(page), "```") {
		if body, console := strings.CutPrefix(block, "console\n"); n%2 == 1 && console && strings.Contains(body, text) {
			found = append(found, body)
		}
	}
	if len(found) != 1 {
		d.t.Fatalf("%d blocks of docs/operations.md hold %q, want one", len(found), text)
	}
	script := "export PATH=" + filepath.Join(d.dir, "bin") + ":$PATH KUBECONFIG=" + d.w.Kubeconfig + " KUBERC=off\ncd " + d.dir + "\n"
	for line := range strings.Lines(found[0]) {
		for _, prompt := range []string{"$ ", "> "} {
			if command, is := strings.CutPrefix(strings.TrimLeft(line, " "), prompt); is {
				script += command
			}
		}
	}
	script = strings.NewReplacer("gatehouse-system", drillSystem, "/var/lib/gatehouse/", d.dir+"/", "/backup/", d.dir+"/backup-").Replace(script)
	_, err = d.w.Shell(d.t.Context(), script)
	d.must(err)
}

// etcd asks the cluster's etcd, through its gateway for JSON.
func (d *drill) etcd(call string, request, answer any) {
	d.t.Helper()
	pki := filepath.Join(d.w.dir, "pki")
	pair, err := tls.LoadX509KeyPair(filepath.Join(pki, "admin.crt"), filepath.Join(pki, "admin.key"))
	d.must(err)
	authority, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	d.must(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	body, err := json.Marshal(request)
	d.must(err)
	res, err := client.Post(d.etcdAddress()+"/v3/kv/"+call, "application/json", bytes.NewReader(body))
	d.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	d.must(err)
	if res.StatusCode != http.StatusOK {
		d.t.Fatalf("etcd answers %d: %s", res.StatusCode, text)
	}
	d.must(json.Unmarshal(text, answer))
}

// etcdAddress finds the etcd of the environment among the running processes: it takes any free port.
func (d *drill) etcdAddress() string {
	d.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	d.must(err)
	for _, file := range files {
		text, _ := os.ReadFile(file) // a process may have ended meanwhile
		arguments := strings.Split(string(text), "\x00")
		mine, address := false, ""
		for _, argument := range arguments {
			mine = mine || argument == "--data-dir="+filepath.Join(d.w.dir, "etcd")
			if url, is := strings.CutPrefix(argument, "--advertise-client-urls="); is {
				address = url
			}
		}
		if mine {
			return address
		}
	}
	d.t.Fatal("the environment's etcd does not run")
	return ""
}

// row is a key of etcd with its value.
type row struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// copyOf returns what etcd keeps of the drill's objects of one kind, UIDs included.
func (d *drill) copyOf(kind string) []row {
	d.t.Helper()
	from := []byte("/registry/gatehouse.dev/" + kind + "/" + drillTeam + "/")
	to := bytes.Clone(from)
	to[len(to)-1]++
	var answer struct {
		Rows []row `json:"kvs"`
	}
	d.etcd("range", map[string][]byte{"key": from, "range_end": to}, &answer)
	if len(answer.Rows) == 0 {
		d.t.Fatalf("etcd has no %s", kind)
	}
	return answer.Rows
}

// putBack restores rows of etcd.
func (d *drill) putBack(rows []row) {
	d.t.Helper()
	for _, r := range rows {
		var answer any
		d.etcd("put", r, &answer)
	}
}
