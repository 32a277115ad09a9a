// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/credential"
	"github.com/gatehouse-dev/gatehouse/internal/credential/credentialtest"
	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

// keys are what the operator makes.
type keys struct {
	root, shared credential.Key
	set          credential.KeySet
}

// writeKeys puts the two key Secrets of the server into the namespace.
func writeKeys(t *testing.T, env *testenv.Env, namespace string) keys {
	t.Helper()
	now := time.Now()
	k := keys{root: credential.NewKey(), shared: credential.NewKey()}
	k.set, _ = credential.KeySet{}.Rotated(now, credential.NewSetKey(now))
	k.set = new(credentialtest.SigningKeys).Complete(k.set)
	for name, data := range map[string]map[string][]byte{
		credential.SharedKeySecret:      {credential.SharedDataKey: k.shared.Bytes()},
		credential.AuthserverKeysSecret: k.set.Data(),
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
		if err := env.Client.Create(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// writeClient makes a client with client credentials, as the operator would leave it,
// and returns its ID and secret.
func writeClient(t *testing.T, env *testenv.Env, namespace string, k keys) (id, secret string) {
	t.Helper()
	oc := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "photostorage"}}
	oc.Spec.CallbackURLs = []v1alpha1.CallbackURL{callback}
	oc.Spec.OAuth2 = &v1alpha1.OAuth2Spec{GrantTypes: []v1alpha1.GrantType{v1alpha1.GrantTypeAuthorizationCode, v1alpha1.GrantTypeClientCredentials}}
	if err := env.Client.Create(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	credentialID := credential.NewID()
	secret = credential.Derive(k.root, string(oc.UID), credentialID)
	oc.Status.ClientID = v1alpha1.ClientIDOf(oc)
	oc.Status.Credentials = []v1alpha1.CredentialStatus{{
		ID: credentialID, IssuedAt: metav1.Now(), Verifier: credential.Verifier(k.shared, string(oc.UID), credentialID, secret),
	}}
	oc.Status.Conditions = []metav1.Condition{{
		Type: string(v1alpha1.ConditionReady), Status: metav1.ConditionTrue, Reason: string(v1alpha1.ReadyReasonIssued), LastTransitionTime: metav1.Now(),
	}}
	if err := env.Client.Status().Update(t.Context(), oc); err != nil {
		t.Fatal(err)
	}
	return oc.Status.ClientID, secret
}

// token asks for a token by client credentials and returns the status and the token.
func (p *process) token(t *testing.T, id, secret string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.main+"/oauth2/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer.Token
}

func TestTheServerBecomesReadyWithItsKeysAndServesUntilItIsAskedToStop(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	f := newFolder(t, namespace)
	p := start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)

	testenv.Eventually(t, limit, "only the keys are missing", func() bool {
		status, body := p.get(t, "https://"+p.main+"/readyz")
		return status == http.StatusServiceUnavailable && body == "keys\n"
	})
	if status, body := p.get(t, "http://"+p.ops+"/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("health while it waits: %d %q", status, body)
	}
	p.until(t, "which the operator makes")

	k := writeKeys(t, env, namespace)
	id, secret := writeClient(t, env, namespace, k)
	for _, port := range []string{"https://" + p.main, "http://" + p.ops} {
		testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, port+"/readyz"); return status == http.StatusOK })
	}
	var token string
	testenv.Eventually(t, limit, "the client is known", func() bool {
		var status int
		status, token = p.token(t, id, secret)
		return status == http.StatusOK
	})
	// The line is there before the answer; the pipe between two processes takes a moment.
	testenv.Eventually(t, limit, "the event is in the audit log", func() bool {
		return strings.Contains(p.audit.String(), `"event":"token.issued","clientID":"`+id+`"`)
	})
	_, metrics := p.get(t, "http://"+p.ops+"/metrics")
	for _, want := range []string{
		`gatehouse_tokens_issued_total{grant_type="client_credentials"} 1`, `gatehouse_ready{part="keys"} 1`,
		`gatehouse_ready{part="registry"} 1`, `gatehouse_ready{part="store"} 1`, "process_resident_memory_bytes",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics without %s", want)
		}
	}

	p.signal(t, syscall.SIGTERM)
	if status := p.status(t); status != exitStopped {
		t.Errorf("exit status %d\n%s", status, &p.log)
	}
	log := p.log.String()
	if !strings.HasSuffix(log, "\n") || !strings.Contains(log, `"msg":"stopped"`) || !strings.Contains(log, `"route":"POST /oauth2/token"`) {
		t.Errorf("log:\n%s", log)
	}
	for where, text := range map[string]string{"log": log, "audit log": p.audit.String(), "metrics": metrics} {
		if strings.Contains(text, secret) || strings.Contains(text, token) {
			t.Errorf("N61: a secret or a token is in the %s", where)
		}
		for line := range strings.Lines(text) {
			if where != "metrics" && !json.Valid([]byte(line)) {
				t.Errorf("a line of the %s is not JSON: %s", where, line)
			}
		}
	}
}

func TestTheServerListensAndWaitsWhileTheClusterIsOutOfReach(t *testing.T) {
	f := newFolder(t, "gatehouse-system")
	p := start(t, "--config="+f.config, "--kubeconfig="+deadKubeconfig(t))
	testenv.Eventually(t, limit, "only the store answers", func() bool {
		status, body := p.get(t, "https://"+p.main+"/readyz")
		return status == http.StatusServiceUnavailable && body == "keys registry\n"
	})
	if status, _ := p.get(t, "https://"+p.main+"/healthz"); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	a := &answers{p: p, id: "photos.photoprint", secret: "ghs_whatever", token: "gha_whatever"}
	for _, name := range requests() {
		if status, header, body := a.ask(t, name); status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" {
			t.Errorf("N100: %s: %d, Retry-After %q: %s", name, status, header.Get("Retry-After"), body)
		}
	}
	p.until(t, "the API server to list the OAuthClients")
	p.until(t, "connection refused")
	p.signal(t, syscall.SIGINT)
	if status := p.status(t); status != exitStopped {
		t.Errorf("exit status %d\n%s", status, &p.log)
	}
}

// startPlain starts a server without TLS and waits until it is ready: before, it reads no body.
func startPlain(t *testing.T) *process {
	t.Helper()
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	writeKeys(t, env, namespace)
	p := start(t, "--config="+plain(t, newFolder(t, namespace)), "--kubeconfig="+env.Kubeconfig)
	testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "http://"+p.ops+"/readyz"); return status == http.StatusOK })
	return p
}

func TestStoppingFinishesWhatIsUnderWay(t *testing.T) {
	p := startPlain(t)
	finish := p.hang(t)
	p.signal(t, syscall.SIGTERM)
	p.until(t, `"msg":"stopping"`)
	testenv.Eventually(t, limit, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", p.main)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if _, body := p.get(t, "http://"+p.ops+"/readyz"); body != "stopping\n" {
		t.Errorf("ready says %q", body)
	}
	if status := finish(); !strings.HasPrefix(status, "4") && !strings.HasPrefix(status, "5") {
		t.Errorf("the request under way got %q", status)
	}
	if status := p.status(t); status != exitStopped {
		t.Errorf("exit status %d\n%s", status, &p.log)
	}
}

func TestASecondSignalEndsItAtOnce(t *testing.T) {
	p := startPlain(t)
	p.hang(t)
	p.signal(t, syscall.SIGTERM)
	p.until(t, `"msg":"stopping"`)
	p.signal(t, syscall.SIGTERM)
	if status := p.status(t); status != -1 {
		t.Errorf("exit status %d\n%s", status, &p.log)
	}
}

// plain changes a folder's configuration to plain HTTP.
func plain(t *testing.T, f folder) string {
	t.Helper()
	text, err := os.ReadFile(f.config)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "tls:") && !strings.HasPrefix(line, "plainHTTP:") {
			kept = append(kept, line)
		}
	}
	f.write(t, "authserver.yaml", strings.Join(kept, "")+"\nplainHTTP: true\n")
	return f.config
}

func TestASecondServerOnTheSameStoreIsRefused(t *testing.T) {
	f := newFolder(t, "gatehouse-system")
	p := start(t, "--config="+f.config, "--kubeconfig="+deadKubeconfig(t))
	second := program("--config="+f.config, "--kubeconfig="+deadKubeconfig(t))
	out, err := second.CombinedOutput()
	if second.ProcessState.ExitCode() != exitRefused || !strings.Contains(string(out), "store: another server uses") {
		t.Errorf("%v:\n%s", err, out)
	}
	if status, _ := p.get(t, "https://"+p.main+"/healthz"); status != http.StatusOK {
		t.Errorf("the first server: %d", status)
	}
}

func TestEverythingThatCannotBeOpenedIsSaidAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	f := newFolder(t, "gatehouse-system", "audit: {file: /nowhere/audit.log}")
	for _, name := range []string{"users.yaml", "tls.key"} {
		if err := os.Remove(f.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := program("--config="+f.config, "--listen="+taken.Addr().String())
	out, _ := cmd.CombinedOutput()
	if status := cmd.ProcessState.ExitCode(); status != exitRefused {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{
		"\n  cluster: this is not a pod: name a kubeconfig file by --kubeconfig\n", "\n  identity.sources[0].usersFile: ", "\n  tls: ",
		"\n  audit.file: open /nowhere/audit.log: no such file or directory\n", "\n  listen: ", "address already in use",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if _, err := os.Stat(f.path("gatehouse.db")); err == nil {
		t.Error("a store was made for a server that cannot start")
	}
}

func TestALogThatNobodyReadsIsNotTheEnd(t *testing.T) {
	f := newFolder(t, "gatehouse-system")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	ops := freeport.For(t) // there is no log to learn it from
	cmd := program("--config="+f.config, "--kubeconfig="+deadKubeconfig(t), "--metrics-listen="+ops)
	cmd.Stderr = writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	testenv.Eventually(t, limit, "the server answers, and counts what it could not log", func() bool {
		response, err := http.Get("http://" + ops + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode == http.StatusOK && !strings.Contains(string(body), "gatehouse_log_lines_lost_total 0\n")
	})
}

func TestAServerThatIsAskedToStopServesOnUntilOthersKnow(t *testing.T) {
	env := testenv.Start(t)
	namespace := env.Namespace(t)
	k := writeKeys(t, env, namespace)
	id, secret := writeClient(t, env, namespace, k)
	f := newFolder(t, namespace, "shutdownDelaySeconds: 300")
	p := start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)
	testenv.Eventually(t, limit, "ready", func() bool { status, _ := p.get(t, "http://"+p.ops+"/readyz"); return status == http.StatusOK })

	p.signal(t, syscall.SIGTERM)
	p.until(t, `"msg":"stopping"`)
	for _, port := range []string{"https://" + p.main, "http://" + p.ops} {
		if status, body := p.get(t, port+"/readyz"); status != http.StatusServiceUnavailable || body != "stopping\n" {
			t.Errorf("N191: %s/readyz: %d %q", port, status, body)
		}
	}
	for range 3 {
		if status, _ := p.token(t, id, secret); status != http.StatusOK {
			t.Errorf("N191: a request in the shutdown delay: %d", status)
		}
	}
	p.signal(t, syscall.SIGTERM)
	if status := p.status(t); status != -1 {
		t.Errorf("exit status %d\n%s", status, &p.log)
	}

	f = newFolder(t, namespace, "shutdownDelaySeconds: 0.1")
	p = start(t, "--config="+f.config, "--kubeconfig="+env.Kubeconfig)
	p.signal(t, syscall.SIGTERM)
	if status := p.status(t); status != exitStopped {
		t.Errorf("after the delay it stops by itself: exit status %d\n%s", status, &p.log)
	}
}
